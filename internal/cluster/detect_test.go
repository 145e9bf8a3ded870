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

// TestLooksInVainAreOneSilence whatever each of them found.
func TestLooksInVainAreOneSilence(t *testing.T) {
	now := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	s := Sighting{Contact: Answered, Answered: now, Since: now}
	for i, c := range []Contact{Silent, Foreign, Silent, Foreign} {
		at := now.Add(time.Duration(i+1) * 500 * time.Millisecond)
		s = Sighting{Contact: c, Since: at}.After(s)
	}
	if want := now.Add(500 * time.Millisecond); !s.Since.Equal(want) {
		t.Errorf("in vain since %s, want %s", s.Since, want)
	}
	if s = (Sighting{Contact: Refused, Since: now.Add(time.Minute)}).After(s); !s.Since.Equal(now.Add(time.Minute)) {
		t.Errorf("refused since %s: a refusal is no silence", s.Since)
	}
}
