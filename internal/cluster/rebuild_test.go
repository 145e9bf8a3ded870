package cluster

import "testing"

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
