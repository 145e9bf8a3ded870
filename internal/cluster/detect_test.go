package cluster

import (
	"testing"
	"time"
)

// TestOneLookInVainIsNoSilence: a controller that stood still for longer than the grace
// has one look in vain behind it when it wakes, and no answer for as long.
func TestOneLookInVainIsNoSilence(t *testing.T) {
	w := newWorld(3)
	w.settle(5 * time.Second)
	w.nodes[0].silent = true
	in := w.input()
	for _, c := range []struct {
		heard, inVain time.Duration // ago
		want          verdict
	}{
		{2900 * time.Millisecond, 2 * time.Second, mainDoubtful},
		{3 * time.Second, 2 * time.Second, mainLost},
		{10 * time.Second, 0, mainDoubtful},
		{10 * time.Second, 700 * time.Millisecond, mainDoubtful},
		{10 * time.Second, 750 * time.Millisecond, mainLost},
	} {
		in.Nodes[0].Answered, in.Nodes[0].Since = in.Now.Add(-c.heard), in.Now.Add(-c.inVain)
		in.Term = in.Now.Add(-time.Hour)
		got, why, left := in.main()
		if got != c.want || got == mainDoubtful && left <= 0 {
			t.Errorf("heard %s ago, in vain since %s: %d, %q, for %s; want %d", c.heard, c.inVain, got, why, left, c.want)
		}
	}
}
