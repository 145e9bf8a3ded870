package replication

import (
	"sync"
	"testing"

	"memgraph-controller/internal/standin/storage"
)

func TestStandingSeenFrom(t *testing.T) {
	for _, test := range []struct {
		name       string
		s          standing
		main, want uint64
	}{
		{"never heard", standing{}, 6, 0},
		{"asked, level", standing{ldt: 6}, 6, 6},
		{"asked, ahead", standing{ldt: 8}, 6, 8},
		{"confirmed what the main is at", standing{ldt: 6}.confirmed(8, 8), 6, 6},
		{"confirmed what the main has", standing{ldt: 6}.confirmed(8, 8), 8, 8},
		{"confirmed long ago", standing{ldt: 6}.confirmed(8, 8), 20, 8},
		{"behind, confirmed what the main is at", standing{ldt: 2}.confirmed(8, 8), 6, 2},
		{"ahead, confirmed what it had", standing{ldt: 8}.confirmed(8, 8), 6, 8},
		{"ahead without anybody's knowledge", standing{ldt: 6}.confirmed(8, 12), 6, 12},
		{"decided", standing{ldt: 6}.confirmed(0, 8), 6, 8},
	} {
		if got := test.s.seenFrom(test.main); got != test.want {
			t.Errorf("%s: %+v seen from %d = %d; want %d", test.name, test.s, test.main, got, test.want)
		}
	}
}

// TestConfirmedBeforeTheMainCommits looks between the replica's confirmation and the MAIN's commit.
func TestConfirmedBeforeTheMainCommits(t *testing.T) {
	for _, mode := range []Mode{Sync, Async} {
		t.Run(string(mode), func(t *testing.T) {
			a, b := newMember(t), newMember(t).demote()
			a.register("b", mode, b)
			a.mustAdd(1)
			a.await("b", Ready)
			before, ldt := a.replica("b"), a.engine.LDT()
			a.crash = func(at storage.Point) {
				if at != storage.AfterShip {
					return
				}
				a.await("b", Ready) // so it has confirmed
				if b.engine.LDT() <= ldt || a.engine.LDT() != ldt {
					t.Errorf("replica at %d, main at %d; want only the replica past %d", b.engine.LDT(), a.engine.LDT(), ldt)
				}
				if info := a.replica("b"); info != before {
					t.Errorf("before the main has committed: %+v; want %+v", info, before)
				}
			}
			a.mustAdd(2)
			a.await("b", Ready)
			if info := a.replica("b"); info.Behind != 0 || info.TS != a.engine.LDT() {
				t.Errorf("after the commit: %+v; want it level at %d", info, a.engine.LDT())
			}
		})
	}
}

func TestHealthyReplicasNeverSeemAhead(t *testing.T) {
	for _, modes := range [][]Mode{{Sync, Async}, {StrictSync, Async}} {
		a, b, c := newMember(t), newMember(t).demote(), newMember(t).demote()
		a.register("b", modes[0], b)
		a.register("c", modes[1], c)
		var writer sync.WaitGroup
		done := make(chan struct{})
		writer.Go(func() {
			defer close(done)
			for i := range int64(300) {
				if err := a.add(i); err != nil {
					t.Errorf("%v: add %d: %v", modes, i, err)
				}
			}
		})
		for over := false; !over; {
			select {
			case <-done:
				over = true
			default:
			}
			for _, name := range []string{"b", "c"} {
				if info := a.replica(name); info.Behind > 0 {
					t.Errorf("%v: %+v", modes, info)
					over = true
				}
			}
		}
		writer.Wait()
	}
}
