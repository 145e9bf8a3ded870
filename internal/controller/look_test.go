package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestKicksCollapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		for range 7 {
			x.Kick()
			pass(10 * pace) // all looks are now due half a second from here
			var before [3]int
			for n := range before {
				before[n] = w.looks(cluster.Ordinal(n))
			}
			for range 1000 {
				x.Kick()
			}
			pass(100 * time.Millisecond)
			for n := range before {
				if got := w.looks(cluster.Ordinal(n)) - before[n]; got < 1 || got > 2 {
					t.Fatalf("a thousand kicks at once led to %d looks at node %d; want one, and one more for those that came during it", got, n)
				}
			}
		}
	})
}

func TestNodesAreLookedAtWithoutHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		before := w.looks(2)
		w.change(0, func(s *server) { s.begin() }) // nobody says so
		from := time.Now()
		pass(2 * time.Second)
		w.standing(t, 2, 1)
		if took := w.when(t, from, "a: promote node 1"); took > probeEvery+10*pace {
			t.Fatalf("promotion %s after a restart that nothing hinted at; want a look each %s", took, probeEvery)
		}
		if got := w.looks(2) - before; got < 3 || got > 8 {
			t.Fatalf("%d looks at node 2 in 2s; want one each %s or so", got, probeEvery)
		}
	})
}

// TestLookThatBeganBeforeAStepIsVoid: a look at node 1 from before its promotion
// arrives after it. Taken at its word, it would mean that node 1 has restarted.
func TestLookThatBeganBeforeAStepIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		crash := time.Now()
		w.slow["mark node 1"] = 100 * time.Millisecond
		w.change(1, func(s *server) { s.late = 50 * time.Millisecond })
		w.shake(1)
		pass(2 * pace)
		w.crash(0)
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		w.never(t, crash, "a: epoch 3")
	})
}

// TestLookAcrossARestartIsVoid: node 1 answers, and is another process with an
// empty volume before its answer arrives: the empty heir.
func TestLookAcrossARestartIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		w.change(1, func(s *server) { s.late = 50 * time.Millisecond })
		w.shake(1)
		pass(2 * pace)
		w.change(1, func(s *server) { s.begin(); s.wipe() })
		w.crash(0)
		pass(time.Minute)
		w.never(t, from, "a: epoch 2")
		if why := x.snapshot().Decision.Why; why == "" {
			t.Fatal("nothing is done and nobody is told why (P7)")
		}
	})
}

func TestLeavingAndGoneReachTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.change(2, func(s *server) { s.leaving = true })
		w.change(2, func(s *server) { s.aside = cluster.Aside{More: 3} })
		x.Kick()
		pass(5 * pace)
		if s := x.snapshot().Nodes[2]; !s.Leaving || s.Gone || s.Aside.More != 3 {
			t.Fatalf("node 2 leaves; the snapshot says leaving %t, gone %t, moved aside %+v", s.Leaving, s.Gone, s.Aside)
		}
		w.crash(2)
		pass(5 * pace)
		if s := x.snapshot().Nodes[2]; !s.Gone || s.Contact != cluster.Refused || s.Aside.More != 3 {
			t.Fatalf("node 2 is down; the snapshot says gone %t, %s, moved aside %+v", s.Gone, s.Contact, s.Aside)
		}
	})
}

// TestLookInVainIsRepeatedAtOnce: what a look that was not answered says is a second old
// when it ends, and a MAIN that answers again must be heard before its grace is over.
func TestLookInVainIsRepeatedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		w.change(2, func(s *server) { s.mute = true })
		pass(probeEvery + 2*probeTimeout)
		before := w.looks(2)
		pass(5*probeTimeout + 10*pace)
		if got := w.looks(2) - before; got != 5 {
			t.Fatalf("%d looks in five times the %s that one in vain takes; want 5", got, probeTimeout)
		}
	})
}
