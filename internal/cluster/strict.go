package cluster

import (
	"fmt"
	"slices"
	"time"
)

// exposed reports whether MAIN acknowledges writes that nobody else has, though the
// policy is strict.
func (in Input) exposed() bool { return in.exposedWithout(NoNode) }

// exposedWithout reports whether MAIN would if node n were dropped.
func (in Input) exposedWithout(n Ordinal) bool {
	return in.Policy.Durability == Strict && len(in.Nodes) > 1 &&
		!slices.ContainsFunc(in.Nodes[in.Record.Main].Replicas, func(r Replica) bool {
			return r.Node != NoNode && r.Node != n && r.Mode.Waited() && !r.Ghost
		})
}

// shut ends the reign of a MAIN that is exposed and that nobody can protect at once. While
// new work is held somebody still may.
func (in Input) shut() (Decision, bool) {
	if !in.exposed() || in.Record.Stage == Quiescing || in.candidate() != NoNode {
		return Decision{}, false
	}
	return in.stepDown(fmt.Sprintf("MAIN %s waits for no replica", in.name(in.Record.Main))), true
}

// freeSeat has MAIN step down whose seat is held by a replica that obeys another node, and
// that nobody can replace: it must be registered anew, and under the strict policy MAIN
// serves no moment without it.
func (in Input) freeSeat() (Decision, bool) {
	rec := in.Record
	if rec.Seat == NoNode || in.Policy.Durability != Strict || rec.Stage != Serving || in.candidate() != NoNode || !in.rested() {
		return Decision{}, false
	}
	if r, _ := in.Nodes[rec.Main].Replica(rec.Seat); !in.stolen(r) {
		return Decision{}, false
	}
	return in.stepDown(in.name(rec.Seat) + " may obey another node that was MAIN until a moment ago"), true
}

// stepDown has a MAIN step down that is, or would be, exposed: the next reign, its own,
// serves when somebody has the seat. To hold new work is not enough: a gateway may hear of
// that late.
func (in Input) stepDown(why string) Decision {
	next := in.Record.clone()
	next.Stage, next.Target, next.Held = Demoting, in.Record.Main, in.Now.UTC().Truncate(time.Millisecond)
	if in.exposed() {
		next.Promotable = nil
	}
	next.Reason = why + ", and the policy is strict"
	return record(next, "%s: MAIN steps down, and serves again when a replica has the standby seat", next.Reason)
}
