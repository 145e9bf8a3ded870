package preparation

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"memgraph-controller/internal/cluster"
)

var errCrash = errors.New("the machine lost its power")

// frail is a disk that dies with its step number left: that step does half of
// what it should or nothing, and no later one does anything.
type frail struct {
	fileSystem
	left  int
	steps []string
}

func (d *frail) step(what string, do func() error) error {
	d.steps = append(d.steps, what)
	if d.left--; d.left < 0 {
		return errCrash
	}
	return do()
}

func (d *frail) Mkdir(path string) error {
	return d.step("mkdir "+filepath.Base(path), func() error { return d.fileSystem.Mkdir(path) })
}

func (d *frail) WriteFile(path string, data []byte) error {
	if d.left == 0 {
		if err := d.fileSystem.WriteFile(path, data[:len(data)/2]); err != nil {
			return err
		}
	}
	return d.step("write "+filepath.Base(path), func() error { return d.fileSystem.WriteFile(path, data) })
}

func (d *frail) Rename(from, to string) error {
	return d.step("rename "+filepath.Base(from)+" to "+filepath.Base(to), func() error { return d.fileSystem.Rename(from, to) })
}

func (d *frail) Sync(dir string) error {
	return d.step("sync "+filepath.Base(dir), func() error { return d.fileSystem.Sync(dir) })
}

func (d *frail) RemoveAll(path string) error {
	return d.step("remove "+filepath.Base(path), func() error { return d.fileSystem.RemoveAll(path) })
}

// crash runs until step k has not been done, and reports whether it came to that.
func (n *node) crash(k int) bool {
	n.t.Helper()
	n.opt.disk = &frail{left: k}
	_, err := Run(n.t.Context(), n.opt)
	n.opt.disk = nil
	if err != nil && !errors.Is(err, errCrash) {
		n.t.Fatal(err)
	}
	return err != nil
}

// everything returns all files of the node's data, wherever they are now, by name
// within the data directory or within what was moved aside.
func (n *node) everything() map[string]string {
	all := n.files("")
	for _, dir := range n.aside() {
		for name, text := range n.files(".aside/" + dir) {
			if _, twice := all[name]; twice {
				n.t.Errorf("%s is there twice", name)
			}
			all[name] = text
		}
	}
	return all
}

// A crash before any step, and another one in the attempt after it, are finished
// by the next start; then nothing is lost, nothing is left, and it is not done
// again.
func TestCrashAtEveryStep(t *testing.T) {
	steps := 0
	for first := 0; ; first++ {
		n := newNode(t)
		n.record(nil)
		if !n.crash(first) {
			steps = first
			n.holds("", nil)
			break
		}
		for second := 0; ; second++ {
			n := newNode(t)
			n.record(nil)
			n.crash(first)
			if got := n.everything(); !maps.Equal(got, oldData()) {
				t.Fatalf("after a crash at step %d the node holds %v", first, got)
			}
			if !n.crash(second) {
				break
			}
			n.run()
			n.finished()
			if t.Failed() {
				t.Fatalf("after crashes at steps %d and %d", first, second)
			}
		}
	}
	if steps < 10 {
		t.Errorf("a move has %d steps; it should have more", steps)
	}
}

// finished checks that the move has been done and is not done again.
func (n *node) finished() {
	n.t.Helper()
	n.holds("", nil)
	if dirs := n.aside(); !slices.Equal(dirs, []string{filepath.Base(firstAside)}) {
		n.t.Errorf("moved aside: %v", dirs)
	}
	n.holds(firstAside, oldData())
	n.put("wal/current", "fresh")
	if out := n.run(); out.Moved != "" {
		n.t.Errorf("done again: %+v", out)
	}
	n.holds("", map[string]string{"wal/current": "fresh"})
	if _, err := os.Stat(filepath.Join(n.opt.DataDirectory, ".aside", journalFile)); err == nil {
		n.t.Error("a journal is left")
	}
}

// After a crash the record may be gone, or ask for nothing any more: then all data
// is where it was, or all of it has been moved.
func TestCrashAndNobodyAsksAnyMore(t *testing.T) {
	for k := 0; ; k++ {
		for _, forget := range []func(n *node){
			func(n *node) { must(n.t, os.RemoveAll(n.opt.StateDirectory)) },
			func(n *node) { n.record(func(r *cluster.Record) { r.Rebuilds = nil }) },
		} {
			n := newNode(t)
			n.record(nil)
			if !n.crash(k) {
				return
			}
			forget(n)
			out := n.run()
			if out.Moved == "" && len(n.files("")) != 0 {
				n.holds("", oldData())
				continue
			}
			n.holds("", nil)
			n.holds(firstAside, oldData())
			if t.Failed() {
				t.Fatalf("after a crash at step %d", k)
			}
		}
	}
}

// The order of what reaches the disk is what the promises rest on.
func TestOrderOfSteps(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	d := &frail{left: 1 << 30}
	n.opt.disk = d
	n.run()
	want := []string{
		"mkdir .aside", "sync data",
		"write journal.new", "rename journal.new to journal", "sync .aside", // before anything is moved
		"mkdir 20261123T120000.000000Z-rebuild",
		"rename .lock to .lock", "rename replication to replication", "rename settings to settings", "rename snapshots to snapshots", "rename wal to wal",
		"sync 20261123T120000.000000Z-rebuild", "sync data", "sync .aside", // before it is called done
		"rename journal to done", "sync .aside", // before the server starts
	}
	if !slices.Equal(d.steps, want) {
		t.Errorf("steps\n%s\nwant\n%s", strings.Join(d.steps, "\n"), strings.Join(want, "\n"))
	}
}
