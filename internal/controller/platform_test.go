package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// TestPlatformIsBelievedBeforeOldLooks: the platform knows that the standby has
// restarted, but nobody has kicked the loop when MAIN dies. What the standby's
// former process said must not make it MAIN (P2).
func TestPlatformIsBelievedBeforeOldLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		from := time.Now()
		w.change(1, func(s *server) { s.begin(); s.wipe() })
		w.crash(0)
		pass(time.Minute)
		w.never(t, from, "a: epoch 2")
	})
}

// TestRestartBehindABusyLoopIsSeen: a look at the standby ended before its
// restart, and waited for a loop that was busy with the API.
func TestRestartBehindABusyLoopIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.records.frozen.Store(true)
		x.RecordChanged()
		pass(time.Second)
		from := time.Now()
		w.change(1, func(s *server) { s.begin(); s.wipe() })
		w.crash(0)
		x.Kick()
		pass(time.Second)
		x.records.frozen.Store(false)
		pass(time.Minute)
		w.never(t, from, "a: epoch 2")
	})
}

// TestPlatformThatIsBehind: the kubelet tells of a restarted container about a
// second late. What the new process says must not count for the old one: it would
// be taken into the reign under a name that changes a moment later, and cost the
// clients a refresh of the epoch.
func TestPlatformThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.change(0, func(s *server) { s.named = s.run })
		from := time.Now()
		w.crash(0)
		pass(500 * time.Millisecond)
		w.standing(t, 2, 1)
		w.start(0)
		pass(2 * time.Second)
		w.never(t, from, "a: register node 0 as async on node 1")
		w.change(0, func(s *server) { s.named = 0 })
		x.Kick()
		pass(time.Minute)
		w.when(t, from, "a: register node 0 as async on node 1")
		w.never(t, from, "a: epoch 2 demoting main 1")
	})
}

// TestPortThatRefusedForAMoment: a firewall may refuse for a process that lives.
func TestPortThatRefusedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		w.change(2, func(s *server) { s.named, s.up = s.run, false })
		w.shake(2)
		pass(2 * time.Second)
		w.change(2, func(s *server) { s.up = true })
		w.shake(2)
		pass(platformLag)
		pass(time.Minute)
		if s := x.snapshot(); s.Nodes[2].Contact != cluster.Answered {
			t.Fatalf("a node whose port refused for 2s is %s a minute later; want it believed again\n%s", s.Nodes[2].Contact, w.story(from))
		}
	})
}

// A node that has just begun to answer may be a machine that has rebooted, and a watch
// any time behind: the platform is asked once, when it must know.
func TestPlatformIsAskedWhoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		asked := func(n cluster.Ordinal) (k int) {
			w.change(n, func(s *server) { k = s.refreshed })
			return k
		}
		pass(time.Minute)
		if a, b := asked(0), asked(1); a != 1 || b != 1 {
			t.Fatalf("asked %d and %d times about nodes that answer since the term began; want once each", a, b)
		}
		w.mu.Lock()
		w.away = true
		w.mu.Unlock()
		w.crash(1)
		pass(5 * time.Second)
		w.start(1)
		pass(2 * time.Second)
		if k := asked(1); k != 1 {
			t.Fatalf("asked %d times 2s after it answers again; want not yet", k)
		}
		pass(3 * time.Second)
		if k := asked(1); k < 3 {
			t.Fatalf("asked %d times of an API server that is away; want again and again", k)
		}
		w.mu.Lock()
		w.away = false
		w.mu.Unlock()
		pass(time.Second)
		k := asked(1)
		pass(time.Minute)
		if again := asked(1); again != k {
			t.Fatalf("asked %d times more after it was told; want none", again-k)
		}
	})
}
