package cluster

import (
	"fmt"
	"slices"
	"time"
)

// keep looks after a MAIN that lives: first what the record must no longer
// promise, then who shall protect it, then its registrations, then the rest.
func (in Input) keep() Decision {
	if s := in.Nodes[in.Record.Main]; !s.Listed || !s.Version.Known() {
		return wait("MAIN %s answers, but has not told its version and replicas", in.name(in.Record.Main)).within(watchSoon * 20).by(RuleUnread)
	}
	if d, ok := in.weaken(); ok {
		return d.by(RuleWeaken)
	}
	if in.Record.Stage == Quiescing && in.Record.Target != NoNode {
		return in.handOver().by(RuleHandover)
	}
	if d, ok := in.shut(); ok {
		return d.by(RuleShut)
	}
	if d, ok := in.demoteOthers(); ok {
		return d.by(RuleSecondMain)
	}
	if d, ok := in.wanted(); ok {
		return d.by(RuleSwitchover)
	}
	seat, changed := in.chooseSeat()
	if changed {
		return seat.by(RuleSeat)
	}
	if d, ok := in.register(); ok {
		return d.by(RuleRegister)
	}
	if d, ok := in.strengthen(); ok {
		return d.by(RuleStrengthen)
	}
	if d, ok := in.freeSeat(); ok {
		return d.by(RuleShut)
	}
	switch {
	case in.Record.Stage == Quiescing && in.exposed():
		return in.stepDown("no replica could be given the standby seat").by(RuleShut)
	case in.Record.Stage == Quiescing:
		return record(in.release(in.Record.clone()), "new work is let in again").by(RuleRelease)
	}
	return in.tend(seat.Wake)
}

// tend is what can wait until MAIN's registrations are in order; wake is when at the
// latest to look at those again.
func (in Input) tend(wake time.Duration) Decision {
	for _, next := range []struct {
		rule   Rule
		decide func() (Decision, bool)
	}{
		{RuleLeave, in.leave},
		{RuleSwitchover, in.switchover},
		{RuleRebuild, in.rebuild},
		{RuleRefresh, in.refresh},
		{RuleBooks, in.bookkeep},
	} {
		if d, ok := next.decide(); ok {
			return d.by(next.rule)
		}
	}
	return in.steady().within(wake).by(RuleSteady)
}

// steady says how things are when there is nothing to do.
func (in Input) steady() Decision {
	rec := in.Record
	name := in.name(rec.Main)
	switch {
	case rec.Switchover.Wanted():
		return wait("%s serves epoch %d; %s is to take over by request: %s", name, rec.Epoch, in.name(rec.Switchover.Target), in.obstacle())
	case len(rec.Promotable) > 0 && in.refusing():
		return wait("%s serves epoch %d and refuses writes until %s confirms them again", name, rec.Epoch, in.name(rec.Promotable[0].Node))
	case len(rec.Promotable) > 0:
		return wait("%s serves epoch %d, protected by %s", name, rec.Epoch, in.name(rec.Promotable[0].Node))
	case len(in.Nodes) == 1:
		return wait("%s serves epoch %d; a single node has nobody to protect it", name, rec.Epoch)
	}
	return wait("%s serves epoch %d unprotected: no replica can hold the standby seat now", name, rec.Epoch)
}

// weaken takes out of the record what the evidence no longer supports.
func (in Input) weaken() (Decision, bool) {
	rec := in.Record
	for _, p := range rec.Promotable {
		doubt := in.unprotecting(p)
		if doubt == "" {
			continue
		}
		next := rec.clone()
		next.Promotable = slices.DeleteFunc(next.Promotable, func(q Proof) bool { return q.Node == p.Node })
		next.Reason = doubt
		return record(next, "%s is not promotable any more: %s", in.name(p.Node), doubt), true
	}
	return Decision{}, false
}

// unprotecting says why MAIN may acknowledge writes without node p.Node, or "".
func (in Input) unprotecting(p Proof) string {
	r, listed := in.Nodes[in.Record.Main].Replica(p.Node)
	s := in.Nodes[p.Node]
	switch {
	case p.Node == in.Record.Main:
		return "it is MAIN"
	case in.unusable(in.Record.Main) != "":
		return "MAIN " + in.unusable(in.Record.Main)
	case !listed:
		return "MAIN does not list it"
	case r.Ghost:
		return "its registration is a ghost"
	case !r.Mode.Waited():
		return "MAIN does not wait for it"
	case r.Status == Diverged:
		return "MAIN says it has diverged"
	case r.ahead(in.Now):
		return "it is ahead of MAIN"
	case s.Contact == Answered && s.Data.Known && s.Data.UUID != p.UUID:
		return "it holds another database: its volume was wiped or replaced"
	case p.UUID == "" && s.Contact == Answered && s.Process.Known() && s.Process.ID != p.Process.ID:
		return "it has restarted, and this version of Memgraph cannot say whether it kept its data"
	}
	return ""
}

// demoteOthers makes a node step down that says it is MAIN and is not.
func (in Input) demoteOthers() (Decision, bool) {
	for _, n := range in.others(in.Record.Main) {
		if !in.Nodes[n].is(RoleMain) || in.unusable(n) != "" || in.stranger(n) {
			continue
		}
		step := Step{Kind: Demote, Node: n, Epoch: in.Record.Epoch}
		if ok, _ := in.due(step); ok {
			return take(step, "%s says it is MAIN, but MAIN is %s", in.name(n), in.name(in.Record.Main)), true
		}
	}
	return Decision{}, false
}

// register changes MAIN's registrations, inside a quiesce: under writes the role
// lock is busy, and a replica that is behind must not get the seat.
func (in Input) register() (Decision, bool) {
	rec := in.Record
	d, pending := in.topology()
	if !pending {
		return Decision{}, false
	}
	if d.Step.Kind == Drop && !in.exposed() && in.exposedWithout(d.Step.Replica) {
		if !in.rested() {
			return wait("%s, in a moment", d.Why).within(rest), true
		}
		return in.stepDown(d.Why).by(RuleShut), true
	}
	acts := d.Record != nil || d.Step.Kind != NoStep
	if rec.Stage == Quiescing {
		if in.held() {
			if next, ok := in.joins(d.Step); ok {
				d = record(next, "%s joins the reign", in.name(d.Step.Replica))
			}
			return d, true
		}
		if in.exposed() {
			return in.stepDown("no replica could be given the standby seat"), true
		}
		return record(in.release(rec.clone()), "new work is let in again; not done yet: %s", d.Why).inVain(d.Vain), true
	}
	if !acts || d.Record != nil {
		return d, d.Record != nil
	}
	if left := rec.LastUpdated.Add(rest).Sub(in.Now); left > 0 && !in.refusing() && !in.exposed() {
		return wait("%s, in a moment", d.Why).within(left), true
	}
	next := rec.clone()
	next.Stage, next.Reason = Quiescing, d.Why
	for n, p := range in.joining(rec.Main) { // those that are registered now
		if _, listed := in.Nodes[rec.Main].Replica(Ordinal(n)); !listed && n < len(next.Joined) && !next.Joined[n].Known() {
			next.Joined[n] = p
		}
	}
	return record(next, "new work is held for a moment: %s", d.Why), true
}

// held reports whether new work is held for changes of MAIN's registrations: not for ever,
// however much is done meanwhile.
func (in Input) held() bool {
	return in.Record.Stage == Quiescing && !in.Quiesced.IsZero() && in.Now.Sub(in.Quiesced) <= in.Policy.QuiesceFor
}

// release ends a quiesce.
func (in Input) release(next Record) Record {
	next.Stage, next.Target = Serving, NoNode
	next.Readers, next.Joined, next.Databases = in.readers(), in.joinedNow(), in.databases()
	return next
}

// strengthen proves the holder of the seat by a write that MAIN acknowledges
// through it, then records it as promotable (P2, P3).
func (in Input) strengthen() (Decision, bool) {
	rec := in.Record
	if rec.Seat == NoNode || in.unusable(rec.Main) != "" {
		return Decision{}, false
	}
	r, _ := in.Nodes[rec.Main].Replica(rec.Seat)
	s := in.Nodes[rec.Seat]
	if !r.Mode.Waited() || !r.Whole() || !s.is(RoleReplica) || in.unusable(rec.Seat) != "" {
		return Decision{}, false
	}
	if !s.Data.Known { // it has just been registered; let in, clients would keep it from being whole when looked at
		return wait("%s has not told yet what data it has as the holder of the seat", in.name(rec.Seat)).within(watchSoon), in.held()
	}
	if p, ok := rec.Proof(rec.Seat); ok && p == in.prove(rec.Seat) {
		return Decision{}, false
	}
	p, proven := in.seated()
	if !proven {
		mark := in.markThrough(rec.Seat)
		if ok, _ := in.due(mark); !ok {
			return Decision{}, false
		}
		return take(mark, "%s is proven to hold what %s acknowledges", in.name(rec.Seat), in.name(rec.Main)), true
	}
	next := rec.clone()
	next.Promotable = []Proof{p}
	if next.Stage == Quiescing && !in.leftover() {
		next = in.release(next)
	}
	return record(next, "%s is promotable: a write was acknowledged through it", in.name(rec.Seat)), true
}

func (in Input) markThrough(n Ordinal) Step {
	return Step{Kind: Mark, Node: in.Record.Main, Epoch: in.Record.Epoch, Proves: n}
}

// seated returns the proof of the seat's holder, if it is whole and a marker was
// acknowledged through the very process that is seen.
func (in Input) seated() (Proof, bool) {
	rec := in.Record
	if rec.Seat == NoNode {
		return Proof{}, false
	}
	r, _ := in.Nodes[rec.Main].Replica(rec.Seat)
	mark := in.markThrough(rec.Seat)
	s := in.Nodes[rec.Seat]
	ok := r.Mode.Waited() && r.Whole() && s.is(RoleReplica) && s.Data.Known &&
		in.done(mark) && in.Attempts[mark].Process == s.Process && s.Process.Known()
	return in.prove(rec.Seat), ok
}

// refresh gives the reign a fresh epoch when the only node that can hold the
// seat has restarted within it: otherwise its promotion would make every healthy
// node look diverged (recorded on 3.6.2 and 3.12.0).
func (in Input) refresh() (Decision, bool) {
	rec := in.Record
	if rec.Seat == NoNode || !in.restarted(rec.Seat) {
		return Decision{}, false
	}
	if p, ok := rec.Proof(rec.Seat); !ok || p != in.prove(rec.Seat) || in.unnamed(rec.Seat) > 0 {
		return Decision{}, false
	}
	for _, n := range in.others(rec.Main) {
		if in.eligible(n) && !in.near(n) && !in.refusedTwice(n) {
			return Decision{}, false // several restarts, one refresh
		}
	}
	if in.Now.Sub(in.began()) < refreshRest || in.Now.Sub(rec.LastUpdated) < rest || !in.rested() {
		return Decision{}, false
	}
	next := in.hold(rec.Main, fmt.Sprintf("epoch refresh: %s has restarted within epoch %d", in.name(rec.Seat), rec.Epoch))
	return record(next, "%s takes a fresh epoch: %s has restarted within epoch %d, and promoting it later would make healthy nodes look diverged",
		in.name(rec.Main), in.name(rec.Seat), rec.Epoch), true
}

// began is when the present reign began, zero if the record does not know.
func (in Input) began() time.Time {
	h := in.Record.History
	if len(h) == 0 {
		return time.Time{}
	}
	return h[len(h)-1].Began
}
