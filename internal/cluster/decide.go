package cluster

import (
	"fmt"
	"slices"
	"time"
)

// Input is all that a decision depends on.
type Input struct {
	Record   *Record // nil: BOOTSTRAP
	Policy   Policy
	Topology Topology
	Attempts Attempts
	Requests []Request
	Last     *Record // the last record this controller has seen, for a bootstrap after it was deleted
	Own      bool    // Last is what this leader wrote in this very term: nobody can have written after it
	Observation
}

// Decision is what to do next: at most one of Record and Step is set. If both
// are empty, wait for news, or at most for Wake.
type Decision struct {
	Record *Record // to be written before anything else is done
	Step   Step    // Kind NoStep if there is none
	Why    string  // never empty
	Rule   Rule    // which rule this came from
	Wake   time.Duration
	// Inform says that Step promotes the last MAIN that served: every gateway must have
	// heard of this reign first.
	Inform bool
	// Vain says, with Record, that work was held for a replica in vain: a step of kind Hold,
	// which is to be noted as one that has failed.
	Vain       Step
	Handled    []string // requests that this decision answers, by ID
	Settled    bool     // MAIN serves as recorded: nothing more is waited for than news
	Conditions []Condition
}

// Decide returns what to do next. It does not modify its input.
func Decide(in Input) Decision {
	in.Record = in.known()
	d := in.disinherit(in.decide())
	if next := d.Record; next != nil && next.Stage == Promoting && in.begins(next.Epoch) {
		next.Joined = in.joining(next.Main)
	}
	if d.Wake <= 0 {
		d.Wake = idle
	}
	d.Conditions = in.conditions()
	return d
}

// begins reports whether a reign of epoch e is a new one: neither the recorded one nor,
// after the record was deleted, the last that was.
func (in Input) begins(e Epoch) bool {
	last := in.Record
	if last == nil {
		last = in.Last
	}
	return last == nil || e != last.Epoch
}

// known returns the record without the nodes that this cluster does not have: it
// may have been written when there were more of them.
func (in Input) known() *Record {
	if in.Record == nil {
		return nil
	}
	rec := in.Record.clone()
	strange := func(n Ordinal) bool { return n < 0 || int(n) >= len(in.Nodes) }
	if strange(rec.Seat) {
		rec.Seat = NoNode
	}
	if strange(rec.Target) {
		rec.Target = NoNode
	}
	if strange(rec.Switchover.Target) {
		rec.Switchover = Switchover{}
	}
	rec.Promotable = slices.DeleteFunc(rec.Promotable, func(p Proof) bool { return strange(p.Node) })
	rec.Heirs = slices.DeleteFunc(rec.Heirs, func(p Proof) bool { return strange(p.Node) })
	rec.Readers = slices.DeleteFunc(rec.Readers, strange)
	rec.Rebuilds = slices.DeleteFunc(rec.Rebuilds, func(b Rebuild) bool { return strange(b.Node) })
	rec.Discards = slices.DeleteFunc(rec.Discards, func(d Discard) bool { return strange(d.Node) })
	return &rec
}

func (in Input) decide() Decision {
	if d, ok := in.requested(); ok {
		return d.by(RuleRequest)
	}
	if in.Record == nil {
		return in.bootstrap().by(RuleBootstrap)
	}
	rec := in.Record
	switch {
	case len(in.Nodes) == 0:
		return wait("there are no nodes to decide about").by(RuleNodes)
	case rec.Main < 0 || int(rec.Main) >= len(in.Nodes):
		return wait("the record names %s as MAIN, but there are only %d nodes; scale up again, or correct masterIndex", rec.Main, len(in.Nodes)).by(RuleNodes)
	case rec.Paused && rec.Stage == Serving:
		return wait("paused by request; resume to go on").by(RulePaused)
	case rec.Paused && rec.Stage == Quiescing && rec.Target == NoNode && in.exposed():
		return in.stepDown("paused by request while no replica has the standby seat").by(RulePaused)
	case rec.Paused && rec.Stage == Quiescing:
		next := rec.clone()
		next.Stage, next.Target = Serving, NoNode
		return record(next, "paused by request: new work is let in again first").by(RulePaused)
	case rec.Stage == Promoting:
		return in.promoting().by(RulePromotion)
	case rec.Stage == Demoting:
		return in.demoting().by(RuleDemotion)
	default:
		return in.reigning()
	}
}

// reigning keeps a reign that serves, or ends it.
func (in Input) reigning() Decision {
	verdict, why, left := in.main()
	switch verdict {
	case mainLives:
		d := in.keep()
		d.Settled = in.Record.Stage == Serving && !in.Record.Switchover.Wanted()
		return d
	case mainDoubtful:
		return wait("%s", why).within(left).by(RuleDoubt)
	default:
		return in.failed().failover(why).by(RuleFailover)
	}
}

func wait(format string, args ...any) Decision { return Decision{Why: fmt.Sprintf(format, args...)} }

func (d Decision) within(wake time.Duration) Decision {
	d.Wake = wake
	return d
}

// inVain notes that work was held in vain, or, of a wait, will have been if it is let in
// before the wait is over.
func (d Decision) inVain(hold Step) Decision {
	d.Vain = hold
	return d
}

func record(next Record, format string, args ...any) Decision {
	return Decision{Record: &next, Why: fmt.Sprintf(format, args...)}
}

func take(s Step, format string, args ...any) Decision {
	return Decision{Step: s, Why: fmt.Sprintf(format, args...)}
}

func (in Input) name(n Ordinal) string { return in.Topology.Name(n) }

// others returns every node but n, in order.
func (in Input) others(n Ordinal) []Ordinal {
	var list []Ordinal
	for i := range in.Nodes {
		if Ordinal(i) != n {
			list = append(list, Ordinal(i))
		}
	}
	return list
}

// unusable says why the controller will not act upon a node that answers, or "".
func (in Input) unusable(n Ordinal) string {
	s := in.Nodes[n]
	switch {
	case s.Contact == Foreign:
		return s.Fault
	case s.Contact != Answered:
		return ""
	case s.Version.Known() && !s.Version.AtLeast(2, 19):
		return fmt.Sprintf("runs Memgraph %s; upgrade it to 2.19 or later", s.Version)
	case s.WAL == No:
		return "runs without a write-ahead log, so it would replicate nothing; start it with --storage-wal-enabled=true"
	case s.Data.Known && s.Data.Mode != "" && s.Data.Mode != "IN_MEMORY_TRANSACTIONAL":
		return fmt.Sprintf("is in storage mode %s, which does not replicate; run STORAGE MODE IN_MEMORY_TRANSACTIONAL on it", s.Data.Mode)
	}
	return ""
}

// due reports whether step s may be tried now, and if not, in how long. While
// nothing is served, or new work is held, a busy lock is retried at once.
func (in Input) due(s Step) (bool, time.Duration) {
	a, tried := in.Attempts[s]
	if !tried || a.Failures == 0 {
		return true, 0
	}
	pause := min(250*time.Millisecond<<min(a.Failures-1, 6), 15*time.Second)
	held := in.Record == nil || in.Record.Stage != Serving
	switch {
	case a.Failure == Busy && held:
		pause = retryBusy
	case a.Failure == Busy:
		pause = rest
	}
	left := a.At.Add(pause).Sub(in.Now)
	return left <= 0, left
}

// done reports whether step s was taken with success in this term, by the
// process that is seen now.
func (in Input) done(s Step) bool {
	a, tried := in.Attempts[s]
	whose := s.Node
	if s.Proves != NoNode && s.Kind == Mark {
		whose = s.Proves
	}
	return tried && a.Failures == 0 && a.Process == in.Nodes[whose].Process
}

// restarted reports whether node n runs as another process than the one that
// joined this reign.
func (in Input) restarted(n Ordinal) bool {
	was := in.Record.joined(n)
	return was.Known() && was.ID != in.Nodes[n].Process.ID
}

// fit says why node p.Node no longer is what p proved, or "" if it still is (P2).
func (in Input) fit(p Proof) string {
	if p.Node < 0 || int(p.Node) >= len(in.Nodes) {
		return fmt.Sprintf("%s is no node of this cluster", p.Node)
	}
	s := in.Nodes[p.Node]
	name := in.name(p.Node)
	switch {
	case s.Gone:
		return name + " has no running process"
	case s.Contact != Answered:
		return fmt.Sprintf("%s does not answer (%s)", name, s.Contact)
	case in.unusable(p.Node) != "":
		return name + " " + in.unusable(p.Node)
	case !s.Data.Known:
		return name + " has not said which database it holds"
	case s.Data.UUID != p.UUID:
		return fmt.Sprintf("%s holds database %s, but what was proven is %s: its volume was wiped or replaced", name, s.Data.UUID, p.UUID)
	case !p.Process.Known() || !s.Process.Known():
		return name + " runs as a process the platform cannot name"
	case in.unnamed(p.Node) > 0:
		return name + " answers again, and the platform may not have told yet whether its machine has rebooted"
	case s.Process.ID == p.Process.ID:
		return ""
	case p.UUID == "":
		return name + " has restarted since it was proven, and this version of Memgraph cannot say whether it kept its data"
	case s.Process.Boot == "" || s.Process.Boot != p.Process.Boot:
		return name + "'s machine has rebooted since it was proven: writes it had not yet flushed may be gone"
	}
	return ""
}

// unnamed is how long to wait until the process that the platform names for node n
// must be the one that answers: after a silence in which its machine may have
// rebooted, what it had not flushed may be gone, and the platform tells late. Zero if
// it is.
func (in Input) unnamed(n Ordinal) time.Duration {
	s := in.Nodes[n]
	if !s.nameless() {
		return 0
	}
	return max(askSoon, s.Steady.Add(namedAfter).Sub(in.Now))
}

// nameless reports whether what the platform says of the process may be older than its
// first answer.
func (s Sighting) nameless() bool {
	return s.Contact == Answered && s.AsOf.Before(s.Steady)
}

// Overdue reports whether the platform must be asked anew which process answers as
// this node: by now it knows, but what it last told may be older than that.
func (s Sighting) Overdue(now time.Time) bool {
	return s.nameless() && !now.Before(s.Steady.Add(namedAfter))
}

// prove returns the proof of node n as it is seen now.
func (in Input) prove(n Ordinal) Proof {
	s := in.Nodes[n]
	return Proof{Node: n, Process: s.Process, UUID: s.Data.UUID}
}
