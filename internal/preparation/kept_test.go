package preparation

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"memgraph-controller/internal/cluster"
)

// keep puts data moved aside in January 2025 on the volume, of so many bytes.
func (n *node) keep(day, bytes int) string {
	n.t.Helper()
	name := fmt.Sprintf("202501%02dT000000.000000Z-rebuild", day)
	n.put(filepath.Join(asideDirectory, name, "wal", "current"), strings.Repeat("x", bytes))
	return name
}

// told returns what the controller was told of the data kept aside.
func (n *node) told() (m message) {
	n.t.Helper()
	text, err := os.ReadFile(n.opt.TerminationLog)
	must(n.t, err)
	must(n.t, json.Unmarshal(text, &m))
	if len(text) > 4096 {
		n.t.Errorf("a message of %d bytes; Kubernetes cuts it after 4096", len(text))
	}
	return m
}

func (n *node) keeps(what string, want ...string) {
	n.t.Helper()
	if got := n.aside(); !slices.Equal(got, want) {
		n.t.Errorf("%s: kept %v; want %v", what, got, want)
	}
}

func TestTheOldestGoUntilTheRestIsSmallEnough(t *testing.T) {
	n := newNode(t)
	n.opt.KeepBytes = 0
	a, b, c := n.keep(1, 300), n.keep(2, 200), n.keep(3, 100)
	n.run()
	n.keeps("no bound", a, b, c)
	n.opt.KeepBytes = 599
	n.run()
	n.keeps("one byte too many", b, c)
	n.opt.KeepBytes = 300
	n.run()
	n.keeps("just enough", b, c)
	if got := n.told().Aside; !slices.Equal(got, []kept{{c, 100}, {b, 200}}) {
		t.Errorf("told %v", got)
	}
	n.opt.KeepBytes = 1
	n.run()
	n.keeps("the newest is kept", c)
}

// What this start moves aside is the newest, and stays, however large it is (P6).
func TestWhatWasJustMovedStays(t *testing.T) {
	n := newNode(t)
	n.keep(1, 10)
	n.record(nil)
	n.opt.KeepBytes = 1
	n.run()
	n.keeps("after the move", filepath.Base(firstAside))
	n.holds(firstAside, oldData())
}

func TestTheNewestAreTold(t *testing.T) {
	n := newNode(t)
	n.opt.Keep = 100
	for day := 1; day <= cluster.AsideListed+2; day++ {
		n.keep(day, day)
	}
	n.run()
	m := n.told()
	if len(m.Aside) != cluster.AsideListed || m.More != 2 || m.BootID != "b007-1d" {
		t.Fatalf("told %+v; want the newest %d and that there are 2 more", m, cluster.AsideListed)
	}
	if want := (kept{"20250107T000000.000000Z-rebuild", 7}); m.Aside[0] != want {
		t.Errorf("told %+v first; want %+v", m.Aside[0], want)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	n := newNode(t)
	c := n.keep(1, 10)
	n.put("elsewhere/large", strings.Repeat("x", 1000))
	inAside := filepath.Join(n.opt.DataDirectory, asideDirectory)
	must(t, os.Symlink(filepath.Join(n.opt.DataDirectory, "elsewhere"), filepath.Join(inAside, c, "link")))
	must(t, os.Symlink(filepath.Join(n.opt.DataDirectory, "elsewhere"), filepath.Join(inAside, "20250109T000000.000000Z-rebuild")))
	n.run()
	if got := n.told().Aside; !slices.Equal(got, []kept{{c, 10}}) {
		t.Errorf("told %v; want 10 bytes", got)
	}
}

// blind cannot read directories of one name.
type blind struct {
	fileSystem
	name string
}

func (d blind) ReadDir(path string) ([]fs.DirEntry, error) {
	if filepath.Base(path) == d.name {
		return nil, errors.New("permission denied")
	}
	return d.fileSystem.ReadDir(path)
}

func TestWhatCannotBeReadKeepsNobodyFromStarting(t *testing.T) {
	n := newNode(t)
	c := n.keep(1, 10)
	n.put(filepath.Join(asideDirectory, c, "snapshots", "1"), "abc")
	n.opt.disk = blind{name: "wal"}
	n.run()
	if got := n.told().Aside; !slices.Equal(got, []kept{{c, 3}}) || !strings.Contains(n.log.String(), "is not fully known") {
		t.Errorf("told %v; log %s", got, n.log.String())
	}
	n.opt.disk = blind{name: asideDirectory}
	n.run()
	if got := n.told().Aside; got != nil || !strings.Contains(n.log.String(), "cannot be listed") {
		t.Errorf("told %v; log %s", got, n.log.String())
	}
}

func TestSizesAreBounded(t *testing.T) {
	n := newNode(t)
	dir := filepath.Join(n.opt.DataDirectory, "wal")
	for i := range 5 {
		n.put(fmt.Sprintf("wal/%d", i), "x")
	}
	s := scale{disk: fileSystem{}, left: 3}
	if sum := s.weigh(t.Context(), dir); sum != 3 || s.left != 0 || s.faults != 1 || !errors.Is(s.first, errManyFiles) {
		t.Errorf("weighed %d bytes with %d to go, %d faults, %v", sum, s.left, s.faults, s.first)
	}
}

// discards has the record ask for a discard, and maybe for more.
func (n *node) discards(process string, rebuilds ...cluster.Rebuild) {
	n.t.Helper()
	n.record(func(r *cluster.Record) {
		r.Rebuilds = rebuilds
		r.Discards = []cluster.Discard{{Node: 1, Process: cluster.Process{ID: process}}}
	})
}

func TestDiscard(t *testing.T) {
	n := newNode(t)
	n.keep(1, 1)
	n.keep(2, 1)
	n.put(filepath.Join(asideDirectory, "notes", "x"), "somebody's")
	n.discards(process0)
	out := n.run()
	if out.Moved != "" || len(n.told().Aside) != 0 {
		t.Errorf("outcome %+v, told %+v", out, n.told())
	}
	n.keeps("discarded, but for what is not ours", "notes")
	n.holds("", oldData())
	c := n.keep(3, 1)
	n.run() // the record is an old copy
	n.keeps("what came later stays", c, "notes")
	n.discards("another/0")
	n.run()
	n.keeps("asked anew", "notes")
}

func TestADiscardOfAnotherNodeIsNotOurs(t *testing.T) {
	n := newNode(t)
	c := n.keep(1, 1)
	n.record(func(r *cluster.Record) {
		r.Rebuilds, r.Discards = nil, []cluster.Discard{{Node: 2, Process: cluster.Process{ID: process0}}}
	})
	n.run()
	n.keeps("nothing asked", c)
}

// A discard does not take what the same start moves aside, nor what a move that
// was cut off has taken, nor what was moved away from the process for which it was
// asked: nobody who asked knew of it.
func TestADiscardTakesOnlyWhatWasThere(t *testing.T) {
	asked := cluster.Rebuild{Node: 1, Process: cluster.Process{ID: process0}, Reason: "diverged"}
	for k := 0; ; k++ { // cut off at every step
		n := newNode(t)
		n.keep(1, 1)
		n.discards(process0, asked)
		ended := !n.crash(k)
		n.run()
		n.run()
		n.keeps(fmt.Sprintf("a crash at step %d", k), filepath.Base(firstAside))
		n.holds(firstAside, oldData())
		if ended {
			break
		}
	}
	n := newNode(t)
	n.record(nil)
	n.run()
	n.discards(process0) // this record comes late
	n.run()
	n.keeps("moved away from the process", filepath.Base(firstAside))
}

func TestADiscardThatFailsKeepsNobodyFromStarting(t *testing.T) {
	n := newNode(t)
	c := n.keep(1, 1)
	n.discards(process0)
	n.opt.disk = stubborn{}
	n.run()
	if !strings.Contains(n.log.String(), "is to be discarded, and that failed") || len(n.told().Aside) != 1 {
		t.Errorf("told %+v; log %s", n.told(), n.log.String())
	}
	n.opt.disk = nil
	n.put(filepath.Join(asideDirectory, discardedFile), "{")
	n.run()
	n.keeps("it is not known what was done before", c)
	must(t, os.Remove(filepath.Join(n.opt.DataDirectory, asideDirectory, discardedFile)))
	n.run()
	n.keeps("tried again")
}

func TestEarlierDiscardsAreRemembered(t *testing.T) {
	n := newNode(t)
	for i := range remembered + 3 {
		n.discards(fmt.Sprintf("pod-%d/0", i))
		n.run()
	}
	done, err := mover{data: n.opt.DataDirectory, disk: fileSystem{}}.discarded()
	if err != nil || len(done) != remembered || done[remembered-1] != fmt.Sprintf("pod-%d/0", remembered+2) {
		t.Errorf("remembered %d, %v", len(done), err)
	}
}
