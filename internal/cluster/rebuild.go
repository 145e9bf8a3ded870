package cluster

import (
	"fmt"
	"slices"
)

// rebuild has the data of a diverged node moved aside and the node started
// anew. MAIN and promotable nodes are never touched (P6).
func (in Input) rebuild() (Decision, bool) {
	rec := in.Record
	for _, b := range rec.Rebuilds {
		if int(b.Node) >= len(in.Nodes) || in.Nodes[b.Node].Process.ID != b.Process.ID || b.Node == rec.Main {
			continue
		}
		step := Step{Kind: Restart, Node: b.Node, Epoch: rec.Epoch}
		if ok, _ := in.due(step); ok && !in.restartedLately(step) {
			return take(step, "%s is restarted so that its data is moved aside and it copies %s anew", in.name(b.Node), in.name(rec.Main)), true
		}
	}
	for _, n := range in.others(rec.Main) {
		if !in.divergent(n) {
			continue
		}
		if d, ok := in.cure(); ok {
			return d, true
		}
		others := func(b Rebuild) bool { return b.Node != n && b.Node != rec.Main }
		if slices.ContainsFunc(rec.Rebuilds, others) && len(rec.Promotable) == 0 {
			continue // one after the other, as long as MAIN has the only good copy
		}
		if rec.Stale && !in.foreign(n) { // what is foreign was not refused
			return in.cureByHandover(n)
		}
		b := Rebuild{Node: n, Process: in.Nodes[n].Process, Reason: "MAIN has refused it twice: it holds writes that no reign acknowledged"}
		if in.foreign(n) {
			b.Reason = "it keeps the database_uuid of another MAIN, holds no graph and cannot follow as it is"
		}
		next := rec.clone()
		next.Rebuilds = append(slices.DeleteFunc(next.Rebuilds, func(o Rebuild) bool { return o.Node == n }), b)
		next.Heirs = slices.DeleteFunc(next.Heirs, func(p Proof) bool { return p.Node == n })
		next.Reason = in.name(n) + " is rebuilt"
		return record(next, "%s has diverged: its data is moved aside and it copies %s anew", in.name(n), in.name(rec.Main)), true
	}
	return Decision{}, false
}

// cureByHandover has a MAIN that had restarted within the last reign, and refuses
// node n, hand over to one that had not: what Memgraph says of n then is true.
func (in Input) cureByHandover(n Ordinal) (Decision, bool) {
	rec := in.Record
	for _, p := range rec.Promotable {
		if rec.Stage == Serving && in.following(p.Node) && !in.restarted(p.Node) && in.rested() {
			why := fmt.Sprintf("%s, which had restarted within the last reign, refuses %s: that may be false divergence", in.name(rec.Main), in.name(n))
			return record(in.hold(p.Node, why), "%s; %s takes over and tries", why, in.name(p.Node)), true
		}
	}
	return Decision{}, false
}

// restartedLately reports whether the restart was asked for and its effect may
// still be on its way.
func (in Input) restartedLately(s Step) bool {
	a, tried := in.Attempts[s]
	return tried && a.Process == in.Nodes[s.Node].Process && in.Now.Sub(a.At) < healAfter
}

// divergent reports whether a MAIN that is confirmed has refused node n for good.
func (in Input) divergent(n Ordinal) bool {
	s := in.Nodes[n]
	if _, promotable := in.Record.Proof(n); promotable || !s.is(RoleReplica) || !s.Process.Known() {
		return false
	}
	if b, asked := in.Record.Rebuild(n); asked && b.Process.ID == s.Process.ID {
		return false
	}
	r, _ := in.Nodes[in.Record.Main].Replica(n)
	return in.refusedTwice(n) || r.Status == Diverged && !r.Ghost || in.foreign(n)
}

// foreign reports whether replica n, registered by MAIN, has kept the database_uuid
// of another one: it has a history of its own, and MAIN will call it invalid for ever.
// Only one without a graph: anything else is for a human to look at.
func (in Input) foreign(n Ordinal) bool {
	main, s := in.Nodes[in.Record.Main].Data, in.Nodes[n]
	a, tried := in.registered(n)
	return main.Known && main.UUID != "" && s.Contact == Answered && s.Data.Empty() && s.Data.UUID != main.UUID &&
		tried && a.Failures == 0 && a.Process == s.Process && in.Now.Sub(a.At) >= healAfter
}
