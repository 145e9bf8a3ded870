package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// The ways that are measured, in the order of a round's readings.
const (
	direct = iota
	haproxy
	ours
	ways
)

// reading is what one measurement of one way has shown, by the name of the quantity.
type reading map[string]float64

// round is one reading of each way.
type round [ways]reading

// figure says how a line is made of the rounds.
type figure struct {
	name     string // with its unit
	quantity string // of the readings
	added    bool   // the proxies' values are what they add to direct
	alone    bool   // direct has none
	bar      bar
}

// bar is what is promised of a figure. The zero bar promises nothing.
type bar struct {
	of    quality
	limit float64
}

type quality uint8

const (
	ratioAtMost quality = iota + 1
	ratioAtLeast
	oursAtMost
)

func (b bar) String() string {
	return fmt.Sprintf("%s %g", [...]string{"", "ratio at most", "ratio at least", "ours at most"}[b.of], b.limit)
}

// line is what is printed of a figure. A value that has no meaning is nil.
type line struct {
	Figure  string      `json:"figure"`
	Direct  *float64    `json:"direct"`
	HAProxy *float64    `json:"haproxy"`
	Ours    *float64    `json:"ours"`
	Ratio   *float64    `json:"ratio"`
	Spread  *[2]float64 `json:"spread,omitempty"`
	Bar     string      `json:"bar,omitempty"`
	Met     *bool       `json:"met,omitempty"`
	Rounds  int         `json:"rounds"`
	Against string      `json:"against"`
}

// line makes the line of f.
func (f figure) line(rounds []round) line {
	l := line{Figure: f.name, Rounds: len(rounds)}
	of := func(way int) []float64 {
		var all []float64
		for _, r := range rounds {
			v := r[way][f.quantity]
			if f.added && way != direct {
				v -= r[direct][f.quantity]
			}
			all = append(all, v)
		}
		return all
	}
	their, our := of(haproxy), of(ours)
	if !f.alone {
		l.Direct = digits(median(of(direct)))
	}
	l.HAProxy, l.Ours = digits(median(their)), digits(median(our))
	if median(their) > 0 && median(our) > 0 { // else the machine was too noisy to tell
		l.Ratio = digits(median(our) / median(their))
		l.Spread = spread(our, their)
	}
	if f.bar.of != 0 {
		l.Bar, l.Met = f.bar.String(), f.bar.met(l)
	}
	return l
}

// met says whether l keeps the promise; nil if that is not known.
func (b bar) met(l line) *bool {
	is := *l.Ours <= b.limit
	if b.of != oursAtMost {
		if l.Ratio == nil {
			return nil
		}
		is = *l.Ratio <= b.limit
		if b.of == ratioAtLeast {
			is = *l.Ratio >= b.limit
		}
	}
	return &is
}

// spread returns the quartiles of the ratios of rounds, nil if there are none.
func spread(our, their []float64) *[2]float64 {
	var ratios []float64
	for i := range our {
		if their[i] > 0 {
			ratios = append(ratios, our[i]/their[i])
		}
	}
	if len(ratios) == 0 {
		return nil
	}
	return &[2]float64{*digits(percentile(ratios, 25)), *digits(percentile(ratios, 75))}
}

// median is the middle of what was measured, the mean of both if two are in the middle.
func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile returns one of what was measured, by nearest rank. It sorts.
func percentile[T cmp.Ordered](of []T, percent int) T {
	slices.Sort(of)
	return of[(percent*len(of)+99)/100-1]
}

// digits keeps four of them.
func digits(v float64) *float64 {
	if v != 0 {
		scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
		v = math.Round(v*scale) / scale
	}
	return &v
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
