package cluster

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// world is a small model of Memgraph nodes for scenarios: enough of their
// observable behaviour to play a decision through to its end. It is no judge of
// Memgraph; the contract suite is.
type world struct {
	now      time.Time
	term     time.Time
	policy   Policy
	topology Topology
	nodes    []*server
	rec      *Record
	last     *Record
	own      bool
	sighted  []Sighting
	quiesced time.Time
	attempts Attempts
	requests []Request
	opinions map[Ordinal][]Opinion
	fail     map[string][]Failure // step text → failures to come
	writes   int
	late     bool // the platform's word may be as old as a watch
	out      strings.Builder
}

// server is one modelled node.
type server struct {
	up, silent bool
	leaving    bool
	runs       int
	boot       string
	role       Role
	uuid       string
	vertices   int64
	version    Version
	wal        Truth
	mode       string
	foreign    string // data nobody acknowledged: refused with error 3
	rows       []Replica
	lag        map[Ordinal]int64
	slow       map[Ordinal]time.Duration // replicas that are a little behind, for so long
	tells      map[Ordinal]telling       // what it says of ASYNC replicas, whatever is so
	untold     bool                      // it was registered and has not told of its data since
	mute       bool                      // it does not tell of its data
	cut        bool                      // a replica that no MAIN reaches, though it answers
	stuck      bool                      // an aborted write has left its ASYNC replicas replicating
	master     Ordinal                   // whom a replica obeys
	born       Role
}

// telling is what a MAIN says of an ASYNC replica. The timestamp grows from 1000 on.
type telling struct {
	status Status
	behind int64
	every  time.Duration // how often the timestamp grows; 0: it is 0
	since  time.Time
	until  time.Time // when it ceased to grow; zero: not yet
	heals  bool      // it gets all that MAIN has with a write while work is held
	self   bool      // it gets that once work has been held for 50 ms
	healed bool
}

func newWorld(n int) *world {
	w := &world{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), policy: DefaultPolicy(), attempts: Attempts{}, fail: map[string][]Failure{}, opinions: map[Ordinal][]Opinion{}}
	w.term = w.now
	for i := range n {
		w.topology = append(w.topology, Node{Name: fmt.Sprintf("memgraph-%d", i), Bolt: fmt.Sprintf("10.0.0.%d:7687", i), Replication: fmt.Sprintf("10.0.0.%d:10000", i)})
		w.nodes = append(w.nodes, &server{up: true, runs: 1, boot: "b1", role: RoleReplica, born: RoleReplica, uuid: fmt.Sprintf("u%d", i), version: Version{3, 12, 0}, wal: Yes, mode: "IN_MEMORY_TRANSACTIONAL", lag: map[Ordinal]int64{}, slow: map[Ordinal]time.Duration{}, tells: map[Ordinal]telling{}, master: NoNode})
	}
	w.sighted = make([]Sighting, n)
	for i := range w.sighted { // they have answered for long
		w.sighted[i] = Sighting{Contact: Answered, Answered: w.now, Steady: w.now.Add(-time.Minute), AsOf: w.asOf(), Process: w.process(Ordinal(i))}
	}
	return w
}

// asOf is when what the platform says was so: it hears of everything late.
func (w *world) asOf() time.Time {
	if w.late {
		return time.Time{}
	}
	return w.now.Add(-namedAfter)
}

func (w *world) process(n Ordinal) Process {
	s := w.nodes[n]
	return Process{ID: fmt.Sprintf("p%d.%d", n, s.runs), Boot: s.boot}
}

// look makes the sighting of node n.
func (w *world) look(n Ordinal) Sighting {
	s := w.nodes[n]
	v := Sighting{Since: w.now, AsOf: w.asOf(), Process: w.process(n), Gone: !s.up, Leaving: s.leaving, Opinions: w.opinions[n]}
	switch {
	case !s.up:
		v.Contact = Refused
	case s.silent:
		v.Contact = Silent
	default:
		v.Contact, v.Answered, v.Role, v.Version, v.WAL = Answered, w.now, s.role, s.version, s.wal
		v.Data = Data{Known: !s.untold && !s.mute, UUID: s.uuid, Vertices: s.vertices, Mode: s.mode}
		s.untold = false
		if s.role == RoleMain {
			v.Listed = true
			for _, r := range s.rows {
				v.Replicas = append(v.Replicas, w.row(n, r))
			}
		}
	}
	return v.After(w.sighted[n])
}

// row is how MAIN n lists replica r now.
func (w *world) row(n Ordinal, r Replica) Replica {
	if r.Ghost || r.Node == NoNode || r.Status == Diverged {
		return r
	}
	r.TS = 1
	t := w.nodes[r.Node]
	say, told := w.nodes[n].tells[r.Node]
	switch {
	case !t.up || t.silent || t.cut || t.role != RoleReplica || t.master != n:
		r.Status = Invalid
	case told && r.Mode == Async && say.self && w.rec.Stage != Serving && w.now.Sub(w.quiesced) >= 50*time.Millisecond:
		r.Status, r.TS = Ready, say.ts(w.now)
	case told && r.Mode == Async && (!say.healed || w.rec.Stage == Serving):
		say.healed = false
		w.nodes[n].tells[r.Node] = say
		r.Status, r.Behind, r.TS = say.status, say.behind, say.ts(w.now)
	case w.nodes[n].lag[r.Node] > 0:
		r.Status, r.Behind = Ready, w.nodes[n].lag[r.Node]
	case w.nodes[n].lag[r.Node] < 0:
		r.Status, r.Behind = Recovering, w.nodes[n].lag[r.Node]
	case w.nodes[n].slow[r.Node] > 0:
		r.Status, r.Behind, r.Lag = Replicating, -1, w.nodes[n].slow[r.Node]
	case w.nodes[n].stuck && r.Mode == Async:
		r.Status = Replicating
	default:
		r.Status = Ready
	}
	return r
}

// ts is the timestamp at a moment.
func (t telling) ts(now time.Time) int64 {
	switch {
	case t.every == 0:
		return 0
	case !t.until.IsZero():
		now = t.until
	}
	return 1000 + int64(now.Sub(t.since)/t.every)
}

// do carries out a step on the model.
func (w *world) do(s Step) Failure {
	if list := w.fail[s.String()]; len(list) > 0 {
		w.fail[s.String()] = list[1:]
		return list[0]
	}
	n := w.nodes[s.Node]
	if s.Kind == Restart {
		w.restart(s.Node)
		return 0
	}
	if !n.up || n.silent {
		return Unreachable
	}
	switch s.Kind {
	case Promote:
		n.role, n.rows, n.master, n.foreign = RoleMain, nil, NoNode, "" // now it is the others' history
	case Demote:
		n.role, n.rows, n.master = RoleReplica, nil, NoNode
	case Mark, Nudge:
		for _, r := range n.rows {
			if v := w.row(s.Node, r); v.Mode == StrictSync && !v.Ghost && !v.Whole() {
				n.stuck = true
				return Aborted
			}
		}
		n.stuck = false
		w.writes++
		for o, say := range n.tells {
			say.healed = say.heals && w.rec.Stage != Serving
			n.tells[o] = say
		}
	case Register:
		return w.register(s)
	case Drop:
		n.rows = slices.DeleteFunc(n.rows, func(r Replica) bool { return r.Name == s.Name })
	}
	return 0
}

func (w *world) register(s Step) Failure {
	n, t := w.nodes[s.Node], w.nodes[s.Replica]
	r := Replica{Name: w.topology[s.Replica].Name, Node: s.Replica, Address: w.topology[s.Replica].Replication, Mode: s.Mode}
	switch {
	case !t.up || t.silent || t.role != RoleReplica:
		r.Ghost = true
		n.rows = append(n.rows, r)
		return Deaf
	case t.foreign != "":
		r.Ghost = true
		n.rows = append(n.rows, r)
		return Refuses
	}
	t.master, t.uuid = s.Node, n.uuid
	t.vertices = n.vertices
	t.untold, w.sighted[s.Replica].Data = true, Data{} // as the loop has it
	n.rows = append(n.rows, r)
	return 0
}

// restart ends and starts a node's process, as the platform does; a rebuild in
// the record moves its data aside.
func (w *world) restart(n Ordinal) {
	s := w.nodes[n]
	if s.up && w.sighted[n].Contact == Answered {
		w.sighted[n].Answered = w.now // until now
	}
	if w.rec != nil {
		if b, ok := w.rec.Rebuild(n); ok && b.Process == w.process(n) {
			s.vertices, s.foreign, s.uuid = 0, "", fmt.Sprintf("u%d.%d", n, s.runs)
		}
	}
	s.up, s.silent, s.leaving, s.role, s.rows, s.stuck = true, false, false, s.born, nil, false
	s.runs++
}

func (w *world) input() Input {
	for i := range w.nodes {
		if s := &w.sighted[i]; s.Contact == Answered && s.Process == w.process(Ordinal(i)) {
			s.Answered = w.now // and has all the while
		}
		w.sighted[i] = w.look(Ordinal(i))
	}
	return Input{
		Record: w.rec, Policy: w.policy, Topology: w.topology, Attempts: w.attempts, Requests: w.requests, Last: w.last, Own: w.own,
		Observation: Observation{Now: w.now, Term: w.term, Quiesced: w.quiesced, Nodes: slices.Clone(w.sighted)},
	}
}

// put replaces the record.
func (w *world) put(next *Record) {
	switch {
	case next.Stage != Quiescing:
		w.quiesced = time.Time{}
	case w.rec == nil || w.rec.Stage != Quiescing:
		w.quiesced = w.now
	}
	w.rec = next
}

// decide makes one decision, and forgets the requests that it answers.
func (w *world) decide() Decision {
	dec := Decide(w.input())
	for _, id := range dec.Handled {
		i := slices.IndexFunc(w.requests, func(r Request) bool { return r.ID == id })
		w.requests = slices.Delete(w.requests, i, i+1)
	}
	return dec
}

// settle decides and acts until nothing is left to do within d, and writes down
// what was decided.
func (w *world) settle(d time.Duration) {
	end := w.now.Add(d)
	last := ""
	for range 2000 {
		dec := w.decide()
		switch {
		case dec.Record != nil:
			next := *dec.Record
			next.LastUpdated = w.now
			w.put(&next)
			if dec.Vain.Kind != NoStep {
				w.note(dec.Vain, Unclear)
			}
			fmt.Fprintf(&w.out, "record %s\n  %s\n", w.brief(), dec.Why)
			last = ""
		case dec.Step.Kind != NoStep:
			failure := w.do(dec.Step)
			w.note(dec.Step, failure)
			fmt.Fprintf(&w.out, "%s", dec.Step)
			if failure != 0 {
				fmt.Fprintf(&w.out, ": %s", failure)
			}
			fmt.Fprintf(&w.out, "\n  %s\n", dec.Why)
			if dec.Inform {
				fmt.Fprint(&w.out, "  and every gateway hears of it before\n")
			}
			w.now = w.now.Add(2 * time.Millisecond)
			last = ""
		case len(dec.Handled) > 0:
			fmt.Fprintf(&w.out, "answer\n  %s\n", dec.Why)
			last = ""
		default:
			if dec.Why != last {
				fmt.Fprintf(&w.out, "wait\n  %s\n", dec.Why)
				last = dec.Why
			}
			if !w.now.Add(dec.Wake).Before(end) {
				w.now = end
				return
			}
			w.now = w.now.Add(dec.Wake)
		}
	}
	fmt.Fprintf(&w.out, "STILL BUSY after 2000 decisions\n")
}

func (w *world) note(s Step, failure Failure) {
	whose := s.Node
	switch {
	case s.Kind == Register || s.Kind == Hold:
		whose = s.Replica
	case s.Kind == Mark && s.Proves != NoNode:
		whose = s.Proves
	}
	p := w.process(whose)
	a := w.attempts[s]
	if a.Process != p {
		a.Failures = 0
	}
	a.At, a.Failure, a.Process = w.now, failure, p
	a.Tries++
	if failure == 0 {
		a.Failures = 0
	} else {
		a.Failures++
	}
	w.attempts[s] = a
}

// brief shows the record's promises in one line.
func (w *world) brief() string {
	r := w.rec
	if r == nil {
		return "none"
	}
	b := fmt.Sprintf("epoch %d %s main %d seat %s promotable %s", r.Epoch, r.Stage, r.Main, short(r.Seat), shortProofs(r.Promotable))
	if len(r.Heirs) > 0 {
		b += " heirs " + shortProofs(r.Heirs)
	}
	for _, v := range r.Rebuilds {
		b += " rebuild " + short(v.Node)
	}
	for _, v := range r.Discards {
		b += " discard " + short(v.Node)
	}
	if r.Target != NoNode {
		b += " target " + short(r.Target)
	}
	if r.Switchover.Wanted() {
		b += " switchover " + short(r.Switchover.Target)
	}
	if r.Paused {
		b += " paused"
	}
	return b
}

func short(n Ordinal) string {
	if n == NoNode {
		return "-"
	}
	return fmt.Sprint(int(n))
}

func shortProofs(list []Proof) string {
	if len(list) == 0 {
		return "-"
	}
	var s []string
	for _, p := range list {
		s = append(s, short(p.Node))
	}
	return strings.Join(s, ",")
}
