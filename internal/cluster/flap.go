package cluster

import (
	"fmt"
	"slices"
	"time"
)

// failed is in with the present reign marked as one whose MAIN has failed. One
// that was told to stop has not: it does what it was told.
func (in Input) failed() Input {
	rec := in.Record.clone()
	if last := len(rec.History) - 1; last >= 0 && rec.History[last].Epoch == rec.Epoch && !in.Nodes[rec.Main].Leaving {
		rec.History[last].Lost = true
	}
	in.Record = &rec
	return in
}

// failures returns when node n has failed as MAIN, oldest first, as far as the
// history goes back.
func (in Input) failures(n Ordinal) []time.Time {
	var list []time.Time
	if in.Record == nil {
		return nil
	}
	for i, r := range in.Record.History {
		if r.Main != n || !r.Lost {
			continue
		}
		ended := in.Now // its successor is being chosen
		if i+1 < len(in.Record.History) {
			ended = in.Record.History[i+1].Began
		}
		list = append(list, ended)
	}
	return list
}

// flapsUntil is when node n's failures no longer count, zero if they are too few.
func (in Input) flapsUntil(n Ordinal) time.Time {
	list := in.failures(n)
	if len(list) < flapLimit {
		return time.Time{}
	}
	return list[len(list)-flapLimit].Add(flapWindow)
}

// flapping reports whether node n has failed as MAIN so often lately that another
// is preferred for the seat, and so for MAIN.
func (in Input) flapping(n Ordinal) bool { return in.Now.Before(in.flapsUntil(n)) }

// flaps says so of a node that flaps.
func (in Input) flaps() string {
	return fmt.Sprintf("has failed as MAIN %d times within %s", flapLimit, flapWindow)
}

// steadiest returns list with those that flap at its end.
func (in Input) steadiest(list []Proof) []Proof {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Proof) int {
		switch x, y := in.flapping(a.Node), in.flapping(b.Node); {
		case x == y:
			return 0
		case x:
			return 1
		}
		return -1
	})
	return list
}

// passedOver says who would hold the seat under MAIN n if it did not flap, or "".
func (in Input) passedOver(n Ordinal) string {
	best := in.nearest(n, func(Ordinal) bool { return false })
	if best == NoNode || best == in.firstSeat(n) {
		return ""
	}
	return fmt.Sprintf("; %s is passed over for the seat: it %s", in.name(best), in.flaps())
}
