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
}

// turns follows the records of one term from reign to reign.
type turns struct {
	cause Cause
	from  cluster.Ordinal // MAIN of the reign that ended
	since time.Time       // when it ended; zero: not in this term
	held  time.Time       // since when new work is held so that MAIN can step down; zero: it is not
}

// recorded follows the record from prev to next, and reports true with the turn
// that is over by it. asked says that a human wanted this record.
func (t *turns) recorded(prev, next *cluster.Record, asked bool, now time.Time) (Turn, bool) {
	switch {
	case prev == nil && !open(next):
		t.cause, t.from, t.since = Bootstrap, cluster.NoNode, now
	case prev == nil: // a MAIN that serves is adopted as it is
	case open(prev) && !open(next):
		t.cause, t.from, t.since = cause(prev, next), prev.Main, now
		if !t.held.IsZero() {
			t.since = t.held
		}
	case !open(prev) && open(next):
		turn, over := t.end(next, now), prev.Stage == cluster.Promoting
		*t = turns{}
		return turn, over
	}
	switch {
	case !yields(next):
		t.held = time.Time{}
	case t.held.IsZero() && prev != nil && !yields(prev):
		t.held = now
	}
	if asked && !open(next) {
		t.cause = Demanded
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
	return Turn{Cause: t.cause, Moved: t.from != cluster.NoNode && t.from != next.Main, Took: now.Sub(t.since)}
}
