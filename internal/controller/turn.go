package controller

import (
	"time"

	"memgraph-controller/internal/cluster"
)

// Cause says why a reign began. The zero value is the cause of none.
type Cause uint8

// The causes.
const (
	Bootstrap  Cause = iota + 1 // there was no record
	Failover                    // MAIN was lost, and another node follows
	Restart                     // MAIN was lost, and the same node reigns again
	Switchover                  // MAIN lives and hands over: it was told to stop, or a human asked
	Refresh                     // the same MAIN takes a fresh epoch, for a replica that restarted within the old one
	Cure                        // MAIN is restarted and promoted again: every survivor had refused it
	Demanded                    // a human asked for it
	Resumed                     // another leader began it, and its cause is not known here
)

// Causes returns all causes.
func Causes() []Cause {
	return []Cause{Bootstrap, Failover, Restart, Switchover, Refresh, Cure, Demanded, Resumed}
}

// String returns the cause as metrics show it.
func (c Cause) String() string {
	words := [...]string{"none", "bootstrap", "failover", "restart", "switchover", "refresh", "cure", "request", "resumed"}
	if int(c) >= len(words) {
		c = 0
	}
	return words[c]
}

// Turn is the change from one reign to the next, as the leader saw it that let the
// clients in.
type Turn struct {
	Cause Cause
	Moved bool // MAIN is another node than before
	// Took is how long the record kept clients from MAIN: from the record that ended
	// the old reign, or had new work held so that it could end, to the one that serves.
	// Zero if another leader began it.
	Took time.Duration
	// Noticed is how long it took before that to notice and record that MAIN was lost: from
	// when its process ended, or from its last answer if nobody saw that, to the record that
	// ended its reign. Zero if MAIN was not lost, or had not answered this leader.
	Noticed time.Duration
	// Parts is what Took was spent on, in the order in which it was first done, and last
	// what was waited for. Together they are Took. None if another leader began it.
	Parts []Part
}

// Part is what some of the time of a turn was spent on.
type Part struct {
	Name string        // a kind of step by its word, or one of the constants below
	Took time.Duration // in all
}

// What time is spent on beside steps.
const (
	recording = "record" // reading and writing the record
	informing = "inform" // having every gateway hear of the record before a step
	looking   = "look"   // at the node that a step has changed
	waiting   = "wait"   // until a node answers, catches up or has ended what it began
)

// Parts returns every name that a part may have.
func Parts() []string {
	list := []string{recording, informing, looking, waiting}
	for k := cluster.Promote; k <= cluster.Restart; k++ {
		list = append(list, k.String())
	}
	return list
}

// turns follows the records of one term from reign to reign.
type turns struct {
	cause Cause
	from  cluster.Ordinal // MAIN of the reign that ended
	since time.Time       // when it ended; zero: not in this term
	held  time.Time       // since when new work is held so that MAIN can step down; zero: it is not

	noticed time.Duration
	parts   []Part // since held or since
}

// spent notes what time was spent on, while a turn is under way.
func (t *turns) spent(on string, took time.Duration) {
	if t.since.IsZero() && t.held.IsZero() {
		return
	}
	for i := range t.parts {
		if t.parts[i].Name == on {
			t.parts[i].Took += took
			return
		}
	}
	t.parts = append(t.parts, Part{on, took})
}

// recorded follows the record from prev to next, and reports true with the turn
// that is over by it. asked says that a human wanted this record; lived is when MAIN of
// prev was last known to live, zero if it is not known.
func (t *turns) recorded(prev, next *cluster.Record, asked bool, lived, now time.Time) (Turn, bool) {
	switch {
	case prev == nil && !open(next):
		*t = turns{cause: Bootstrap, from: cluster.NoNode, since: now}
	case prev == nil: // a MAIN that serves is adopted as it is
	case open(prev) && !open(next):
		t.cause, t.from, t.since, t.noticed = cause(prev, next), prev.Main, now, 0
		if t.held.IsZero() {
			t.parts = nil
		}
		switch lost := t.cause == Failover || t.cause == Restart; {
		case !t.held.IsZero():
			t.since = t.held
		case lost && !lived.IsZero():
			t.noticed = now.Sub(lived)
		}
	case !open(prev) && open(next):
		turn, over := t.end(next, now), prev.Stage == cluster.Promoting
		*t = turns{}
		return turn, over
	case !t.since.IsZero() && open(prev): // the end of a turn was not seen: its record's answer was lost
		*t = turns{held: t.held}
	}
	switch {
	case !yields(next):
		if t.held = (time.Time{}); t.since.IsZero() {
			t.parts = nil
		}
	case t.held.IsZero() && prev != nil && !yields(prev):
		t.held, t.parts = now, nil
	}
	if asked && !open(next) {
		t.cause, t.noticed = Demanded, 0
	}
	return Turn{}, false
}

// open reports whether the record lets clients to MAIN.
func open(r *cluster.Record) bool {
	return r.Stage == cluster.Serving || r.Stage == cluster.Quiescing
}

// yields reports whether new work is held so that MAIN can step down.
func yields(r *cluster.Record) bool {
	return r.Stage == cluster.Quiescing && r.Target != cluster.NoNode
}

// cause tells by its first record why a reign of prev ends.
func cause(prev, next *cluster.Record) Cause {
	steps := next.Stage == cluster.Demoting // MAIN is asked to step down, so it lives
	switch {
	case next.Replace.Known():
		return Cure
	case steps && next.Target != next.Main:
		return Switchover
	case steps && next.MainProcess == prev.MainProcess:
		return Refresh
	case next.Main != prev.Main:
		return Failover
	}
	return Restart
}

// end is the turn that is over when next is recorded.
func (t *turns) end(next *cluster.Record, now time.Time) Turn {
	if t.since.IsZero() {
		turn := Turn{Cause: Resumed}
		if h := next.History; len(h) > 1 {
			turn.Moved = h[len(h)-2].Main != next.Main
		}
		return turn
	}
	turn := Turn{
		Cause: t.cause, Moved: t.from != cluster.NoNode && t.from != next.Main, Took: now.Sub(t.since), Noticed: t.noticed, Parts: t.parts,
	}
	rest := turn.Took
	for _, p := range t.parts {
		rest -= p.Took
	}
	turn.Parts = append(turn.Parts, Part{waiting, rest})
	return turn
}
