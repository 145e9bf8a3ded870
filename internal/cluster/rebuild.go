package cluster

import "slices"

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
		b := Rebuild{Node: n, Process: in.Nodes[n].Process, Reason: "MAIN has refused it twice: it holds writes that no reign acknowledged"}
		next := rec.clone()
		next.Rebuilds = append(slices.DeleteFunc(next.Rebuilds, func(o Rebuild) bool { return o.Node == n }), b)
		next.Reason = in.name(n) + " is rebuilt"
		return record(next, "%s has diverged: its data is moved aside and it copies %s anew", in.name(n), in.name(rec.Main)), true
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
	return in.refusedTwice(n) || r.Status == Diverged && !r.Ghost
}
