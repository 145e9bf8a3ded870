package cluster

import (
	"fmt"
	"strings"
)

// bootstrap looks for the one MAIN that can be recorded without losing anything,
// and waits, explaining, while there is doubt. It takes no step: the record it
// writes is carried out by promoting, so that a controller that dies in between
// is finished by the next.
func (in Input) bootstrap() Decision {
	if len(in.Nodes) == 0 {
		return wait("bootstrap: there are no nodes")
	}
	var unseen, bad []string
	for i, s := range in.Nodes {
		n := Ordinal(i)
		why := in.unusable(n)
		switch {
		case why != "":
			bad = append(bad, in.name(n)+" "+why)
		case s.Contact != Answered || !s.Data.Known || s.Role == RoleUnknown:
			unseen = append(unseen, fmt.Sprintf("%s (%s)", in.name(n), s.Contact))
		}
	}
	if len(bad) > 0 {
		return wait("bootstrap: %s", strings.Join(bad, "; "))
	}
	waited := in.Now.Sub(in.Term)
	if len(unseen) > 0 && waited < in.Policy.BootstrapTimeout {
		return wait("bootstrap: waiting for %s to answer", strings.Join(unseen, ", ")).within(watchSoon * 20)
	}
	return in.choose(unseen)
}

// choose names the MAIN, or says why none can be named.
func (in Input) choose(unseen []string) Decision {
	full, mains := in.holders()
	switch {
	case len(mains) == 1 && in.followed(mains[0]):
		return in.found(mains[0], fmt.Sprintf("%s is MAIN and every other node follows it", in.name(mains[0])))
	case len(unseen) > 0:
		return wait("bootstrap: %s did not answer within %s and could hold data; start it, or choose: adopt --main N",
			strings.Join(unseen, ", "), in.Policy.BootstrapTimeout)
	case len(full) == 0:
		return in.found(0, "every node is empty")
	case len(full) == 1:
		return in.found(full[0], fmt.Sprintf("%s holds data and every other node is empty", in.name(full[0])))
	}
	var seen []string
	for i, s := range in.Nodes {
		seen = append(seen, fmt.Sprintf("%s is %s with %d vertices and %d edges of database %s",
			in.name(Ordinal(i)), s.Role, s.Data.Vertices, s.Data.Edges, orUnknown(s.Data.UUID)))
	}
	return wait("bootstrap refused: more than one node holds data and it is not clear whose is the newest: %s. Look at them, then choose: adopt --main N",
		strings.Join(seen, "; "))
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// holders returns the nodes that hold data, and those that say they are MAIN and
// either hold data or have replicas.
func (in Input) holders() (full, mains []Ordinal) {
	for i, s := range in.Nodes {
		if s.Contact != Answered {
			continue
		}
		if !s.Data.Empty() {
			full = append(full, Ordinal(i))
		}
		if s.Role == RoleMain && (!s.Data.Empty() || len(s.Replicas) > 0) {
			mains = append(mains, Ordinal(i))
		}
	}
	return full, mains
}

// followed reports whether every other node is registered on m and follows it,
// or has nothing to lose. One that did not answer must be registered.
func (in Input) followed(m Ordinal) bool {
	follows := 0
	for _, n := range in.others(m) {
		s := in.Nodes[n]
		r, listed := in.Nodes[m].Replica(n)
		bound := listed && !r.Ghost && r.Behind <= 0 && r.Status != Diverged
		switch {
		case s.Contact != Answered && bound:
		case s.Contact != Answered:
			return false
		case s.Role == RoleReplica && bound && r.Status != Invalid:
			follows++
		case s.Data.Empty():
		default:
			return false
		}
	}
	return follows > 0
}

// found returns the first record, with node n as MAIN. A MAIN that serves
// already goes on as it is; any other is promoted.
func (in Input) found(n Ordinal, why string) Decision {
	s := in.Nodes[n]
	rec := Record{Main: n, Target: NoNode, Seat: NoNode}
	if in.Last != nil {
		rec.Epoch, rec.History = in.Last.Epoch, in.Last.History
	}
	next := rec.reign(n, in.Now, why)
	next.UUID = s.Data.UUID
	base := in
	base.Record = &next
	if s.Role == RoleMain && (len(s.Replicas) > 0 || !s.Data.Empty()) {
		next.Stage, next.MainProcess = Serving, s.Process
		if l := in.Last; l != nil && l.Main == n && l.MainProcess == s.Process && s.Process.Known() {
			next.Epoch, next.History = l.Epoch, l.History // the same reign: its clients stay
		}
		next.Readers, next.Joined, next.Databases = base.readers(), base.joinedNow(), base.databases()
		for _, r := range s.Replicas {
			if r.Node != NoNode && r.Mode == s.Version.SeatMode() && r.Whole() {
				next.Seat = r.Node
			}
		}
		return record(next, "bootstrap: %s", why)
	}
	next.Seat = base.firstSeat(n)
	if next.Seat == NoNode && len(in.Nodes) > 1 {
		next.Seat = in.others(n)[0]
	}
	return record(next, "bootstrap: %s; %s is promoted", why, in.name(n))
}
