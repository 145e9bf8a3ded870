package cluster

import (
	"fmt"
	"slices"
	"time"
)

// hold returns the record with which MAIN begins to step down for target: the
// gateways hold new work, so that what was begun can end.
func (in Input) hold(target Ordinal, why string) Record {
	next := in.Record.clone()
	next.Stage, next.Target, next.Held = Quiescing, target, in.Now.UTC().Truncate(time.Millisecond)
	next.Reason = why
	return next
}

// rested reports whether MAIN may be asked to step down: a while after it could
// not, for it must also serve, and not while its demotion is not due.
func (in Input) rested() bool {
	rec := in.Record
	ok, _ := in.due(Step{Kind: Demote, Node: rec.Main, Epoch: rec.Epoch})
	since := in.Now.Sub(rec.Held)
	return ok && !in.gathering() && (rec.Held.IsZero() || since < 0 || since >= in.Policy.QuiesceFor+rest)
}

// gathering reports whether the reign has only just begun and a replica has not got
// its first write yet. If MAIN changed again now, such a one could be refused by a
// node that has restarted in the reign before (recorded on 3.6.2 and 3.12.0).
func (in Input) gathering() bool {
	if in.Now.Sub(in.began()) >= gatherFor {
		return false
	}
	return slices.ContainsFunc(in.Nodes[in.Record.Main].Replicas, func(r Replica) bool {
		return r.Node != NoNode && !r.Ghost && in.eligible(r.Node) && (r.Status == Recovering || r.Status == Invalid)
	})
}

// handOver makes MAIN step down once what was forwarded to it before the quiesce
// has ended and Target has all of it; if that takes too long, lets new work in.
func (in Input) handOver() Decision {
	rec := in.Record
	held := in.Now.Sub(rec.Held)
	// The gateways can have been told at the earliest when the record was written.
	settled := later(in.Wrote, rec.LastUpdated).Add(settleFor)
	why, late := in.unready(settled), NoNode
	if why == "" {
		why, late = in.cutOff()
	}
	switch {
	case held < 0 || held > in.Policy.QuiesceFor:
		// The gateways do not hold for ever, and an earlier leader's quiesce may be over.
		if why == "" {
			why = "it took too long"
		}
		next := in.release(in.abandon(why))
		d := record(next, "new work is let in again: %s", next.Reason)
		if late != NoNode {
			d.Vain = in.holding(late)
		}
		return d
	case settled.After(in.Now):
		return wait("new work is held until what was begun has ended: %s", rec.Reason).within(settled.Sub(in.Now))
	case why != "":
		if r, ok := in.Nodes[rec.Main].Replica(late); ok {
			if d, ok := in.nudge(r); ok {
				return d
			}
		}
		return wait("new work is held: %s", why).within(watchSoon)
	}
	next := rec.clone()
	next.Stage = Demoting
	if rec.Target == rec.Main {
		return record(next, "new work is held and every replica that counts has all: %s", rec.Reason)
	}
	return record(next, "new work is held and %s has all: %s", in.name(rec.Target), rec.Reason)
}

// unready says why MAIN must not step down for Target yet, by what MAIN has told
// since settled, or "". For MAIN itself the standby counts.
func (in Input) unready(settled time.Time) string {
	rec := in.Record
	m, heir := in.Nodes[rec.Main], rec.Target
	if heir == rec.Main {
		heir = rec.Seat
	}
	p, promotable := rec.Proof(heir)
	r, _ := m.Replica(heir)
	switch {
	case !promotable:
		return in.name(heir) + " is not promotable any more"
	case in.fit(p) != "":
		return in.fit(p)
	case rec.Target != rec.Main && in.Nodes[heir].Leaving:
		return in.name(heir) + " was told to stop too"
	case m.Answered.Before(settled) || !m.Listed:
		return fmt.Sprintf("MAIN %s has not listed its replicas since", in.name(rec.Main))
	case !r.Whole():
		return fmt.Sprintf("%s is %s, %d behind MAIN", in.name(heir), r.Status, -r.Behind)
	}
	return ""
}

// cutOff says why a MAIN that takes a fresh epoch must not step down yet, or "": beside a
// replica that it does not reach that takes 10 s (recorded on 3.6.2), and under load it
// calls one that it reaches invalid too.
func (in Input) cutOff() (why string, who Ordinal) {
	rec := in.Record
	for _, n := range in.others(rec.Main) {
		if r, ok := in.Nodes[rec.Main].Replica(n); ok && rec.Target == rec.Main && r.Status == Invalid && !r.Ghost && in.eligible(n) && !in.refusedTwice(n) {
			return fmt.Sprintf("MAIN %s calls %s invalid", in.name(rec.Main), in.name(n)), n
		}
	}
	return "", NoNode
}

// abandon returns the record of a MAIN that serves on because it cannot step down
// now. A switchover by request is given up with it; a MAIN that leaves tries again.
func (in Input) abandon(why string) Record {
	next := in.Record.clone()
	switch w := next.Switchover; {
	case w.Wanted() && w.Target == next.Target && in.unnamed(w.Target) > 0:
		why = fmt.Sprintf("switchover to %s begins anew: %s", in.name(w.Target), why)
	case w.Wanted() && w.Target == next.Target:
		why = fmt.Sprintf("switchover to %s given up: %s", in.name(w.Target), why)
		next.Switchover = Switchover{}
	case next.Target == next.Main, next.Target == NoNode:
		why = fmt.Sprintf("no fresh epoch now: %s", why)
	default:
		why = fmt.Sprintf("%s does not take over now: %s", in.name(next.Target), why)
	}
	next.Stage, next.Target, next.Reason = Serving, NoNode, why
	return next
}

// following reports whether node n is proven to hold everything but for what is
// under way, and stays: once new work is held it can take over.
func (in Input) following(n Ordinal) bool {
	p, promotable := in.Record.Proof(n)
	r, listed := in.Nodes[in.Record.Main].Replica(n)
	return promotable && in.fit(p) == "" && !in.Nodes[n].Leaving &&
		listed && (r.Status == Ready || r.Status == Replicating) && in.near(n)
}
