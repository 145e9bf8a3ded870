package aside

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("CET", 3600))

func TestStamp(t *testing.T) {
	if got, want := Stamp(noon.Add(1500*time.Nanosecond)), "20261123T110000.000001Z"; got != want {
		t.Errorf("Stamp = %s; want %s", got, want)
	}
	if got, ok := Time("20261123T110000.000001Z"); !ok || !got.Equal(noon.Add(time.Microsecond)) {
		t.Errorf("Time = %s, %t", got, ok)
	}
	for _, text := range []string{"", "20261123", "20261123T110000.1Z", "20261123T110000.000001Zx", "20261123T110000,000001Z", "20261323T110000.000000Z"} {
		if _, ok := Time(text); ok {
			t.Errorf("%q is taken for a stamp", text)
		}
	}
}

func TestExcess(t *testing.T) {
	name := func(minutes int) string { return Stamp(noon.Add(time.Duration(minutes) * time.Minute)) }
	stamp := func(s string) string { _, after, _ := strings.Cut(s, "/"); return after }
	names := []string{"a/" + name(9), "a/" + name(100), "a/notes", "b/" + name(9), "", "a/" + name(-5)}
	for _, c := range []struct {
		keep int
		want []string
	}{
		{0, []string{"a/" + name(-5), "a/" + name(9), "b/" + name(9), "a/" + name(100)}},
		{1, []string{"a/" + name(-5), "a/" + name(9), "b/" + name(9)}},
		{3, []string{"a/" + name(-5)}},
		{4, nil},
		{9, nil},
	} {
		if got := Excess(slices.Clone(names), c.keep, stamp); !slices.Equal(got, c.want) {
			t.Errorf("of %v, to keep %d these go: %v; want %v", names, c.keep, got, c.want)
		}
	}
}

func TestByAge(t *testing.T) {
	early, late := Stamp(noon)+Rebuilt, Stamp(noon.Add(time.Hour))+Rebuilt
	if got := ByAge([]string{late, "journal", early, Stamp(noon) + "-other", Rebuilt}, RebuildStamp); !slices.Equal(got, []string{early, late}) {
		t.Errorf("ByAge = %v", got)
	}
}

func TestHeavy(t *testing.T) {
	const huge = math.MaxInt64
	for _, c := range []struct {
		sizes []int64 // the oldest first
		limit int64
		want  int
	}{
		{nil, 10, 0},
		{[]int64{5, 5, 5}, 0, 0}, // no limit
		{[]int64{5, 5, 5}, 15, 0},
		{[]int64{5, 5, 5}, 14, 1},
		{[]int64{5, 5, 5}, 5, 2},
		{[]int64{1, 1, 50}, 10, 2}, // the newest stays
		{[]int64{50}, 10, 0},
		{[]int64{1, 9, 5}, 10, 2}, // no gaps: what is older than one that goes, goes
		{[]int64{0, 0, 10}, 10, 0},
		{[]int64{huge, huge, huge}, huge, 2}, // nothing overflows
		{[]int64{huge, huge}, 1, 1},
		{[]int64{0, huge}, 1, 1},
	} {
		if got := Heavy(c.sizes, c.limit); got != c.want {
			t.Errorf("of %v, to stay within %d the oldest %d go; want %d", c.sizes, c.limit, got, c.want)
		}
	}
}
