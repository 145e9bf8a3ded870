package cluster

import (
	"testing"
	"time"
)

// A node may become MAIN before the record says that its rebuild is over; while it
// stands there, the rebuild of another one waits (one after the other).
func TestARebuildIsOverOnceTheNodeIsMain(t *testing.T) {
	w := newWorld(2)
	w.rec = &Record{Main: 0, Epoch: 1, Stage: Serving, Target: NoNode, Seat: NoNode}
	for n, over := range map[Ordinal]bool{0: true, 1: false} {
		if got := w.input().rebuilt(Rebuild{Node: n, Process: Process{ID: "before"}}); got != over {
			t.Errorf("the rebuild of node %d, which no registration tells of, is over: %t, want %t", n, got, over)
		}
	}
}

// TestARebuildIsOverOnceTheNodeAnswers: MAIN goes on calling a node ready for seconds
// after its process has ended, and one that came back empty until the next write.
func TestARebuildIsOverOnceTheNodeAnswers(t *testing.T) {
	w := newWorld(3)
	w.settle(5 * time.Second)
	before := Rebuild{Node: 2, Process: Process{ID: "before"}}
	if !w.input().rebuilt(before) {
		t.Fatal("it follows as a new process, and its rebuild is not over")
	}
	for name, edit := range map[string]func(*Sighting){
		"does not answer yet":    func(s *Sighting) { s.Contact = NotProbed },
		"holds another database": func(s *Sighting) { s.Data = Data{Known: true, UUID: "another"} },
	} {
		in := w.input()
		edit(&in.Nodes[2])
		in.Attempts = Attempts{}
		if in.rebuilt(before) {
			t.Errorf("MAIN calls it ready, but it %s, and its rebuild is over", name)
		}
	}
}
