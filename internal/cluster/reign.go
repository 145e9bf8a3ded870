package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// promoting brings a new reign from its record to serving.
func (in Input) promoting() Decision {
	rec := in.Record
	s, name := in.Nodes[rec.Main], in.name(rec.Main)
	if d, gone := in.lostBeforeServing(); gone {
		return d
	}
	if restart := (Step{Kind: Restart, Node: rec.Main, Epoch: rec.Epoch}); rec.Replace.Known() && s.Process.ID == rec.Replace.ID {
		if in.restartedLately(restart) {
			return wait("%s restarts before it is promoted again", name).within(watchSoon * 4)
		}
		return in.retry(restart,
			"%s is restarted before its promotion: every survivor refused it, which a restart within the last reign causes", name)
	}
	switch {
	case s.Contact != Answered:
		return wait("%s is to be promoted and does not answer (%s)", name, s.Contact).within(watchSoon * 4)
	case in.unusable(rec.Main) != "":
		return wait("%s is to be promoted, but %s", name, in.unusable(rec.Main))
	case s.Role == RoleReplica:
		return in.promote()
	case s.Role != RoleMain:
		return wait("%s is to be promoted and answers with no role that is known", name)
	case !s.Listed || !s.Version.Known():
		return wait("%s is promoted and has not told its version and replicas yet", name).within(watchSoon)
	}
	if d, busy := in.makeDurable(); busy {
		return d
	}
	if d, busy := in.cure(); busy {
		return d
	}
	return in.gather()
}

// promote makes the recorded MAIN MAIN. One that was promoted and is a replica
// again has restarted meanwhile: that is another reign.
func (in Input) promote() Decision {
	rec, name := in.Record, in.name(in.Record.Main)
	own, _ := proof(rec.Heirs, rec.Main)
	step := Step{Kind: Promote, Node: rec.Main, Epoch: rec.Epoch, Database: own.UUID}
	if a, tried := in.Attempts[step]; tried && a.Failures == 0 {
		if own.UUID == "" && own.Process.Known() && own.Process == in.Nodes[rec.Main].Process {
			return wait("%s was promoted and is a replica again, and the platform has not told of its new process yet", name).within(watchSoon * 4)
		}
		next := in.failed().Record.reign(rec.Main, in.Now, name+" restarted before it served")
		next.Heirs, next.Stale, next.Seat = rec.Heirs, rec.Stale, rec.Seat
		return record(next, "%s restarted before it served and is promoted again", name)
	}
	d := in.retry(step, "%s is promoted for epoch %d", name, rec.Epoch)
	d.Inform = d.Step.Kind == Promote && in.again()
	return d
}

// again reports whether the node that is to be promoted is the last MAIN that served: a
// gateway that has not heard of this reign would lead its clients there as soon as it is
// MAIN, before anybody protects it.
func (in Input) again() bool {
	return len(in.Record.Heirs) > 0 && in.Record.Heirs[0].Node == in.Record.Main
}

// lostBeforeServing replaces a target that died before it served: nothing was
// acknowledged in its epoch, so whoever held everything before still does.
func (in Input) lostBeforeServing() (Decision, bool) {
	rec := in.Record
	s, name := in.Nodes[rec.Main], in.name(rec.Main)
	var why string
	own, proven := proof(rec.Heirs, rec.Main)
	switch {
	case s.Gone || s.Contact == Refused:
		why = fmt.Sprintf("%s went down before it served", name)
	case s.Contact != Answered && s.Contact != NotProbed && in.silence(rec.Main) >= in.Policy.FailAfter:
		why = fmt.Sprintf("%s fell silent before it served", name)
	case s.Contact == Answered && proven && s.Role == RoleReplica && in.unnamed(rec.Main) > 0:
		return wait("%s is to be promoted: %s", name, in.fit(own)).within(in.unnamed(rec.Main)), true
	case s.Contact == Answered && proven && s.Role == RoleReplica && in.fit(own) != "":
		why = in.fit(own)
	default:
		return Decision{}, false
	}
	if rec.Replace.Known() && s.Process.ID == rec.Replace.ID && in.done(Step{Kind: Restart, Node: rec.Main, Epoch: rec.Epoch}) {
		return wait("%s restarts before it is promoted again", name).within(watchSoon * 4), true
	}
	in = in.failed()
	rec = in.Record
	doubts := []string{why}
	for _, p := range in.steadiest(rec.Heirs) {
		if p.Node == rec.Main {
			continue
		}
		doubt := in.fit(p)
		if doubt == "" && in.Nodes[p.Node].Role == RoleMain {
			return take(Step{Kind: Demote, Node: p.Node, Epoch: rec.Epoch}, "%s; %s held everything before and is to follow, after a demotion", why, in.name(p.Node)), true
		}
		if doubt != "" {
			doubts = append(doubts, doubt)
			continue
		}
		next := rec.reign(p.Node, in.Now, why)
		next.Heirs = rec.Heirs
		next.Stale = rec.Stale
		next.Seat = in.firstSeat(p.Node)
		return record(next, "%s; %s held everything before and follows", why, in.name(p.Node)), true
	}
	if left := in.soonNamed(); left > 0 {
		return wait("no node can be promoted yet: %s", strings.Join(doubts, "; ")).within(left), true
	}
	return wait("no node can be promoted: %s. Bring one of them back, or accept the loss: promote NODE --accept-data-loss", strings.Join(doubts, "; ")), true
}

// makeDurable writes the marker without which the new epoch would be forgotten
// by a restart (recorded on 3.6.2: the epoch is recovered from what was committed in it).
func (in Input) makeDurable() (Decision, bool) {
	rec := in.Record
	mark := Step{Kind: Mark, Node: rec.Main, Epoch: rec.Epoch, Proves: NoNode}
	if in.done(mark) {
		return Decision{}, false
	}
	for _, r := range in.Nodes[rec.Main].Replicas {
		if r.Mode.Waited() && !r.Ghost && !r.Whole() {
			return in.drop(r, r.Name+" would keep the new epoch from becoming durable")
		}
	}
	return in.retry(mark, "the new epoch of %s is made durable", in.name(rec.Main)), true
}

// cure answers the refusal of every survivor by a MAIN that had restarted
// within the last reign: that is Memgraph's false divergence, not data (P6).
func (in Input) cure() (Decision, bool) {
	rec := in.Record
	if !rec.Stale {
		return Decision{}, false
	}
	refused, joined := 0, 0
	for _, n := range in.others(rec.Main) {
		if in.refused(n) {
			refused++
		}
		if r, ok := in.Nodes[rec.Main].Replica(n); ok && !r.Ghost && r.Status != Diverged {
			joined++
		}
	}
	if refused == 0 || joined > 0 {
		return Decision{}, false
	}
	why := fmt.Sprintf("every survivor refuses %s, which had restarted within the last reign: false divergence", in.name(rec.Main))
	next := rec.reign(rec.Main, in.Now, why)
	next.Heirs, next.Seat = rec.Heirs, rec.Seat
	if rec.Stage != Promoting { // it has served, and holds what it acknowledged
		next.Heirs = []Proof{in.ownProof()}
	}
	next.Replace = in.Nodes[rec.Main].Process
	return record(next, "%s; it is restarted and promoted again", why), true
}

// gather registers the survivors and fills the seat, then lets clients in. With
// a seat that cannot be filled it waits no longer than the policy says.
func (in Input) gather() Decision {
	rec := in.Record
	d, pending := in.topology()
	if next, ok := in.joins(d.Step); ok {
		d = record(next, "%s joins the reign", in.name(d.Step.Replica))
	}
	acts := d.Record != nil || d.Step.Kind != NoStep
	if pending && acts && (!in.late() || in.blocked()) {
		return d
	}
	if p, ok := in.seated(); ok {
		return in.serve([]Proof{p})
	}
	if mark, ok := in.strengthen(); ok {
		return mark
	}
	open := in.Policy.Durability == Available || len(in.Nodes) == 1
	switch {
	case rec.Seat != NoNode && !in.seatable():
		return in.reseat(in.name(rec.Seat) + " cannot take the seat")
	case rec.Seat == NoNode && open && (!pending || in.late()):
		return in.serve(nil)
	case rec.Seat == NoNode && !pending:
		return in.reseat("no replica holds the seat, and the policy is strict")
	case rec.Seat != NoNode && in.late() && open:
		next := rec.clone()
		next.Seat = NoNode
		return record(next, "%s does not take the seat in time; it is filled later", in.name(rec.Seat))
	case pending:
		return d
	}
	return wait("%s catches up to take the seat", in.name(rec.Seat)).within(watchSoon)
}

// blocked reports whether MAIN waits for a replica that would refuse every write.
func (in Input) blocked() bool {
	return slices.ContainsFunc(in.Nodes[in.Record.Main].Replicas, func(r Replica) bool {
		return r.Node != NoNode && r.Mode.Waited() && !r.Ghost && !r.Whole()
	})
}

// refusing reports whether MAIN refuses every write: a replica it waits for is
// not merely busy with one.
func (in Input) refusing() bool {
	return slices.ContainsFunc(in.Nodes[in.Record.Main].Replicas, func(r Replica) bool {
		return r.Mode.Waited() && !r.Ghost && r.Status != Ready && r.Status != Replicating
	})
}

// seatable reports whether the holder named before the promotion can still be it.
func (in Input) seatable() bool {
	seat := in.Record.Seat
	return in.eligible(seat) && !in.refused(seat) && !in.foreign(seat) && !in.missed(seat)
}

// missed reports whether a MAIN that does not serve yet has registered node n and not
// reached it for so long that it will not by itself: there is a cut between the two, or n
// holds another database, which before 3.5 nothing tells (recorded on 3.6.2: it stays
// invalid).
func (in Input) missed(n Ordinal) bool {
	r, listed := in.Nodes[in.Record.Main].Replica(n)
	a, tried := in.registered(n)
	return in.Record.Stage == Promoting && listed && tried && r.Status == Invalid && in.Now.Sub(later(r.Since, a.At)) >= healAfter
}

// reseat names another holder for the seat of a MAIN that does not serve yet, or
// nobody.
func (in Input) reseat(why string) Decision {
	seat := in.firstSeat(in.Record.Main)
	if seat == in.Record.Seat {
		if d, ok := in.rebuild(); ok {
			return d // writes wait for a replica, and this one cannot be it as it is
		}
		return wait("%s: writes stay closed until a replica answers", why).within(watchSoon * 4)
	}
	next := in.Record.clone()
	next.Seat = seat
	if seat == NoNode {
		return record(next, "%s, and nobody else can now", why)
	}
	return record(next, "%s: %s shall", why, in.name(seat))
}

// late reports whether the new MAIN has been kept from clients long enough.
func (in Input) late() bool {
	rec := in.Record
	mark := in.Attempts[Step{Kind: Mark, Node: rec.Main, Epoch: rec.Epoch, Proves: NoNode}]
	patience := in.Policy.SeatWait
	if rec.Epoch == 1 {
		patience = max(patience, 5*time.Second) // a first reign has no clients to keep waiting
	}
	return in.Now.Sub(mark.At) >= patience
}

// serve ends the promotion.
func (in Input) serve(promotable []Proof) Decision {
	rec := in.Record
	s := in.Nodes[rec.Main]
	next := rec.clone()
	next.Stage, next.Heirs, next.Replace = Serving, nil, Process{}
	next.MainProcess, next.UUID, next.Promotable = s.Process, s.Data.UUID, promotable
	next.Readers, next.Joined, next.Databases = in.readers(), in.joinedNow(), in.databases()
	protected := "unprotected until a replica has the seat"
	switch {
	case len(promotable) > 0:
		protected = "protected by " + in.name(promotable[0].Node)
	case len(in.Nodes) == 1:
		protected = "as a single node"
	}
	return record(next, "%s serves epoch %d, %s", in.name(rec.Main), rec.Epoch, protected)
}

// retry takes a step now, or waits until it may be tried again.
func (in Input) retry(s Step, format string, args ...any) Decision {
	if ok, left := in.due(s); !ok {
		return wait("%s failed (%s) and is tried again soon", s, in.Attempts[s].Failure).within(left)
	}
	return take(s, format, args...)
}

// disinherit takes a node out of the heirs before it is registered, if it is no
// longer what was proven: REGISTER gives a wiped node the database_uuid of its MAIN,
// by which it would pass for whole.
func (in Input) disinherit(d Decision) Decision {
	if d.Step.Kind != Register || in.Record == nil {
		return d
	}
	p, heir := proof(in.Record.Heirs, d.Step.Replica)
	if !heir {
		return d
	}
	doubt := in.fit(p)
	if doubt == "" {
		return d
	}
	next := in.Record.clone()
	next.Heirs = slices.DeleteFunc(next.Heirs, func(q Proof) bool { return q.Node == p.Node })
	return record(next, "%s is no heir any more: %s", in.name(p.Node), doubt).by(RuleHeir)
}
