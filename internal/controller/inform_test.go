package controller

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// TestNoStepAfterTheLeaseEndedWhileGatewaysWereTold: to tell them may take any time, if
// this process stands still meanwhile.
func TestNoStepAfterTheLeaseEndedWhileGatewaysWereTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		told := 0
		var x *term
		x = w.lead(t, "a", func(o *Options) {
			o.Inform = func(context.Context, cluster.Record) {
				told++
				x.leading.Store(false)
			}
		})
		pass(5 * time.Second)
		w.standing(t, 1, 0)
		from := time.Now()
		w.crash(0)
		w.start(0)
		pass(10 * time.Second)
		if told != 1 {
			t.Fatalf("gateways were told %d times of the reign of the MAIN they have; want once", told)
		}
		if story := w.story(from); strings.Contains(story, "promote node 0") {
			t.Fatalf("it was promoted after the lease had ended:\n%s", story)
		}
	})
}
