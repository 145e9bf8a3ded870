package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/nodes"
	"memgraph-controller/internal/sandbox/view"
)

// scene is all that is known of the sandbox at one moment. What is shown of it,
// and whether it is whole, are functions of it.
type scene struct {
	product     string
	write, read string // addresses for drivers
	page        string // URL of a dashboard
	topology    cluster.Topology
	record      *cluster.Record // nil: none yet
	sightings   []cluster.Sighting
	unseen      bool   // the leader has not looked at every node yet
	why         string // the leader's last decision
	stalled     bool   // the leader has said nothing for longer than it ever does at leisure
	young       bool   // the sandbox has just been started and has not served yet
	conditions  []cluster.Condition
	infos       []nodes.Info
	cut         []bool
	controllers []controllerInfo
}

// controllerInfo is what is known of one controller replica.
type controllerInfo struct {
	name           string
	write, read    string // host:port of its gateways
	page           string // :port of its dashboard
	started        bool   // it has run at least once
	alive, leads   bool
	sessions, held int
}

// snapshot says it for people.
func (s scene) snapshot() view.Snapshot {
	v := view.Snapshot{
		Product: s.product, Write: s.write, Read: s.read, Page: s.page,
		Risks: s.risks(), Decision: s.why, Reign: s.reign(), Examples: s.examples(),
	}
	v.Sentence, v.Tone = s.sentence()
	for i := range s.topology {
		v.Nodes = append(v.Nodes, s.node(cluster.Ordinal(i)))
	}
	for _, c := range s.controllers {
		row := view.Controller{Name: c.name, Leads: c.leads, Write: c.write, Read: c.read, Page: c.page, Sessions: c.sessions, Held: c.held}
		switch {
		case !c.started:
			row.State = view.Starts
		case !c.alive:
			row.State, row.Tone = "crashed", view.Bad
		case c.leads:
			row.State, row.Tone = "leads", view.Good
		default:
			row.State = "stands by"
		}
		v.Controllers = append(v.Controllers, row)
	}
	return v
}

// led reports whether a controller leads.
func (s scene) led() bool {
	return slices.ContainsFunc(s.controllers, func(c controllerInfo) bool { return c.leads })
}

// sighting returns what the leader sees of node n.
func (s scene) sighting(n cluster.Ordinal) cluster.Sighting {
	if n < 0 || int(n) >= len(s.sightings) {
		return cluster.Sighting{}
	}
	return s.sightings[n]
}

// reigns reports whether the recorded MAIN was seen as MAIN and its process runs
// as far as the sandbox knows.
func (s scene) reigns() bool {
	n := s.record.Main
	if n < 0 || int(n) >= len(s.infos) {
		return false
	}
	seen, info := s.sighting(n), s.infos[n]
	return seen.Contact == cluster.Answered && seen.Role == cluster.RoleMain && !info.Gone && !info.Paused
}

// sentence tells the state of the cluster.
func (s scene) sentence() (string, view.Tone) {
	r := s.record
	switch {
	case s.young && !s.led():
		return "STARTING: the controllers are agreeing on who leads", view.Plain
	case s.young && r == nil:
		return "STARTING: looking who should be MAIN", view.Plain
	case s.young:
		return fmt.Sprintf("STARTING: %s is being made MAIN · epoch %d", s.topology.Name(r.Main), r.Epoch), view.Plain
	case r == nil && !s.led():
		return "BOOTSTRAP: nobody is MAIN, and no controller leads at the moment · clients wait", view.Bad
	case r == nil:
		return "BOOTSTRAP: nobody is recorded as MAIN", view.Warn
	}
	parts, tone := s.recorded(*r)
	if r.Paused {
		parts = append(parts, "the controller is paused by request")
	}
	switch {
	case !s.led():
		tone = max(tone, view.Warn)
		parts = append(parts, "no controller leads at the moment")
	case s.stalled:
		tone = max(tone, view.Warn)
		parts = append(parts, "the leader waits for an answer")
	}
	return strings.Join(parts, " · "), tone
}

// recorded tells what the record says of the cluster, in parts of a sentence.
func (s scene) recorded(r cluster.Record) ([]string, view.Tone) {
	main, epoch := s.topology.Name(r.Main), fmt.Sprintf("epoch %d", r.Epoch)
	switch r.Stage {
	case cluster.Promoting:
		what := "PROMOTION: "
		if len(r.Heirs) > 0 {
			what = "FAILOVER: "
		}
		return []string{what + main + " is being made MAIN", epoch, "clients wait"}, view.Warn
	case cluster.Demoting:
		return []string{"SWITCHOVER: " + main + " steps down for " + s.topology.Name(r.Target), epoch, "clients wait"}, view.Warn
	}
	if !s.reigns() {
		return []string{"MAIN " + main + " " + s.trouble(r.Main), epoch}, view.Bad
	}
	if s.warned("WritesBlocked") {
		return []string{"WRITES BLOCKED: MAIN " + main + " waits for a replica", epoch}, view.Bad
	}
	if len(r.Promotable) == 0 {
		return []string{"UNPROTECTED: MAIN is " + main, epoch, "no replica holds every acknowledged write"}, view.Warn
	}
	var by []string
	for _, p := range r.Promotable {
		by = append(by, s.topology.Name(p.Node))
	}
	return []string{"MAIN is " + main, epoch, "protected by " + strings.Join(by, " and ")}, view.Good
}

// warned reports whether the leader tells of a condition.
func (s scene) warned(name string) bool {
	return slices.ContainsFunc(s.conditions, func(c cluster.Condition) bool { return c.Name == name })
}

// has reports whether node n is one of the cluster's: a record may name others.
func (s scene) has(n cluster.Ordinal) bool { return n >= 0 && int(n) < len(s.topology) }

// trouble says what is wrong with a node that should be MAIN.
func (s scene) trouble(n cluster.Ordinal) string {
	if !s.has(n) {
		return "is none of the nodes of this cluster"
	}
	row := s.node(n)
	switch {
	case row.Note == "paused":
		return "hangs"
	case row.State == "up":
		return "has restarted"
	case row.State == view.Starts:
		return view.Starts
	default:
		return "is " + row.State
	}
}

// node describes one node.
func (s scene) node(n cluster.Ordinal) view.Node {
	info, seen := s.infos[n], s.sighting(n)
	row := view.Node{Name: s.topology[n].Name, Restarts: info.Restarts(), PID: info.PID}
	row.State, row.Tone = state(info, seen)
	if row.State == "up" && seen.Role != cluster.RoleUnknown {
		row.Role = seen.Role.String()
	}
	switch {
	case info.Paused:
		row.Note, row.Tone = "paused", max(row.Tone, view.Warn)
	case s.cut[n]:
		row.Note, row.Tone = "cut off", max(row.Tone, view.Warn)
	case info.Gone:
		row.Note = exit(info.LastExit)
	}
	if s.record == nil {
		return row
	}
	if n == s.record.Main {
		row.Main = row.Role == cluster.RoleMain.String()
		if row.Main && row.Tone == view.Plain {
			row.Tone = view.Good
		}
		return row
	}
	_, row.Promotable = s.record.Proof(n)
	main := s.sighting(s.record.Main)
	if r, ok := main.Replica(n); ok && main.Contact == cluster.Answered {
		row.Mode, row.Status, row.Behind = r.Mode.String(), r.Status.String(), r.Behind
		if r.Ghost {
			row.Status = "ghost"
		}
		if r.Ghost || r.Status == cluster.Diverged {
			row.Tone = view.Bad
		}
	}
	return row
}

// state says in a word how a node is. What was seen of an earlier process says
// nothing of the present one.
func state(info nodes.Info, seen cluster.Sighting) (string, view.Tone) {
	starts := view.Warn
	if info.Restarts() == 0 {
		starts = view.Plain // it has to start once
	}
	switch {
	case info.Fault != "":
		return "broken", view.Bad
	case info.Gone:
		return "down", view.Bad
	case info.PID == 0, seen.Process != info.Process:
		return view.Starts, starts
	}
	switch seen.Contact {
	case cluster.Answered:
		return "up", view.Plain
	case cluster.Silent:
		return "silent", view.Warn
	case cluster.Foreign:
		return "unfit", view.Bad
	default:
		return view.Starts, starts
	}
}

// exit shortens how a process ended.
func exit(last string) string {
	last = strings.TrimPrefix(last, "signal: ")
	return cmp.Or(strings.Replace(last, "exit status", "exit", 1), "ended")
}
