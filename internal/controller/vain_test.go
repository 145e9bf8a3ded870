package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWorkIsHeldInVainEverLessOften: the standby has restarted, and the replica that would
// hold the seat better never catches up.
func TestWorkIsHeldInVainEverLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.change(2, func(s *server) { s.lagging = true })
		from := time.Now()
		w.crash(1)
		w.start(1)
		x.Kick()
		pass(40 * time.Second)
		w.standing(t, 1, 0)
		// The first after a second, the others 2, 4, 8 and 16 s after the one before.
		if n := w.times(from, "a: epoch 1 quiescing main 0"); n < 3 || n > 5 {
			t.Errorf("work was held %d times in 40 s; want three to five\n%s", n, w.story(from))
		}
	})
}
