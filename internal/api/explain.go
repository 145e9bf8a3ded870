package api

import (
	"fmt"
	"strings"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Explanation is the answer of /api/v1/explain: what is at risk, why this node is
// MAIN, why nothing happens, and what would if a node died now.
type Explanation struct {
	Identity string  `json:"identity"`
	Basis    string  `json:"basis"` // leader: what it sees and decides; record: no more than what is recorded; none
	Risk     Risk    `json:"risk"`
	Main     *Main   `json:"main"` // null: there is no record
	Now      Now     `json:"now"`
	IfDied   []Death `json:"ifDied"` // by ordinal
	MayAsk   []Ask   `json:"mayAsk"` // requests that make sense now
}

// Risk is what is at risk, in one sentence.
type Risk struct {
	Level string `json:"level"` // none, notice, warning, alarm or unknown
	Text  string `json:"text"`
}

// Main says why a node is MAIN.
type Main struct {
	Node  string    `json:"node"`
	Epoch uint64    `json:"epoch"`
	Since time.Time `json:"since,omitzero"`
	Why   string    `json:"why"`
}

// Now says what is being done, or why nothing is.
type Now struct {
	Settled bool   `json:"settled"` // nothing more is waited for than news
	Text    string `json:"text"`
}

// Death says what would happen if a node's process died now.
type Death struct {
	Node    string `json:"node"`
	Role    string `json:"role"`    // by the record: main, standby or replica
	Outcome string `json:"outcome"` // one of the outcomes below
	Main    string `json:"main"`    // MAIN thereafter; empty: nobody serves, or it is not known
	Standby string `json:"standby"` // whose seat it would be; empty: nobody's, or it is not known
	Text    string `json:"text"`
}

// The outcomes of a death.
const (
	FailsOver    = "failover"    // another node becomes MAIN
	StaysDown    = "stays-down"  // nobody can follow: MAIN is waited for
	SeatMoves    = "seat-moves"  // another replica takes the standby seat
	Unprotected  = "unprotected" // writes go on, on one node
	WritesStop   = "writes-stop" // writes are refused until a replica has the seat
	Little       = "little"      // only those who read from it notice
	AlreadyDown  = "down"        // it does not answer as it is
	Undetermined = "unknown"     // this replica cannot tell
)

const (
	basisLeader, basisRecord, basisNone = "leader", "record", "none"
	levelNone, levelUnknown             = "none", "unknown"

	nothingLost = " No acknowledged write is lost."
)

// explain explains how a replica stands. It is a function of its arguments: what
// would happen is asked of the very rules that would decide it, with the node dead
// in what was seen. What a leader has tried in vain lately is not known to them.
func explain(v app.Status, t cluster.Topology, p cluster.Policy) Explanation {
	x := explainer{v: v, topology: t, policy: p}
	if x.acting = overtaken(v); x.acting {
		x.v.Snapshot = nil // it is of before
	}
	e := Explanation{Identity: v.Identity, Basis: basisNone, Risk: x.risk(), Now: x.now(), IfDied: []Death{}, MayAsk: x.asks()}
	rec := x.record()
	if rec == nil {
		return e
	}
	e.Basis = basisRecord
	if x.v.Snapshot != nil {
		e.Basis = basisLeader
	}
	e.Main = x.main(*rec)
	for n := range t {
		e.IfDied = append(e.IfDied, x.death(*rec, cluster.Ordinal(n)))
	}
	return e
}

type explainer struct {
	v        app.Status
	topology cluster.Topology
	policy   cluster.Policy
	acting   bool // this replica leads and has recorded more than it has told
}

// overtaken reports whether the record is newer than what the leader told last: it is
// in the middle of a pass, and what it saw and decided before is over.
func overtaken(v app.Status) bool {
	switch s := v.Snapshot; {
	case s == nil || v.Record == nil:
		return false
	case s.Record == nil:
		return true
	default:
		return v.Record.LastUpdated.After(s.Record.LastUpdated)
	}
}

func (x explainer) name(n cluster.Ordinal) string { return x.topology.Name(n) }

// record returns the record that counts: the leader's own is the newest.
func (x explainer) record() *cluster.Record {
	if s := x.v.Snapshot; s != nil && s.Record != nil {
		return s.Record
	}
	return x.v.Record
}

// main says why the recorded MAIN is it.
func (x explainer) main(r cluster.Record) *Main {
	m := &Main{Node: x.name(r.Main), Epoch: uint64(r.Epoch), Why: r.Reason}
	if h := r.History; len(h) > 0 && h[len(h)-1].Epoch == r.Epoch {
		m.Since, m.Why = h[len(h)-1].Began, h[len(h)-1].Reason
	}
	if m.Why == "" {
		m.Why = "the record names it and does not say why"
	}
	return m
}

// now says what is being done, or why nothing is.
func (x explainer) now() Now {
	s := x.v.Snapshot
	switch {
	case !x.v.Heard:
		return Now{Text: "This replica has not read the record yet: the API server does not answer, or refuses."}
	case x.acting:
		return Now{Text: fmt.Sprintf("Acting: epoch %d is %s: %s.", x.v.Record.Epoch, x.v.Record.Stage, x.main(*x.v.Record).Why)}
	case s == nil && x.v.Leading:
		return Now{Text: "This replica has just begun to lead and has not looked at the nodes yet."}
	case s == nil && x.v.Leader == "":
		return Now{Text: "Nobody leads as far as this replica knows: nothing is decided until a controller wins the lease."}
	case s == nil:
		return Now{Text: x.v.Leader + " leads and decides; this replica follows the record and serves its clients."}
	case s.Err != nil:
		return Now{Text: "Nothing can be done: " + s.Err.Error() + "."}
	case s.Decision.Settled:
		return Now{Settled: true, Text: "Nothing is to be done: " + s.Decision.Why + "."}
	}
	return Now{Text: "Waiting: " + s.Decision.Why + "."}
}

// risk says what is at risk, the worst first.
func (x explainer) risk() Risk {
	alarm, warning := cluster.Alarm.String(), cluster.Warning.String()
	rec := x.record()
	switch {
	case !x.v.Heard:
		return Risk{levelUnknown, "Unknown: this replica has not read the record yet."}
	case x.v.Stalled > 0:
		return Risk{alarm, "Nobody looks after the cluster: the loop of this leader is stuck."}
	case rec == nil:
		return Risk{alarm, "Nobody is MAIN by right: there is no record, and the nodes are asked."}
	case rec.Stage == cluster.Promoting || rec.Stage == cluster.Demoting:
		return Risk{alarm, fmt.Sprintf("Clients are held: %s.", x.turning(*rec))}
	}
	if s := x.v.Snapshot; s != nil {
		return x.seen(*s, *rec)
	}
	switch {
	case x.v.Leader == "" && !x.v.Leading:
		return Risk{warning, fmt.Sprintf("Nobody leads: if %s dies now it stays dead until a controller wins the lease.", x.name(rec.Main))}
	case rec.Paused:
		return Risk{warning, "Nobody fails over: decisions are paused by request."}
	case len(rec.Promotable) == 0 && len(x.topology) > 1:
		return Risk{alarm, fmt.Sprintf("By the record acknowledged writes are on one node only, %s.", x.name(rec.Main))}
	case len(x.topology) == 1:
		return x.single()
	}
	return Risk{levelNone, fmt.Sprintf("Nothing by the record: %s is MAIN and %s holds every acknowledged write.", x.name(rec.Main), x.name(rec.Promotable[0].Node))}
}

func (x explainer) single() Risk {
	return Risk{cluster.Notice.String(), "A single node: there is no second copy of the data, and nobody to fail over to."}
}

func (x explainer) turning(r cluster.Record) string {
	if r.Stage == cluster.Demoting {
		return fmt.Sprintf("%s steps down for %s", x.name(r.Main), x.name(r.Target))
	}
	return x.name(r.Main) + " is being made MAIN"
}

// seen says what is at risk by what the leader sees.
func (x explainer) seen(s controller.Snapshot, r cluster.Record) Risk {
	if s.Err != nil {
		return Risk{cluster.Alarm.String(), "Nobody can be promoted while the record cannot be used: " + s.Err.Error() + "."}
	}
	if int(r.Main) < len(s.Nodes) && r.Main >= 0 && !answers(s.Nodes[r.Main]) && s.Nodes[r.Main].Contact != cluster.NotProbed {
		return Risk{cluster.Alarm.String(), fmt.Sprintf("No client is served: %s.", s.Decision.Why)}
	}
	var worst *cluster.Condition
	for i, c := range s.Decision.Conditions {
		if worst == nil || c.Severity > worst.Severity {
			worst = &s.Decision.Conditions[i]
		}
	}
	switch {
	case worst != nil && worst.Severity == cluster.Warning && len(r.Promotable) > 0 && !r.Paused:
		return Risk{worst.Severity.String(), sentence(worst.Message) + fmt.Sprintf(" %s still holds every acknowledged write.", x.name(r.Promotable[0].Node))}
	case worst != nil && worst.Severity >= cluster.Warning:
		return Risk{worst.Severity.String(), sentence(worst.Message)}
	case len(x.topology) == 1:
		return x.single()
	case worst != nil:
		return Risk{worst.Severity.String(), sentence(worst.Message)}
	case len(r.Promotable) == 0:
		return Risk{cluster.Alarm.String(), sentence(s.Decision.Why)}
	}
	return Risk{levelNone, fmt.Sprintf("Nothing: %s is MAIN and %s holds every acknowledged write.", x.name(r.Main), x.name(r.Promotable[0].Node))}
}

// sentence makes a sentence of a message.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// death says what the death of node n would bring.
func (x explainer) death(r cluster.Record, n cluster.Ordinal) Death {
	d := Death{Node: x.name(n), Role: "replica", Outcome: Undetermined, Main: x.name(r.Main)}
	if r.Seat != cluster.NoNode {
		d.Standby = x.name(r.Seat)
	}
	switch n {
	case r.Main:
		d.Role, d.Main, d.Standby = "main", "", ""
	case r.Seat:
		d.Role, d.Standby = "standby", ""
	}
	s := x.v.Snapshot
	switch {
	case s == nil:
		return x.recorded(r, n, d)
	case s.Err != nil:
		d.Text = "Nothing is decided while the record cannot be used."
		return d
	case int(n) >= len(s.Nodes) || s.Nodes[n].Contact == cluster.NotProbed:
		d.Text = d.Node + " has not been looked at yet."
		return d
	case !answers(s.Nodes[n]):
		d.Outcome, d.Text = AlreadyDown, fmt.Sprintf("It does not answer as it is (%s): %s.", s.Nodes[n].Contact, s.Decision.Why)
		return d
	}
	return x.decided(*s, r, n, d)
}

// recorded says what a replica that does not lead can say.
func (x explainer) recorded(r cluster.Record, n cluster.Ordinal, d Death) Death {
	switch {
	case r.Stage == cluster.Promoting || r.Stage == cluster.Demoting:
		d.Text = "MAIN is being changed at this moment; ask again when it serves."
	case n == r.Main && len(r.Promotable) > 0 && !r.Paused:
		d.Outcome, d.Main = FailsOver, x.name(r.Promotable[0].Node)
		d.Text = d.Main + " is proven by the record and becomes MAIN, if it still is what was proven." + nothingLost
	case n == r.Main:
		d.Outcome, d.Text = StaysDown, "Nobody else is proven by the record: it is waited for."
	case n == r.Seat:
		d.Text = "Another replica takes the standby seat if one can; the leader knows."
	default:
		d.Outcome, d.Text = Little, "MAIN does not wait for it; sessions that read from it end or move."
	}
	return d
}

// decided asks the rules what they would do.
func (x explainer) decided(s controller.Snapshot, r cluster.Record, n cluster.Ordinal, d Death) Death {
	if n != r.Main && r.Stage != cluster.Serving {
		d.Text = "MAIN does not serve undisturbed at this moment; ask again when it does."
		return d
	}
	if n != r.Main && !x.up(r.Main) {
		d.Text = "No client is served as it is: MAIN must come back or be replaced first."
		return d
	}
	next := cluster.Decide(cluster.Input{Record: s.Record, Policy: x.policy, Topology: x.topology, Observation: x.without(s, r, n)})
	switch n {
	case r.Main:
		return x.mainDied(r, next, d)
	case r.Seat:
		return x.standbyDied(r, next, d)
	}
	d.Outcome = Little
	d.Text = "MAIN does not wait for it; sessions that read from it end or move."
	if len(r.Readers) == 1 && r.Readers[0] == n {
		d.Text = "MAIN does not wait for it, but it is the only replica that can be read from."
	}
	if r.Seat != cluster.NoNode {
		d.Text += fmt.Sprintf(" The seat stays with %s.", d.Standby)
	}
	return d
}

// without is what would be seen if node n had died: just now, and a standby as long
// ago as its grace.
func (x explainer) without(s controller.Snapshot, r cluster.Record, n cluster.Ordinal) cluster.Observation {
	o := cluster.Observation{Now: s.At, Term: s.Term, Nodes: append([]cluster.Sighting(nil), s.Nodes...)}
	dead := &o.Nodes[n]
	dead.Contact, dead.Gone, dead.Since = cluster.Refused, true, s.At
	if n == r.Main {
		return o
	}
	dead.Since = s.At.Add(-x.policy.StandbyGrace - time.Millisecond)
	if int(r.Main) >= len(o.Nodes) || r.Main < 0 {
		return o
	}
	main := &o.Nodes[r.Main]
	main.Replicas = append([]cluster.Replica(nil), main.Replicas...)
	for i := range main.Replicas {
		if main.Replicas[i].Node == n {
			main.Replicas[i].Status, main.Replicas[i].Since = cluster.Invalid, dead.Since
		}
	}
	return o
}

func (x explainer) mainDied(r cluster.Record, next cluster.Decision, d Death) Death {
	if next.Record == nil || next.Record.Epoch <= r.Epoch {
		d.Outcome, d.Text = StaysDown, sentence("Clients are held: "+next.Why)
		return d
	}
	d.Outcome, d.Main = FailsOver, x.name(next.Record.Main)
	d.Text = fmt.Sprintf("%s is promoted for epoch %d while clients are held.%s", d.Main, next.Record.Epoch, nothingLost)
	if next.Record.Seat == cluster.NoNode {
		d.Text += " Then no replica can take the standby seat."
		return d
	}
	d.Standby = x.name(next.Record.Seat)
	d.Text += fmt.Sprintf(" Then %s shall hold the standby seat.", d.Standby)
	return d
}

func (x explainer) standbyDied(r cluster.Record, next cluster.Decision, d Death) Death {
	refused := fmt.Sprintf("Writes are refused for %s", x.policy.StandbyGrace)
	switch {
	case r.Paused:
		d.Outcome, d.Text = WritesStop, "Writes are refused until it is back: decisions are paused by request."
	case next.Record != nil && next.Record.Seat != r.Seat && next.Record.Seat != cluster.NoNode:
		d.Outcome, d.Standby = SeatMoves, x.name(next.Record.Seat)
		d.Text = fmt.Sprintf("%s and the move of the seat, then %s has it and writes go on.", refused, d.Standby)
	case next.Record != nil && next.Record.Seat == cluster.NoNode:
		d.Outcome = Unprotected
		d.Text = refused + "; then they go on unprotected, for no other replica can hold the seat."
	default:
		d.Outcome, d.Text = WritesStop, sentence("Writes are refused until a replica has the seat: "+next.Why)
	}
	return d
}
