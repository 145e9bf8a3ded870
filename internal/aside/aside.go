// Package aside names data directories that are kept instead of deleted, and
// says which of them are too many.
//
// It promises that the names of one kind sort by the time they were made, and
// that the newest are never among those to go. It touches no file: whoever keeps
// directories lists and removes them.
package aside

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// layout sorts by time.
const layout = "20060102T150405.000000Z"

// Stamp returns the part of a name that says when a directory was put aside, in
// UTC and to the microsecond.
func Stamp(t time.Time) string { return t.UTC().Format(layout) }

// Time returns the time of a Stamp; false if text is none.
func Time(text string) (time.Time, bool) {
	t, err := time.Parse(layout, text)
	return t, err == nil && Stamp(t) == text
}

// Rebuilt ends the name of what prepare-node moves aside for a rebuild. Before it
// is a Stamp.
const Rebuilt = "-rebuild"

// RebuildStamp returns what may be the Stamp in the name of data that was moved
// aside for a rebuild; "" if the name is of another kind.
func RebuildStamp(name string) string {
	text, ok := strings.CutSuffix(name, Rebuilt)
	if !ok {
		return ""
	}
	return text
}

// Excess returns those of names that must go, oldest first, so that keep, which
// is 0 or more, remain.
// Names in which stamp finds no stamp are somebody else's: they neither count
// nor go.
func Excess(names []string, keep int, stamp func(name string) string) []string {
	all := ByAge(names, stamp)
	return all[:max(len(all)-keep, 0)]
}

// Heavy returns those of sizes that must go, by their number and from 0 on, so
// that the rest has at most limit bytes together. Sizes are those of copies, the
// oldest first, in bytes and 0 or more; the newest copy stays, however large it
// is. A limit of 0 is none.
func Heavy(sizes []int64, limit int64) int {
	if limit == 0 || len(sizes) == 0 {
		return 0
	}
	stays := len(sizes) - 1
	left := limit - sizes[stays]
	for stays > 0 && sizes[stays-1] <= left {
		stays--
		left -= sizes[stays]
	}
	return stays
}

// ByAge returns names, the oldest first, without those in which stamp finds no
// stamp.
func ByAge(names []string, stamp func(name string) string) []string {
	type kept struct {
		name string
		at   time.Time
	}
	var all []kept
	for _, name := range names {
		if at, ok := Time(stamp(name)); ok {
			all = append(all, kept{name, at})
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	var sorted []string
	for _, k := range all {
		sorted = append(sorted, k.name)
	}
	return sorted
}
