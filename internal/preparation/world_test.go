package preparation

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

// The pod that is starting, and the process of the one before it.
const (
	podUID   = "6f0e1f9c-new"
	oldPod   = "0d9a3c55-old"
	process0 = oldPod + "/0123456789ab"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// node is a node's volume, its mounted record, and where it reports to.
type node struct {
	t    *testing.T
	root string
	opt  Options
	log  strings.Builder
}

// newNode returns a node with data in the shape of Memgraph's.
func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, root: t.TempDir()}
	for _, dir := range []string{"data/snapshots", "data/wal", "data/replication/data", "data/lost+found", "controller"} {
		must(t, os.MkdirAll(filepath.Join(n.root, dir), 0o755))
	}
	for name, text := range oldData() {
		must(t, os.WriteFile(filepath.Join(n.root, "data", name), []byte(text), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(n.root, "program"), []byte("#!program"), 0o700))
	must(t, os.WriteFile(filepath.Join(n.root, "boot_id"), []byte("b007-1d\n"), 0o600))
	n.opt = Options{
		Node: 1, PodUID: podUID, DataDirectory: filepath.Join(n.root, "data"), StateDirectory: filepath.Join(n.root, "state"),
		InstallDirectory: filepath.Join(n.root, "controller"), TerminationLog: filepath.Join(n.root, "termination-log"), Keep: 3,
		Log:        slog.New(slog.NewTextHandler(&n.log, nil)),
		executable: filepath.Join(n.root, "program"), bootID: filepath.Join(n.root, "boot_id"), now: func() time.Time { return noon },
	}
	return n
}

// oldData is what the node holds at first, beside empty directories.
func oldData() map[string]string {
	return map[string]string{"wal/current": "writes", "snapshots/1": "graph", "replication/data/x": "role", ".lock": "", "settings": "s"}
}

// record mounts a record that asks for a rebuild of node 1, changed by edit, the
// way Kubernetes mounts ConfigMaps.
func (n *node) record(edit func(*cluster.Record)) {
	n.t.Helper()
	rec := cluster.Record{
		Main: 0, Epoch: 4, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 2, LastUpdated: noon, Version: "1",
		Rebuilds: []cluster.Rebuild{{Node: 1, Process: cluster.Process{ID: process0, Boot: "b"}, Reason: "MAIN has refused it twice"}},
	}
	if edit != nil {
		edit(&rec)
	}
	n.mount(rec.Encode())
}

func (n *node) mount(data map[string]string) {
	n.t.Helper()
	state := n.opt.StateDirectory
	must(n.t, os.RemoveAll(state))
	must(n.t, os.MkdirAll(filepath.Join(state, "..2026_11_23"), 0o755))
	must(n.t, os.Symlink("..2026_11_23", filepath.Join(state, "..data")))
	for key, value := range data {
		must(n.t, os.WriteFile(filepath.Join(state, "..2026_11_23", key), []byte(value), 0o644))
		must(n.t, os.Symlink(filepath.Join("..data", key), filepath.Join(state, key)))
	}
}

func (n *node) run() Outcome {
	n.t.Helper()
	out, err := Run(n.t.Context(), n.opt)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// refuses runs and returns the error that must come.
func (n *node) refuses() string {
	n.t.Helper()
	out, err := Run(n.t.Context(), n.opt)
	if err == nil || out != (Outcome{}) {
		n.t.Fatalf("%+v, %v; want a refusal", out, err)
	}
	return err.Error()
}

// files returns what is in a directory of the node by path, without .aside.
func (n *node) files(dir string) map[string]string {
	n.t.Helper()
	found := map[string]string{}
	top := filepath.Join(n.opt.DataDirectory, dir)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if d.IsDir() && d.Name() == asideDirectory && path != top {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		found[name] = string(text)
		return err
	})
	must(n.t, err)
	return found
}

// aside returns the names of what was moved aside.
func (n *node) aside() []string {
	n.t.Helper()
	entries, err := os.ReadDir(filepath.Join(n.opt.DataDirectory, asideDirectory))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// holds checks the data in a directory.
func (n *node) holds(dir string, want map[string]string) {
	n.t.Helper()
	if got := n.files(dir); !maps.Equal(got, want) {
		n.t.Errorf("%q holds %v; want %v", dir, got, want)
	}
}

// put writes a file of a new server.
func (n *node) put(name, text string) {
	n.t.Helper()
	path := filepath.Join(n.opt.DataDirectory, name)
	must(n.t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(n.t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
