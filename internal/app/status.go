package app

import (
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

// Status is how a replica stands at one moment.
type Status struct {
	Identity string
	Version  string
	Leading  bool
	Heard    bool                 // the watch has told whether there is a record
	Leader   string               // as the lease last said; empty if unknown
	Record   *cluster.Record      // as the watch last had it; nil if there is none
	Snapshot *controller.Snapshot // what the loop knows; nil on a replica that does not lead
	Gateway  gateway.Stats

	TermsBegun, TermsEnded uint64 // of this replica as the leader

	Passes  Passes
	Comings []Coming // how the last reigns came about, as far as this replica saw it, oldest first

	LeaseAge time.Duration // since the lease was last renewed; 0 unless this replica leads

	Stalled time.Duration // how long the loop of this leader has been stuck; 0: it is not
}

// Phases by the record: missing, present, not known yet.
const (
	Bootstrap   = "BOOTSTRAP"
	Operational = "OPERATIONAL"
	Unknown     = "UNKNOWN"
)

// Phase returns one of the phases.
func (s Status) Phase() string {
	switch {
	case !s.Heard:
		return Unknown
	case s.Record == nil:
		return Bootstrap
	}
	return Operational
}

// stall is how long a loop may be at one thing, with a margin: the longest deadline
// of a step is some seconds.
const stall = time.Minute

// stalled returns how long a leader's loop has not moved, 0 if it may still. Such a
// leader keeps its lease and does nothing; only a restart of the process helps.
func (r *Replica) stalled() time.Duration {
	l := r.loop.Load()
	if l == nil || l.Moved().IsZero() {
		return 0
	}
	if d := time.Since(l.Moved()); d > stall {
		return d
	}
	return 0
}

// Status returns a snapshot. It waits for nothing.
func (r *Replica) Status() Status {
	begun, ended := r.elector.Terms()
	return Status{
		Identity: r.opt.Identity, Version: r.opt.Version, Heard: r.heard.Load(), Leading: r.elector.Leading(), Leader: r.elector.Leader(),
		Record: r.record.Load(), Snapshot: r.snapshot.Load(), Gateway: r.gateway.Stats(),
		TermsBegun: begun, TermsEnded: ended, Passes: r.meter.counted(), Comings: r.journal.comings(), Stalled: r.stalled(),
		LeaseAge: r.elector.Age(),
	}
}
