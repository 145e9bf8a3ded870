package nodes

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"memgraph-controller/internal/aside"
	"memgraph-controller/internal/cluster"
)

// prepare moves the data directory aside if that was asked for, here or by
// Options.Prepare, and makes sure that there is one.
func (k *keeper) prepare(last cluster.Process) error {
	var kind string
	if k.s.opts.Prepare != nil {
		var err error
		if kind, err = k.s.opts.Prepare(k.n, last); err != nil {
			return fmt.Errorf("prepare its start: %w", err)
		}
	}
	k.mu.Lock()
	if kind == "" {
		kind = k.aside
	}
	k.aside = ""
	k.mu.Unlock()
	if kind != "" {
		kept, err := moveAside(k.node.Data, kind, time.Now())
		if err != nil {
			k.mu.Lock()
			k.aside = cmp.Or(k.aside, kind) // still wanted
			k.mu.Unlock()
			return err
		}
		if kept != "" {
			k.log.Info("data moved aside", "kind", kind, "kept", kept)
		}
	}
	if err := os.MkdirAll(k.node.Data, 0o755); err != nil {
		return fmt.Errorf("make its data directory: %w", err)
	}
	return nil
}

// moveAside renames data to "<data>.<kind>-<time>" and removes the oldest of
// those of the same kind ("diverged" of "diverged-4") above Keep. It returns the
// new name, or "" if there was nothing to move.
func moveAside(data, kind string, now time.Time) (string, error) {
	to := fmt.Sprintf("%s.%s-%s", data, kind, aside.Stamp(now))
	switch err := os.Rename(data, to); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("move its data aside: %w", err)
	}
	class, _, _ := strings.Cut(kind, "-")
	return to, prune(filepath.Dir(data), filepath.Base(data)+"."+class+"-")
}

// prune removes the oldest directories in dir whose names begin with prefix,
// above Keep.
func prune(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list the data kept aside: %w", err)
	}
	var kept []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			kept = append(kept, e.Name())
		}
	}
	for _, name := range aside.Excess(kept, Keep, stamp) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove the oldest data kept aside: %w", err)
		}
	}
	return nil
}

// stamp returns the time at the end of a kept directory's name.
func stamp(path string) string { return path[strings.LastIndexByte(path, '-')+1:] }
