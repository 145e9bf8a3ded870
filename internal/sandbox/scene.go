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
	topology    cluster.Topology
	record      *cluster.Record // nil: none yet
	sightings   []cluster.Sighting
	why         string // the leader's last decision
	stalled     bool   // the leader has said nothing for longer than it ever does at leisure
	conditions  []cluster.Condition
	infos       []nodes.Info
	cut         []bool
	controllers []controllerInfo
}

// controllerInfo is what is known of one controller replica.
type controllerInfo struct {
	name           string
	write, read    string // host:port of its gateways
	alive, leads   bool
	sessions, held int
}

// snapshot says it for people.
func (s scene) snapshot() view.Snapshot {
	v := view.Snapshot{Product: s.product, Write: s.write, Read: s.read, Decision: s.why}
	v.Sentence, v.Tone = s.sentence()
	for i := range s.topology {
		v.Nodes = append(v.Nodes, s.node(cluster.Ordinal(i)))
	}
	for _, c := range s.controllers {
		row := view.Controller{Name: c.name, Leads: c.leads, Write: c.write, Read: c.read, Sessions: c.sessions, Held: c.held}
		switch {
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
	if r == nil {
		if !s.led() {
			return "STARTING: the controllers are agreeing on who leads", view.Warn
		}
		return "BOOTSTRAP: looking who should be MAIN", view.Warn
	}
	main := s.topology.Name(r.Main)
	epoch := fmt.Sprintf("epoch %d", r.Epoch)
	say := func(tone view.Tone, parts ...string) (string, view.Tone) {
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
	switch r.Stage {
	case cluster.Promoting:
		return say(view.Warn, "FAILOVER: "+main+" is being made MAIN", epoch, "clients wait")
	case cluster.Demoting:
		return say(view.Warn, "SWITCHOVER: "+main+" steps down for "+s.topology.Name(r.Target), epoch, "clients wait")
	}
	if s.led() && !s.reigns() {
		return say(view.Bad, "MAIN "+main+" "+s.trouble(r.Main), epoch)
	}
	for _, c := range s.conditions {
		if c.Name == "WritesBlocked" {
			return say(view.Bad, "WRITES BLOCKED: MAIN "+main+" waits for a replica", epoch)
		}
	}
	if len(r.Promotable) == 0 {
		return say(view.Warn, "UNPROTECTED: MAIN is "+main, epoch, "no replica holds every acknowledged write")
	}
	var by []string
	for _, p := range r.Promotable {
		by = append(by, s.topology.Name(p.Node))
	}
	return say(view.Good, "MAIN is "+main, epoch, "protected by "+strings.Join(by, " and "))
}

// trouble says what is wrong with a node that should be MAIN.
func (s scene) trouble(n cluster.Ordinal) string {
	row := s.node(n)
	switch {
	case row.Note == "paused":
		return "hangs"
	case row.State == "up":
		return "has restarted"
	case row.State == "…":
		return "has not been asked yet"
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

// state says in a word how a node is.
func state(info nodes.Info, seen cluster.Sighting) (string, view.Tone) {
	switch {
	case info.Fault != "":
		return "broken", view.Bad
	case info.Gone:
		return "down", view.Bad
	case info.PID == 0:
		return "…", view.Plain
	}
	switch seen.Contact {
	case cluster.Answered:
		return "up", view.Plain
	case cluster.Refused:
		return "starts", view.Warn
	case cluster.Silent:
		return "silent", view.Warn
	case cluster.Foreign:
		return "unfit", view.Bad
	default:
		return "…", view.Plain
	}
}

// exit shortens how a process ended.
func exit(last string) string {
	last = strings.TrimPrefix(last, "signal: ")
	return cmp.Or(strings.Replace(last, "exit status", "exit", 1), "ended")
}

// lacks says what is missing until every part could fail without loss, "" if
// nothing is.
func (s scene) lacks() string {
	switch {
	case slices.ContainsFunc(s.controllers, func(c controllerInfo) bool { return !c.alive }):
		return "a controller is down"
	case !s.led():
		return "no controller leads"
	case s.stalled:
		return "the leader waits for an answer"
	case s.record == nil:
		return "there is no record yet"
	case s.record.Stage != cluster.Serving:
		return "the record is in stage " + s.record.Stage.String()
	case len(s.record.Rebuilds) > 0:
		return "a node is being rebuilt"
	}
	for i := range s.topology {
		if why := s.nodeLacks(cluster.Ordinal(i)); why != "" {
			return s.topology[i].Name + " " + why
		}
	}
	if !s.reigns() {
		return "MAIN does not serve"
	}
	if len(s.topology) > 1 && len(s.record.Promotable) == 0 {
		return "no replica is promotable"
	}
	return ""
}

// nodeLacks says what is missing at one node.
func (s scene) nodeLacks(n cluster.Ordinal) string {
	row, info, seen := s.node(n), s.infos[n], s.sighting(n)
	switch {
	case row.State != "up":
		return "is " + row.State
	case row.Note != "":
		return "is " + row.Note
	case seen.Process != info.Process:
		return "has restarted unseen"
	case n == s.record.Main:
		return ""
	case row.Role != cluster.RoleReplica.String():
		return "is no replica"
	}
	r, ok := s.sighting(s.record.Main).Replica(n)
	switch {
	case !ok:
		return "is not registered"
	case !r.Whole():
		return fmt.Sprintf("is %s, behind %d", row.Status, r.Behind)
	}
	return ""
}
