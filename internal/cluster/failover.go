package cluster

import (
	"fmt"
	"strings"
)

// failover ends the reign of a lost MAIN: it names the next one, or says why it
// cannot.
func (in Input) failover(why string) Decision {
	rec := in.Record
	doubts := make([]string, 0, 2)
	for _, p := range rec.Promotable {
		doubt := in.fit(p)
		switch {
		case doubt != "":
			doubts = append(doubts, doubt)
		case in.Nodes[p.Node].Role == RoleMain:
			return take(Step{Kind: Demote, Node: p.Node, Epoch: rec.Epoch},
				"%s; %s is to follow, but says it is MAIN already: demoted first, so that its reign begins with a new epoch", why, in.name(p.Node))
		default:
			return record(in.successor(p.Node, why), "%s; %s holds every acknowledged write and follows", why, in.name(p.Node))
		}
	}
	own := in.ownProof()
	doubt := in.fit(own)
	switch {
	case doubt == "" && in.Nodes[rec.Main].Role == RoleMain && in.Nodes[rec.Main].Process != rec.MainProcess:
		next := rec.clone()
		next.Stage, next.Target, next.MainProcess, next.Reason = Demoting, rec.Main, in.Nodes[rec.Main].Process, why
		return record(next, "%s; nobody else is promotable: it is demoted and promoted again", why)
	case doubt == "":
		return record(in.successor(rec.Main, why), "%s; nobody else is promotable and it kept its data: it reigns again", why)
	}
	if d, ok := in.unhang(why); ok {
		return d
	}
	doubts = append(doubts, doubt)
	return wait("%s; no automatic failover: %s. Bring one of them back, or accept the loss: promote NODE --accept-data-loss", why, strings.Join(doubts, "; "))
}

// ownProof is what is known of the MAIN of a reign: it held every write it
// acknowledged.
func (in Input) ownProof() Proof {
	return Proof{Node: in.Record.Main, Process: in.Record.MainProcess, UUID: in.Record.UUID}
}

// unhang restarts a MAIN that hangs in DROP REPLICA of a cut-off replica
// (Memgraph before 3.10, recorded on 3.6.2): only a new process answers again.
func (in Input) unhang(why string) (Decision, bool) {
	rec := in.Record
	if in.Nodes[rec.Main].Contact != Silent {
		return Decision{}, false
	}
	for s, a := range in.Attempts {
		if s.Kind != Drop || s.Node != rec.Main || s.Epoch != rec.Epoch || a.Failure != TimedOut {
			continue
		}
		restart := Step{Kind: Restart, Node: rec.Main, Epoch: rec.Epoch}
		if ok, left := in.due(restart); !ok {
			return wait("%s; its restart was asked for", why).within(left), true
		}
		return take(restart, "%s since it was told to drop a replica that is cut off, and nobody else is promotable: its process is restarted", why), true
	}
	return Decision{}, false
}

// successor returns the record of the reign of node n after a serving one.
func (in Input) successor(n Ordinal, why string) Record {
	rec := *in.Record
	next := rec.reign(n, in.Now, why)
	next.Heirs = append([]Proof{in.ownProof()}, rec.Promotable...)
	next.Stale = in.restarted(n) && n != rec.Main
	next.Seat = in.firstSeat(n)
	return next
}

// firstSeat chooses who shall hold the seat under a new MAIN n: the one that the
// last MAIN listed closest to itself.
func (in Input) firstSeat(n Ordinal) Ordinal {
	last := in.Nodes[in.Record.Main]
	best, bestRank := NoNode, -1
	for _, o := range in.others(n) {
		if !in.eligible(o) || in.refused(o) {
			continue
		}
		rank := 1
		if r, ok := last.Replica(o); ok && !r.Ghost && r.Status != Diverged && r.Behind > -seatGap {
			rank = 3
		}
		if o == in.Record.Main {
			rank = 3
		}
		if in.restarted(o) && o != in.Record.Main {
			rank--
		}
		if rank > bestRank {
			best, bestRank = o, rank
		}
	}
	return best
}

// demoting makes MAIN step down for Target, which may be itself.
func (in Input) demoting() Decision {
	rec := in.Record
	s, name := in.Nodes[rec.Main], in.name(rec.Main)
	target := rec.Target
	if target == NoNode || int(target) >= len(in.Nodes) {
		target = rec.Main
	}
	verdict, why, left := in.main()
	switch {
	case verdict == mainLost && (s.down() || s.Contact != Answered):
		return in.failover(why)
	case s.is(RoleReplica):
		p, ok := rec.Proof(target)
		if target == rec.Main {
			p, ok = in.ownProof(), true
		}
		if doubt := in.fit(p); !ok || doubt != "" {
			return in.failover(fmt.Sprintf("MAIN %s has stepped down for %s, which cannot follow now", name, in.name(target)))
		}
		return record(in.successor(target, rec.Reason), "MAIN %s has stepped down; %s is promoted", name, in.name(target))
	case verdict == mainDoubtful:
		return wait("%s", why).within(left)
	case !s.is(RoleMain):
		return wait("MAIN %s was asked to step down and answers with no role that is known", name)
	}
	step := Step{Kind: Demote, Node: rec.Main, Epoch: rec.Epoch}
	if in.Now.Sub(rec.LastUpdated) > demoteFor && in.Attempts[step].Failures > 0 {
		next := rec.clone()
		next.Stage, next.Target = Serving, NoNode
		next.Reason = "MAIN could not be made to step down"
		return record(next, "MAIN %s could not be made to step down within %s and goes on serving", name, demoteFor)
	}
	if ok, left := in.due(step); !ok {
		return wait("MAIN %s does not step down yet", name).within(left)
	}
	return take(step, "%s steps down: %s", name, rec.Reason)
}
