package preparation

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"memgraph-controller/internal/cluster"
)

const (
	// current is where a mounted ConfigMap keeps its present version; an update
	// replaces this link and then removes the old directory.
	current = "..data"
	// versions is how many updates may come while the record is read.
	versions = 5
	// largest is more than Kubernetes lets a ConfigMap have.
	largest = 4 << 20
)

// readRecord reads the record from a directory in which each key is a file. It
// returns nil if there is none, or nothing in it.
func readRecord(dir string) (*cluster.Record, error) {
	data, err := readKeys(dir)
	if err != nil {
		return nil, fmt.Errorf("read the record in %s: %w", dir, err)
	}
	if len(data) == 0 {
		return nil, nil
	}
	rec, err := cluster.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read the record in %s: %w", dir, err)
	}
	return &rec, nil
}

// readKeys reads one version of the record, not a mixture of two.
func readKeys(dir string) (map[string]string, error) {
	var data map[string]string
	var err error
	for range versions {
		version, linked := dir, filepath.Join(dir, current)
		if target, linkErr := filepath.EvalSymlinks(linked); linkErr == nil {
			version = target
		}
		data, err = readFiles(version)
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		if version == dir && !exists(dir) {
			return nil, nil
		}
	}
	return nil, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func readFiles(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	data := map[string]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "..") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			continue // no key of a ConfigMap
		}
		if data[e.Name()], err = readText(path); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func readText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err == nil && len(b) > largest {
		err = fmt.Errorf("%s is larger than %d bytes: it is no key of a ConfigMap", path, largest)
	}
	return string(b), err
}

// process is what identifies the server of a pod: the pod's UID and the beginning
// of the container's id.
var process = regexp.MustCompile(`^([^\s/]+)/[0-9a-f]+$`)

// wanted returns the rebuild of node n that the record asks for and this start
// has to carry out, or the reason why there is none.
func wanted(rec *cluster.Record, n cluster.Ordinal, podUID string) (cluster.Rebuild, string, error) {
	if rec == nil {
		return cluster.Rebuild{}, "there is no record", nil
	}
	b, asked := rec.Rebuild(n)
	if !asked {
		return cluster.Rebuild{}, "the record asks for no rebuild of it", nil
	}
	id := process.FindStringSubmatch(b.Process.ID)
	if id == nil {
		return cluster.Rebuild{}, "", fmt.Errorf("rebuild %s: the record's key rebuild names its process as %q: want the pod's UID, a slash and the container's id; without it this start could move fresh data aside; correct the entry or remove it",
			n, b.Process.ID)
	}
	if id[1] == podUID {
		return cluster.Rebuild{}, "the rebuild is asked for a process of this very pod, which its next pod will replace", nil
	}
	if why := protected(rec, n); why != "" {
		return cluster.Rebuild{}, "a rebuild is asked for, but " + why, nil
	}
	return b, "", nil
}

// protected says why the data of node n must not be touched, or "" (P6).
func protected(rec *cluster.Record, n cluster.Ordinal) string {
	if rec == nil {
		return ""
	}
	_, promotable := rec.Proof(n)
	switch {
	case rec.Main == n:
		return "the record says it is MAIN"
	case rec.Target == n:
		return "the record says it is to be MAIN next"
	case promotable:
		return "the record says it is promotable"
	}
	for _, heir := range rec.Heirs {
		if heir.Node == n {
			return "the record says it held every acknowledged write when the last reign ended"
		}
	}
	return ""
}
