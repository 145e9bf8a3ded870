package gateway

import (
	"fmt"
	"slices"
)

// State says what a Route allows on the way to MAIN.
type State uint8

// The states of a Route. The zero value lets nobody through.
const (
	Closed   State = iota // no MAIN, or a promotion is under way: new clients are held
	Open                  // new clients go to MAIN
	Paused                // MAIN serves and is being reconfigured: bytes to it wait, for at most MaxPause
	Draining              // MAIN is about to step down: as Paused, but what was begun goes on
)

// pauses reports whether bytes to MAIN wait in this state.
func (s State) pauses() bool { return s == Paused || s == Draining }

// String returns the state as status and log show it.
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case Paused:
		return "paused"
	case Draining:
		return "draining"
	default:
		return fmt.Sprintf("state(%d)", uint8(s))
	}
}

// Door names one of the two ports.
type Door uint8

// The doors.
const (
	ReadWrite Door = iota // leads to MAIN
	ReadOnly              // leads to a replica, or to MAIN when there is none
)

// String returns the door as status and log show it.
func (d Door) String() string {
	if d == ReadOnly {
		return "read"
	}
	return "write"
}

// Route says where clients go. It is a value: Follow keeps a copy.
//
// Sessions to MAIN live as long as the current Route has their epoch and names
// their Main, whatever its State; sessions to a reader live as long as it is
// among Readers.
type Route struct {
	Epoch    uint64   // the reign; a Route with a smaller epoch than the current one is ignored
	Main     string   // host:port of MAIN's Bolt port; empty while there is none
	Database string   // what tells this MAIN from another one at its address; empty: nothing
	State    State    // zero is Closed
	Readers  []string // host:port of the replicas fit for reading; Main is ignored if listed
}

// own returns a copy of r in normal form: Readers sorted, without duplicates
// and without Main.
func (r Route) own() Route {
	readers := slices.Clone(r.Readers)
	slices.Sort(readers)
	readers = slices.Compact(readers)
	r.Readers = slices.DeleteFunc(readers, func(a string) bool { return a == "" || a == r.Main })
	return r
}

// sameDoor reports whether r and o differ in nothing but their Readers.
func (r Route) sameDoor(o Route) bool {
	return r.Epoch == o.Epoch && r.Main == o.Main && r.Database == o.Database && r.State == o.State
}
