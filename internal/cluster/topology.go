package cluster

import (
	"slices"
	"time"
)

// topology returns the next change to MAIN's registrations. It reports true also
// if there is only something to wait for, and false if all is as it should be.
// The caller sees to it that no new work reaches MAIN meanwhile.
func (in Input) topology() (Decision, bool) {
	if in.Record.Stage == Promoting {
		if d, ok := in.demoteOthers(); ok {
			return d, true
		}
	}
	if d, ok := in.dropWrong(); ok {
		return d, true
	}
	if d, ok := in.takeSeat(); ok {
		return d, true
	}
	if d, ok := in.registerMissing(); ok {
		return d, true
	}
	return in.dropLeftover()
}

// dropWrong removes registrations that neither replicate nor ever will.
func (in Input) dropWrong() (Decision, bool) {
	seen := map[Ordinal]bool{}
	for _, r := range in.Nodes[in.Record.Main].Replicas {
		if r.Node == NoNode {
			continue // somebody else's; told in the conditions
		}
		why := in.wrong(r)
		if seen[r.Node] {
			why = in.name(r.Node) + " is registered twice"
		}
		seen[r.Node] = true
		if _, promotable := in.Record.Proof(r.Node); why == "" || promotable {
			continue
		}
		if in.relieved(r) {
			continue // first the one who takes its place
		}
		if d, ok := in.drop(r, why); ok {
			return d, true
		}
	}
	return Decision{}, false
}

// relieved reports whether replica r, the only one that a strict MAIN waits for, is about
// to be replaced by another one.
func (in Input) relieved(r Replica) bool {
	seat := in.Record.Seat
	return seat != NoNode && seat != r.Node && in.eligible(seat) && (in.near(seat) || in.justDropped(seat)) && !in.exposed() && in.exposedWithout(r.Node)
}

// wrong says why registration r must go, or "".
func (in Input) wrong(r Replica) string {
	s := in.Nodes[r.Node]
	node := in.Topology[r.Node]
	switch {
	case r.Ghost:
		return "the registration of " + node.Name + " is a ghost: neither replicating nor protecting"
	case r.Name != node.Name || r.Address != node.Replication:
		return node.Name + " is registered under another name or address"
	case r.Status == Diverged:
		return "MAIN says " + node.Name + " has diverged"
	case s.is(RoleReplica) && in.replaced(r.Node):
		return node.Name + " holds another database than MAIN, which has not noticed: its volume was wiped or replaced"
	case r.Status == Invalid && !r.moves(in.Now, followFor) && s.is(RoleReplica) && in.Now.Sub(later(r.Since, s.Since)) >= healAfter && in.estranged(r.Node):
		return node.Name + " has restarted and does not know its MAIN any more"
	case in.stolen(r):
		return node.Name + " obeys another node that was MAIN until a moment ago"
	}
	return ""
}

// replaced reports whether replica n may hold other data than MAIN registered. MAIN
// goes on calling one ready that came back empty within half a second, until the
// next write (recorded on 3.6.2 and 3.12.0). Before Memgraph 3.5 nothing tells a
// volume from another, so every restart counts, once.
func (in Input) replaced(n Ordinal) bool {
	main, d := in.Nodes[in.Record.Main].Data, in.Nodes[n].Data
	if !main.Known || !d.Known || in.stranger(n) {
		return false
	}
	if main.UUID != "" {
		a, tried := in.registered(n)
		asIs := tried && a.Failures == 0 && a.Process == in.Nodes[n].Process // see foreign
		return d.UUID != main.UUID && d.Empty() && !asIs
	}
	return in.estranged(n)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// estranged reports whether an answering replica may have forgotten its MAIN: it
// restarted after it joined, or holds another database (recorded on 3.6.2: a
// wiped replica stays invalid until DROP and REGISTER). Only then is it
// registered anew: a REGISTER that MAIN cannot connect blocks MAIN for 5 s.
func (in Input) estranged(n Ordinal) bool {
	s := in.Nodes[n]
	a, tried := in.registered(n)
	other := in.Record.UUID != "" && s.Data.Known && s.Data.UUID != in.Record.UUID
	anew := tried && a.Process.Known() && a.Process != s.Process
	return (in.restarted(n) || other || anew) && (!tried || anew)
}

// stolen reports whether replica r may obey another node: MAIN has not reached it for
// long though it answers, and since it was registered another MAIN has stepped down, whose
// last REGISTER may have arrived after ours. A replica obeys whoever registered it last,
// and MAIN calls it invalid for ever (recorded on 3.6.2). Without such a node, or if it
// was reached after that, it is the network, and before 3.10 a DROP of a replica that is
// cut off hangs (recorded on 3.6.2).
func (in Input) stolen(r Replica) bool {
	if r.Status != Invalid || r.moves(in.Now, followFor) || !in.Nodes[r.Node].is(RoleReplica) || in.Now.Sub(later(r.Since, in.Nodes[r.Node].Since)) < healAfter {
		return false
	}
	a, tried := in.registered(r.Node) // or before this term
	for s, down := range in.Attempts {
		if !tried && s.Node != r.Node && !in.Nodes[in.Record.Main].Version.AtLeast(3, 10) {
			continue // it may be cut off for longer than this term
		}
		stepped := s.Kind == Demote && s.Node != in.Record.Main && (down.Failures == 0 || in.Nodes[s.Node].is(RoleReplica))
		if stepped && down.At.After(a.At) && r.Since.Before(down.At.Add(healAfter)) {
			return true
		}
	}
	return false
}

// registerMissing registers every replica that answers and is not listed.
func (in Input) registerMissing() (Decision, bool) {
	rec := in.Record
	for _, n := range in.others(rec.Main) {
		if _, listed := in.Nodes[rec.Main].Replica(n); listed || !in.eligible(n) || in.refusedTwice(n) {
			continue
		}
		if rec.Stage == Promoting && in.refused(n) && in.Policy.Durability == Available {
			continue // not worth keeping clients waiting; strict ones wait for a replica anyway
		}
		if d, ok := in.attempt(in.registration(n, Async), "%s follows %s", in.name(n), in.name(rec.Main)); ok {
			return d, true
		}
	}
	return Decision{}, false
}

// dropLeftover takes the former holder out of the seat once the new one is in
// it, so that MAIN is never without one; with nobody to follow it, at once.
func (in Input) dropLeftover() (Decision, bool) {
	rec := in.Record
	if rec.Seat == NoNode && in.Policy.Durability == Strict {
		return Decision{}, false // blocked writes are what the policy asks for
	}
	if rec.Seat != NoNode {
		if r, _ := in.Nodes[rec.Main].Replica(rec.Seat); !r.Mode.Waited() || !r.Whole() {
			return Decision{}, false
		}
	}
	for _, r := range in.Nodes[rec.Main].Replicas {
		if r.Node == NoNode || r.Node == rec.Seat || !r.Mode.Waited() || r.Ghost {
			continue
		}
		if _, promotable := rec.Proof(r.Node); promotable {
			if in.provable() {
				return Decision{}, false // proven first, nobody is without a successor meanwhile
			}
			next := rec.clone()
			next.Promotable = nil
			return record(next, "%s gives up the standby seat and is not promotable any more", in.name(r.Node)), true
		}
		if d, ok := in.drop(r, in.name(r.Node)+" does not hold the standby seat any more"); ok {
			return d, true
		}
	}
	return Decision{}, false
}

// provable reports whether the holder of the seat can be proven while the former one
// is waited for too: a write goes through both.
func (in Input) provable() bool {
	if _, proven := in.Record.Proof(in.Record.Seat); proven || in.Record.Seat == NoNode || in.refusing() {
		return false
	}
	return in.Attempts[in.markThrough(in.Record.Seat)].Failures == 0
}

// leftover reports whether MAIN waits for somebody who does not hold the seat.
func (in Input) leftover() bool {
	return slices.ContainsFunc(in.Nodes[in.Record.Main].Replicas, func(r Replica) bool {
		return r.Node != NoNode && r.Node != in.Record.Seat && r.Mode.Waited() && !r.Ghost
	})
}

// registered returns the last try to register node n in this reign and term, false
// if there was none.
func (in Input) registered(n Ordinal) (last Attempt, found bool) {
	for _, a := range in.registrations(n) {
		if !a.At.Before(last.At) {
			last, found = a, true
		}
	}
	return last, found
}

// registrations returns the tries to register node n in this reign and term, one for
// each mode that was tried.
func (in Input) registrations(n Ordinal) []Attempt {
	var list []Attempt
	for _, mode := range []Mode{Async, Sync, StrictSync} {
		if a, tried := in.Attempts[in.registration(n, mode)]; tried {
			list = append(list, a)
		}
	}
	return list
}

func (in Input) registration(n Ordinal, mode Mode) Step {
	return Step{Kind: Register, Node: in.Record.Main, Epoch: in.Record.Epoch, Replica: n, Mode: mode}
}

func (in Input) drop(r Replica, why string) (Decision, bool) {
	return in.attempt(Step{Kind: Drop, Node: in.Record.Main, Epoch: in.Record.Epoch, Replica: r.Node, Name: r.Name}, "%s", why)
}

// attempt takes step s if it is due. While work is held a step that is not due
// is waited for; otherwise it is as if there were none.
func (in Input) attempt(s Step, format string, args ...any) (Decision, bool) {
	ok, left := in.due(s)
	if ok {
		return take(s, format, args...), true
	}
	if left <= 2*retryBusy {
		return wait(format, args...).within(left), true
	}
	return Decision{}, false
}

// eligible reports whether node n may be registered: a usable replica that
// answers and is not waiting for its data to be moved aside.
func (in Input) eligible(n Ordinal) bool {
	s := in.Nodes[n]
	if !s.is(RoleReplica) || in.unusable(n) != "" || in.stranger(n) {
		return false
	}
	b, rebuilding := in.Record.Rebuild(n)
	return !rebuilding || b.Process.ID != s.Process.ID
}

// stranger reports whether node n holds data of a database that was never this
// cluster's: the volume, or the address, is somebody else's. REGISTER would take
// such a replica away from its own MAIN, and could not make it follow ours
// (recorded on 3.6.2: it stays invalid).
func (in Input) stranger(n Ordinal) bool {
	d, known := in.Nodes[n].Data, in.Record.Databases
	return in.Nodes[n].Contact == Answered && d.Known && !d.Empty() && d.UUID != "" && len(known) > 0 && !slices.Contains(known, d.UUID)
}

// refused reports whether MAIN has refused the process that node n runs now
// for holding other data; refusedTwice whether it has been asked again.
func (in Input) refused(n Ordinal) bool      { return in.refusals(n) >= 1 }
func (in Input) refusedTwice(n Ordinal) bool { return in.refusals(n) >= 2 }

func (in Input) refusals(n Ordinal) int {
	count := 0
	for _, a := range in.registrations(n) {
		if a.Failure == Refuses && a.Process == in.Nodes[n].Process {
			count += a.Failures
		}
	}
	return count
}
