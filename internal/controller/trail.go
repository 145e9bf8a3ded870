package controller

import (
	"time"

	"memgraph-controller/internal/cluster"
)

// What is remembered of MAIN's timestamps: the coarser the longer ago, exact to this
// part of the age. A year of looks, two a second, thins out to 300 marks.
const (
	trailLength = 512
	trailGrain  = 16
)

// trail is when MAIN was first seen to have come as far as it had, so that how far a
// replica is behind can be said in time. The zero value has seen nothing.
type trail struct{ marks []mark }

// mark is a timestamp that MAIN had reached at a moment, by this process's clock.
type mark struct {
	at time.Time
	ts int64
}

// reached notes that MAIN has come to ts. If it had been further it is another MAIN, or
// its data are others: all that was known is forgotten.
func (t *trail) reached(ts int64, at time.Time) {
	if n := len(t.marks); n > 0 {
		switch last := t.marks[n-1].ts; {
		case ts == last:
			return
		case ts < last:
			t.marks = nil
		}
	}
	if len(t.marks) == trailLength {
		t.thin(at)
	}
	if len(t.marks) == trailLength {
		t.marks = t.marks[1:]
	}
	t.marks = append(t.marks, mark{at, ts})
}

// thin forgets the marks whose neighbours are close to each other for their age. What
// MAIN had reached by one that is forgotten counts from the next one on: a lag is told
// too short by that much at most.
func (t *trail) thin(now time.Time) {
	kept := t.marks[:1]
	for i, m := range t.marks[1:] {
		if next := i + 2; next < len(t.marks) {
			after := t.marks[next].at
			if after.Sub(kept[len(kept)-1].at) <= now.Sub(after)/trailGrain {
				continue
			}
		}
		kept = append(kept, m)
	}
	t.marks = kept
}

// lag is for how long, as of now, MAIN has had more than ts; 0 if it has no more.
func (t *trail) lag(ts int64, now time.Time) time.Duration {
	for _, m := range t.marks {
		if m.ts > ts {
			return now.Sub(m.at)
		}
	}
	return 0
}

// fill says of each replica that MAIN, seen as s, lists for how long it has been behind.
func (t *trail) fill(s *cluster.Sighting) {
	newest, told := int64(0), false
	for _, r := range s.Replicas {
		if placed(r) && (!told || r.TS-r.Behind > newest) {
			newest, told = r.TS-r.Behind, true
		}
	}
	if told {
		t.reached(newest, s.Answered)
	}
	for i, r := range s.Replicas {
		s.Replicas[i].Lag = 0
		if placed(r) && r.Behind < 0 {
			s.Replicas[i].Lag = t.lag(r.TS, s.Answered)
		}
	}
}

// placed reports whether MAIN knows how far r is.
func placed(r cluster.Replica) bool { return !r.Ghost && r.Status != cluster.StatusUnknown }
