package cluster

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// failover ends the reign of a lost MAIN: it names the next one, or says why it
// cannot.
func (in Input) failover(why string) Decision {
	rec := in.Record
	doubts := make([]string, 0, 2)
	for _, p := range in.steadiest(rec.Promotable) {
		doubt, left := in.fit(p), in.unnamed(p.Node)
		switch {
		case doubt != "" && left > 0 && left <= 2*askSoon: // it comes before a MAIN that has ended
			return wait("%s; %s", why, doubt).within(left)
		case doubt != "":
			doubts = append(doubts, doubt)
		case in.Nodes[p.Node].Role == RoleMain:
			return take(Step{Kind: Demote, Node: p.Node, Epoch: rec.Epoch},
				"%s; %s is to follow, but says it is MAIN already: demoted first, so that its reign begins with a new epoch", why, in.name(p.Node))
		default:
			why += in.overtaken(p.Node)
			return record(in.successor(p.Node, why), "%s; %s holds every acknowledged write and follows%s", why, in.name(p.Node), in.passedOver(p.Node))
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
	if rec.Epoch == 0 {
		return in.inherit(why)
	}
	doubts = append(doubts, doubt)
	if left := in.soonNamed(); left > 0 {
		return wait("%s; %s", why, strings.Join(doubts, "; ")).within(left)
	}
	return wait("%s; no automatic failover: %s. Bring one of them back, or accept the loss: promote NODE --accept-data-loss", why, strings.Join(doubts, "; "))
}

// soonNamed is how long until the next node that may be promoted is named for
// certain; zero if there is none to wait for.
func (in Input) soonNamed() time.Duration {
	soonest := in.unnamed(in.Record.Main)
	for _, p := range slices.Concat(in.Record.Promotable, in.Record.Heirs) {
		if left := in.unnamed(p.Node); left > 0 && (soonest == 0 || left < soonest) {
			soonest = left
		}
	}
	return soonest
}

// ownProof is what is known of the MAIN of a reign: it held every write it
// acknowledged.
func (in Input) ownProof() Proof {
	return Proof{Node: in.Record.Main, Process: in.Record.MainProcess, UUID: in.Record.UUID}
}

// unhang restarts a MAIN that does not answer when nobody else can follow: a process
// that is killed loses nothing it wrote, and only a new one answers again. MAIN hangs
// for ever in DROP REPLICA of a cut-off replica (Memgraph before 3.10, recorded on
// 3.6.2); whoever leads now need not know of it.
func (in Input) unhang(why string) (Decision, bool) {
	rec := in.Record
	dropped := false
	for s, a := range in.Attempts {
		dropped = dropped || s.Kind == Drop && s.Node == rec.Main && s.Epoch == rec.Epoch && a.Failure == TimedOut
	}
	if in.Nodes[rec.Main].Contact != Silent || !dropped && in.silence(rec.Main) < in.Policy.FailAfter+hungAfter {
		return Decision{}, false
	}
	restart := Step{Kind: Restart, Node: rec.Main, Epoch: rec.Epoch}
	if ok, left := in.due(restart); !ok || in.restartedLately(restart) {
		return wait("%s; its restart was asked for", why).within(max(left, idle)), true
	}
	if dropped {
		why += ", since it was told to drop a replica that is cut off"
	}
	return take(restart, "%s, and nobody else is promotable: its process is restarted", why), true
}

// successor returns the record of the reign of node n after a serving one.
func (in Input) successor(n Ordinal, why string) Record {
	rec := *in.Record
	next := rec.reign(n, in.Now, why)
	next.Heirs = append([]Proof{in.ownProof()}, rec.Promotable...)
	next.Stale = in.restarted(n) && n != rec.Main || n == rec.Main && rec.Stale // as long as its process is the same
	next.Seat = in.firstSeat(n)
	return next
}

// firstSeat chooses who shall hold the seat under a new MAIN n: the one that the
// last MAIN listed closest to itself, and one that leaves only if nobody stays.
func (in Input) firstSeat(n Ordinal) Ordinal { return in.nearest(n, in.flapping) }

// nearest is firstSeat for a given idea of who flaps: such a node comes after all
// that stay and do not.
func (in Input) nearest(n Ordinal, flaps func(Ordinal) bool) Ordinal {
	last := in.Nodes[in.Record.Main]
	best, bestRank := NoNode, math.MinInt
	for _, o := range in.others(n) {
		if !in.eligible(o) || in.refused(o) || in.foreign(o) || in.missed(o) {
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
		if w := in.Record.Switchover; w.Wanted() && w.Target == o && n == in.Record.Main {
			rank = 5 // it is to follow n soon, and has to hold the seat for that
		}
		if flaps(o) {
			rank -= 4
		}
		if in.Nodes[o].Leaving {
			rank -= 10
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
		return in.failed().failover(why)
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
	if in.Now.Sub(rec.LastUpdated) > demoteFor && in.Attempts[step].Failures > 0 && !in.exposed() {
		next := in.abandon(fmt.Sprintf("MAIN %s could not be made to step down within %s and goes on serving", name, demoteFor))
		return record(next, "%s", next.Reason)
	}
	if ok, left := in.due(step); !ok {
		return wait("MAIN %s does not step down yet", name).within(left)
	}
	return take(step, "%s steps down: %s", name, rec.Reason)
}
