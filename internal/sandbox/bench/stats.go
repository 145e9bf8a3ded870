package bench

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Quantiles sum up durations, in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Summarize returns the quantiles of durations by nearest rank, zeros for none: the
// pth percentile of n is the smallest of them that is not exceeded by at least p
// in a hundred, so it is one that was measured. Below 100 the 99th is the largest.
func Summarize(durations []time.Duration) Quantiles {
	if len(durations) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := func(percent int) float64 {
		return milliseconds(sorted[(percent*len(sorted)+99)/100-1]) // rounded up, in whole numbers
	}
	return Quantiles{P50: rank(50), P99: rank(99), Max: rank(100)}
}

// milliseconds returns d in milliseconds, to the tenth.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}

// Blow is when a fault struck: it was not there at Before and is there at After.
type Blow struct{ Before, After time.Time }

// Resumed returns the time from the blow to the first acknowledgement of a write
// that was begun after it, false if there is none.
func Resumed(attempts []Attempt, blow Blow) (time.Duration, bool) {
	var first time.Time
	for _, a := range attempts {
		if a.Outcome == Acked && a.Begin.After(blow.After) && (first.IsZero() || a.End.Before(first)) {
			first = a.End
		}
	}
	return first.Sub(blow.Before), !first.IsZero()
}

// LongestGap returns the longest time that any one writer went without an
// acknowledgement and that had not ended before the blow, and how long after the
// blow it ended. A writer is taken to have waited until end when no
// acknowledgement came any more.
func LongestGap(attempts []Attempt, blow Blow, end time.Time) (longest, over time.Duration) {
	acks := map[int][]time.Time{}
	for _, a := range attempts {
		if a.Outcome == Acked {
			acks[a.Writer] = append(acks[a.Writer], a.End)
		}
	}
	for _, times := range acks {
		slices.SortFunc(times, time.Time.Compare)
		if !slices.ContainsFunc(times, blow.After.Before) {
			times = append(times, end)
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]); times[i].After(blow.Before) && gap > longest {
				longest, over = gap, times[i].Sub(blow.Before)
			}
		}
	}
	return longest, over
}

// Verdict is what the nodes hold against what clients were told.
type Verdict struct {
	Acked, Refused, Unknown int // attempts

	Lost    []int64 // acknowledged, and absent on at least one node
	Dup     []int64 // present more than once on a node
	Lies    []int64 // refused, and present on at least one node
	Unequal []int64 // present on some nodes only, or not equally often
}

// Clean reports whether nothing is wrong.
func (v Verdict) Clean() bool {
	return len(v.Lost)+len(v.Dup)+len(v.Lies)+len(v.Unequal) == 0
}

// Judge compares attempts with what each node holds: how often each id.
func Judge(attempts []Attempt, nodes []map[int64]int) Verdict {
	var v Verdict
	everywhere := func(id int64) (least, most int) {
		least = math.MaxInt
		for _, n := range nodes {
			least, most = min(least, n[id]), max(most, n[id])
		}
		return least, most
	}
	for _, a := range attempts {
		least, most := everywhere(a.ID)
		switch a.Outcome {
		case Acked:
			v.Acked++
			if least == 0 {
				v.Lost = append(v.Lost, a.ID)
			}
		case Refused:
			v.Refused++
			if most > 0 {
				v.Lies = append(v.Lies, a.ID)
			}
		default:
			v.Unknown++
		}
	}
	present := map[int64]bool{}
	for _, n := range nodes {
		for id := range n {
			present[id] = true
		}
	}
	for id := range present {
		least, most := everywhere(id)
		if most > 1 {
			v.Dup = append(v.Dup, id)
		}
		if least != most {
			v.Unequal = append(v.Unequal, id)
		}
	}
	for _, ids := range []*[]int64{&v.Lost, &v.Dup, &v.Lies, &v.Unequal} {
		slices.SortFunc(*ids, cmp.Compare)
	}
	return v
}
