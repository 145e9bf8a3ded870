package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"memgraph-controller/internal/standin/replication"
)

// Version is a release of Memgraph.
type Version struct {
	Major, Minor, Patch int
}

// next is the development head after 3.12.
var next = Version{3, 13, 0}

// ParseVersion reads "3.12.0", "3.12" or "next".
func ParseVersion(text string) (Version, error) {
	if text == "next" {
		return next, nil
	}
	var v Version
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return v, fmt.Errorf("version %q is not like 3.12.0", text)
	}
	for i, into := range []*int{&v.Major, &v.Minor, &v.Patch}[:len(parts)] {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < 0 {
			return v, fmt.Errorf("version %q is not like 3.12.0", text)
		}
		*into = n
	}
	if !v.since(2, 19) {
		return v, fmt.Errorf("version %q is older than 2.19", text)
	}
	return v, nil
}

// String returns the version as SHOW VERSION does.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

func (v Version) since(major, minor int, patch ...int) bool {
	at := Version{Major: major, Minor: minor}
	if len(patch) > 0 {
		at.Patch = patch[0]
	}
	return slices.Compare([]int{v.Major, v.Minor, v.Patch}, []int{at.Major, at.Minor, at.Patch}) >= 0
}

// has reports whether a release has a fault, and it is not switched off.
func (o *Options) has(f Fault, v Version) bool {
	if f == HangOnDrop && v.since(3, 10) {
		return false
	}
	return o.Faults == nil || slices.Contains(*o.Faults, f)
}

// behaviour is what replication is like in a release.
func (o *Options) behaviour(v Version) replication.Behaviour {
	return replication.Behaviour{
		FalseDivergence: o.has(FalseDivergence, v),
		EmptyHeir:       o.has(EmptyHeir, v),
		HangOnDrop:      o.has(HangOnDrop, v),
		GhostOnDiverged: v.since(2, 21) && !v.since(3, 13),
		AbortOnStop:     v.since(3, 10),
		IgnoreIdentity:  o.Community,
	}
}
