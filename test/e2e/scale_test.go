//go:build e2e

package e2e

import (
	"testing"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

// One controller works as three do, without a lease to wait for at its first start.
func TestInstallWithOneController(t *testing.T) {
	r := own(t, "one", "controller.replicas=1")
	underWrites(t, r, func(l *Load) {
		if all := r.Statuses(t.Context()); len(all) != 1 {
			t.Errorf("%d controllers answer", len(all))
		}
		main := get(t, r.Main)
		if place.Lab != nil {
			resumes(t, l, 1500*time.Millisecond, strike(t, func() error { return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph) }))
			moved(t, r, main)
		}
	})

	// And it can be given company, and lose it again, while clients write.
	t.Run("upgrade to three and back", func(t *testing.T) {
		underWrites(t, r, func(l *Load) {
			before := reign(t, r)
			for _, replicas := range []string{"3", "1"} {
				must(t, r.Helm(t.Context(), "controller.replicas="+replicas))
				must(t, r.Settle(t.Context(), settled))
				same(t, r, before)
			}
			gap, _ := bench.LongestGap(l.Attempts(), bench.Blow{}, time.Now())
			t.Logf("the longest that any client waited is %s", gap.Round(time.Millisecond))
		})
	})
}

// One node has nobody to fail over to, and serves nevertheless.
func TestInstallWithOneNode(t *testing.T) {
	r := own(t, "node", "memgraph.replicas=1", "controller.replicas=1")
	underWrites(t, r, func(l *Load) {
		if place.Lab == nil {
			return
		}
		main := get(t, r.Main)
		blow := strike(t, func() error { return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph) })
		took, err := l.Resumed(t.Context(), blow, time.Minute)
		must(t, err)
		t.Logf("writes resumed after %s, with the node's own restart", took.Round(time.Millisecond))
	})
}
