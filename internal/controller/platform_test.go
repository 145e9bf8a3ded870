package controller

import (
	"testing"
	"testing/synctest"
	"time"
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
