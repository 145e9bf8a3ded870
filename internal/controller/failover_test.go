package controller

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestBootstrapRecordsBeforeItActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		want := []string{
			"a: epoch 1 promoting main 0",
			"a: promote node 0",
			"a: mark node 0",
			"a: register node 1 as strict_sync on node 0",
			"a: register node 2 as async on node 0",
			"a: mark node 0 through node 1",
			"a: epoch 1 serving main 0",
		}
		if got := w.told(time.Time{}); !slices.Equal(got, want) {
			t.Fatalf("bootstrap of three empty nodes did\n%swant %q (P3)", w.story(time.Time{}), want)
		}
	})
}

func TestFailoverFollowsTheHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		before := x.snapshot()
		frozen := fmt.Sprint(before.Nodes, *before.Record)
		time.Sleep(123 * time.Millisecond) // between two scheduled looks
		crash := time.Now()
		w.crash(0)
		pass(2 * time.Second)
		w.standing(t, 2, 1)
		want := []string{
			"a: epoch 2 promoting main 1",
			"a: promote node 1",
			"a: mark node 1",
			"a: register node 2 as strict_sync on node 1",
			"a: mark node 1 through node 2",
			"a: epoch 2 serving main 1",
		}
		if got := w.told(crash); !slices.Equal(got, want) {
			t.Fatalf("after the crash of MAIN:\n%swant %q (P3: recorded before promoted)", w.story(crash), want)
		}
		// A write and six statements, each followed by a look, at 1 ms apiece.
		if took := w.when(t, crash, "a: epoch 2 serving main 1"); took > 20*pace {
			t.Fatalf("served again after %s; want a hint to be enough, without waiting for a schedule", took)
		}
		if now := fmt.Sprint(before.Nodes, *before.Record); now != frozen {
			t.Fatalf("a published snapshot changed from\n%s\nto\n%s", frozen, now)
		}
	})
}

func TestOldMainComesBackAsReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		w.crash(0)
		pass(2 * time.Second)
		back := time.Now()
		w.start(0)
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		want := []string{"a: epoch 2 quiescing main 1", "a: register node 0 as async on node 1", "a: epoch 2 serving main 1"}
		if got := w.told(back); !slices.Equal(got, want) {
			t.Fatalf("after the old MAIN's return:\n%swant %q", w.story(back), want)
		}
	})
}

func TestHungNodeDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		w.change(2, func(s *server) { s.mute = true })
		pass(5 * time.Second)
		begun := w.looks(2)
		for w.looks(2) == begun { // until a look at the hung node has just begun
			time.Sleep(time.Millisecond)
		}
		crash := time.Now()
		w.crash(0)
		pass(2 * time.Second)
		w.standing(t, 2, 1)
		if took := w.when(t, crash, "a: promote node 1"); took > 5*pace {
			t.Fatalf("promotion %s after the crash while a look at node 2 hangs; want a few milliseconds", took)
		}
	})
}

// mute has MAIN fall silent just after it has been looked at, and returns when
// that look was answered.
func mute(w *world, x *term) time.Time {
	x.Kick()
	pass(2 * pace)
	w.change(0, func(s *server) { s.mute = true })
	return time.Now().Add(-2 * pace)
}

// A MAIN that freezes in the middle of a look has told its role before it did:
// its silence counts from there, not from the end of the look.
func TestSilenceCountsFromTheRoleNotFromTheEndOfTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.change(0, func(s *server) { s.late = 900 * time.Millisecond })
		x.Kick()
		heard := time.Now()
		pass(2 * pace)
		w.change(0, func(s *server) { s.mute = true })
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		grace := cluster.DefaultPolicy().FailAfter
		if took := w.when(t, heard, "a: epoch 2 promoting main 1"); took < grace || took > grace+5*pace {
			t.Fatalf("failover %s after MAIN told its role for the last time; want %s", took, grace)
		}
	})
}

func TestSilentMainIsGivenItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		heard := mute(w, x)
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		grace := cluster.DefaultPolicy().FailAfter
		if took := w.when(t, heard, "a: epoch 2 promoting main 1"); took < grace || took > grace+5*pace {
			t.Fatalf("failover %s after MAIN's last answer; want it when the grace of %s ends", took, grace)
		}
	})
}

func TestMainThatAnswersInTimeKeepsItsReign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		heard := mute(w, x)
		time.Sleep(2400 * time.Millisecond)
		w.change(0, func(s *server) { s.mute = false })
		w.shake(0)
		pass(time.Minute)
		w.standing(t, 1, 0)
		w.never(t, heard, "a: ")
	})
}

func TestPeersThatReachMainPreventFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		others := new(peers).see(cluster.Answered)
		w, x := serving(t, 3, func(o *Options) { o.Peers = others })
		if n := others.asked.Load(); n != 0 {
			t.Fatalf("peers were asked %d times about a MAIN that answers; want 0", n)
		}
		heard := mute(w, x)
		pass(time.Minute)
		w.standing(t, 1, 0)
		w.never(t, heard, "a: ")

		lost := time.Now()
		others.see(cluster.Silent)
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		if took := w.when(t, lost, "a: epoch 2 promoting main 1"); took > 2*time.Second {
			t.Fatalf("failover %s after the peers lost MAIN too; want it within 2s", took)
		}
	})
}

func TestNewTermCountsSilenceFromItsOwnStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		mute(w, x)
		x.end()
		pass(time.Hour)
		began := time.Now()
		w.lead(t, "b")
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		grace := cluster.DefaultPolicy().FailAfter
		if took := w.when(t, began, "b: epoch 2 promoting main 1"); took < grace || took > grace+10*pace {
			t.Fatalf("failover %s into the term; want the full grace of %s, whatever the silence before", took, grace)
		}
	})
}
