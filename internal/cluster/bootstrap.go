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
	if d, ok := in.resume(); ok {
		return d
	}
	waited := in.Now.Sub(in.Term)
	for n := range in.Nodes { // one that was heard may come back
		if in.Nodes[n].Contact != Answered {
			waited = min(waited, in.silence(Ordinal(n)))
		}
	}
	if len(unseen) > 0 && waited < in.Policy.BootstrapTimeout {
		return wait("bootstrap: waiting for %s to answer", strings.Join(unseen, ", ")).within(watchSoon * 20)
	}
	return in.choose(unseen)
}

// resume goes on where the record was deleted that this leader has kept until then, if
// its MAIN is what it was: nobody else can have been promoted since, whatever others hold.
func (in Input) resume() (Decision, bool) {
	l := in.Last
	if !in.Own || l == nil || int(l.Main) >= len(in.Nodes) {
		return Decision{}, false
	}
	s, name := in.Nodes[l.Main], in.name(l.Main)
	same := s.Process.Known() && s.Process == l.MainProcess && s.Data.Known && (l.UUID == "" || s.Data.UUID == l.UUID)
	held, proven := proof(l.Heirs, l.Main)
	switch {
	case l.Stage != Promoting && same && s.is(RoleMain):
		return in.found(l.Main, name+" is the MAIN that this leader has recorded, in the same process"), true
	case l.Stage == Demoting && same && s.is(RoleReplica),
		l.Stage == Promoting && proven && s.Contact == Answered && in.fit(held) == "":
		return record(l.clone(), "bootstrap: the record was deleted in stage %s of %s, and this leader goes on with it", l.Stage, name), true
	}
	return Decision{}, false
}

// contradicted reports whether node n could not have followed MAIN by the record that this
// leader has kept. An old MAIN that hung goes on calling replicas ready which have reigned
// since and lost their reign with their process: what nodes say is not enough then.
func (in Input) contradicted(n Ordinal) bool {
	l := in.Last
	if !in.Own || l == nil || l.Main == n || l.Epoch == 0 { // that is of an earlier controller, and proves nothing
		return false
	}
	_, heir := proof(l.Heirs, n)
	_, follows := proof(l.Promotable, n)
	return !heir && !follows
}

// believe takes node n for MAIN, as the nodes say, unless the record that this leader has
// kept contradicts them: then it goes on with that.
func (in Input) believe(n Ordinal, why string) Decision {
	if !in.contradicted(n) {
		return in.found(n, why)
	}
	return record(in.Last.clone(), "bootstrap: %s, but by the record that this leader has kept %s is MAIN and nobody else holds all it has acknowledged: this leader goes on with it",
		why, in.name(in.Last.Main))
}

// choose names the MAIN, or says why none can be named.
func (in Input) choose(unseen []string) Decision {
	full, mains := in.holders()
	switch {
	case len(mains) == 1 && in.followed(mains[0]):
		return in.believe(mains[0], fmt.Sprintf("%s is MAIN and every other node follows it", in.name(mains[0])))
	case len(unseen) > 0:
		return wait("bootstrap: %s did not answer within %s and could hold data; start it, or choose: adopt N",
			strings.Join(unseen, ", "), in.Policy.BootstrapTimeout)
	case len(full) == 0:
		return in.found(0, "every node is empty")
	case len(full) == 1:
		return in.believe(full[0], fmt.Sprintf("%s holds data and every other node is empty", in.name(full[0])))
	}
	var seen []string
	for i, s := range in.Nodes {
		seen = append(seen, fmt.Sprintf("%s is %s with %d vertices and %d edges of database %s",
			in.name(Ordinal(i)), s.Role, s.Data.Vertices, s.Data.Edges, orUnknown(s.Data.UUID)))
	}
	return wait("bootstrap refused: more than one node holds data and it is not clear whose is the newest: %s. Look at them, then choose: adopt N",
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
// or has nothing to lose. One that does not answer must be registered, and must not have
// said in this term that it is MAIN itself: m may have missed that.
func (in Input) followed(m Ordinal) bool {
	follows := 0
	for _, n := range in.others(m) {
		s := in.Nodes[n]
		r, listed := in.Nodes[m].Replica(n)
		bound := listed && !r.Ghost && r.Behind <= 0 && r.Status != Diverged
		switch {
		case s.Contact != Answered && s.Role == RoleMain && !s.Data.Empty():
			return false
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
	l := in.Last
	goesOn := l != nil && l.Main == n && l.MainProcess == s.Process && s.Process.Known()
	if s.Role == RoleMain && (len(s.Replicas) > 0 || !s.Data.Empty() || goesOn && in.Own) {
		next.Stage, next.MainProcess = Serving, s.Process
		if goesOn {
			next.Epoch, next.History = l.Epoch, l.History // the same reign: its clients stay
			next.Joined, next.Stale, next.Databases = l.Joined, l.Stale, l.Databases
			if !in.followed(n) { // somebody may have been another's replica since
				next.Joined = strangers(len(in.Nodes), n)
			}
		} else {
			next.Joined = strangers(len(in.Nodes), n)
		}
		next.Readers, next.Joined, next.Databases = base.readers(), base.joinedNow(), base.databases()
		for _, r := range s.Replicas {
			if r.Node != NoNode && r.Mode == s.Version.SeatMode() && r.Whole() {
				next.Seat = r.Node
			}
		}
		if base.exposed() { // its next reign serves when somebody has the seat
			next.Stage, next.Target = Demoting, n
		}
		return record(next, "bootstrap: %s", why)
	}
	if !s.Data.Empty() && s.Process.Known() {
		next.Heirs = []Proof{in.prove(n)} // what is promoted must be what was found
	}
	next.Seat = base.firstSeat(n)
	if next.Seat == NoNode && len(in.Nodes) > 1 {
		next.Seat = in.others(n)[0]
	}
	return record(next, "bootstrap: %s; %s is promoted", why, in.name(n))
}

// strangers are processes that nobody runs: who has restarted within a reign that
// is adopted in its midst is not known, and MAIN takes a fresh epoch before that
// could matter.
func strangers(nodes int, main Ordinal) []Process {
	list := make([]Process, nodes)
	for n := range list {
		if Ordinal(n) != main {
			list[n] = Process{ID: "before the record"}
		}
	}
	return list
}
