package e2e

import (
	"slices"
	"testing"

	"memgraph-controller/internal/sandbox/bench"
)

// What was removed, and acknowledged as that, must not come back.
func TestRemovedIdsThatAreBackAreLost(t *testing.T) {
	r := &Release{removed: 10, attempts: []bench.Attempt{{ID: 11, Outcome: bench.Acked}}}
	if v := r.judge([]map[int64]int{{11: 1}, {11: 1}}); !v.Clean() {
		t.Errorf("%+v", v)
	}
	v := r.judge([]map[int64]int{{11: 1, 10: 1}, {11: 1, 10: 1}})
	if !slices.Equal(v.Lost, []int64{10}) {
		t.Errorf("lost %v, want [10]", v.Lost)
	}
}
