package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestALoopThatIsStuckTellsSo: whoever restarts stuck processes must be able to
// tell one from a loop that has nothing to do, and from one that cannot do anything.
func TestALoopThatIsStuckTellsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		moves := func(while string) {
			t.Helper()
			for range 600 {
				pass(time.Second)
				if d := time.Since(x.Moved()); d > 20*time.Second {
					t.Fatalf("%s: the loop has not moved for %s", while, d)
				}
			}
		}
		moves("nothing happens")
		x.records.frozen.Store(true)
		x.RecordChanged()
		moves("the API server does not answer")
		x.records.frozen.Store(false)
		w.crash(0)
		moves("a node is down")

		door := make(chan struct{})
		x.records.beforeWrite(func() { <-door })
		w.crash(1)
		pass(5 * time.Minute)
		stuck := time.Since(x.Moved())
		close(door)
		if stuck < 4*time.Minute {
			t.Errorf("a loop stuck for 5 minutes has moved %s ago", stuck)
		}
		moves("it was let go")
	})
}
