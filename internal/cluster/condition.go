package cluster

import (
	"fmt"
	"strings"
)

// Severity says who must know of a Condition.
type Severity uint8

// The severities.
const (
	Notice  Severity = iota + 1 // true, and nobody need act
	Warning                     // redundancy or comfort is reduced
	Alarm                       // data or service is at risk
)

// String returns "notice", "warning" or "alarm".
func (s Severity) String() string { return word(s, "unknown", "notice", "warning", "alarm") }

// Condition is one thing a human may need to know, in a sentence with the next
// step.
type Condition struct {
	Name     string // CamelCase, stable
	Severity Severity
	Node     Ordinal // NoNode if it concerns the cluster
	Message  string
}

// Unprotected names the condition under which MAIN acknowledges writes that nobody else holds.
const Unprotected = "Unprotected"

// conditions lists what is true beyond the decision, in a stable order.
func (in Input) conditions() []Condition {
	var list []Condition
	add := func(name string, sev Severity, n Ordinal, format string, args ...any) {
		list = append(list, Condition{name, sev, n, fmt.Sprintf(format, args...)})
	}
	if in.Record == nil {
		add("Bootstrap", Notice, NoNode, "no record exists: the nodes are asked who is MAIN")
	} else {
		in.recordConditions(add)
	}
	for i, s := range in.Nodes {
		n := Ordinal(i)
		if why := in.unusable(n); why != "" {
			add("Unusable", Alarm, n, "%s %s", in.name(n), strings.TrimSpace(why))
		}
		switch {
		case s.Leaving:
			add("Leaving", Notice, n, "%s was told to stop", in.name(n))
		case s.down():
			add("Down", Warning, n, "%s is down; the platform starts it again", in.name(n))
		case s.Contact == Silent:
			add("Silent", Warning, n, "%s does not answer", in.name(n))
		}
		if s.Contact == Answered && s.Version.Known() && s.Version.AtLeast(2, 19) && !s.Version.AtLeast(3, 5) {
			add("OldVersion", Warning, n, "%s runs Memgraph %s, whose SYNC replication keeps refused writes on MAIN; upgrade to 3.5 or later", in.name(n), s.Version)
		}
	}
	return list
}

func (in Input) recordConditions(add func(string, Severity, Ordinal, string, ...any)) {
	rec := in.Record
	if rec.Paused {
		add("Paused", Warning, NoNode, "the controller is paused by request and would not fail over")
	}
	open := rec.Stage == Serving || rec.Stage == Quiescing
	if open && len(rec.Promotable) == 0 && len(in.Nodes) > 1 {
		add(Unprotected, Alarm, NoNode, "acknowledged writes are on one node only, until a replica has the standby seat again")
	}
	if rec.Main < 0 || int(rec.Main) >= len(in.Nodes) {
		return
	}
	if open && in.Nodes[rec.Main].is(RoleMain) && in.refusing() {
		add("WritesBlocked", Alarm, NoNode, "MAIN refuses writes until the replica it waits for is back, or another has taken the seat")
	}
	for i := range in.Nodes {
		if n := Ordinal(i); in.flapping(n) {
			add("Flapping", Warning, n, "%s %s: until %s it gets the standby seat, and so becomes MAIN, only if nobody else can",
				in.name(n), in.flaps(), in.flapsUntil(n).UTC().Format("15:04:05Z"))
		}
	}
	for _, n := range in.others(rec.Main) {
		if in.stranger(n) {
			add("Stranger", Alarm, n, "%s holds %d vertices of database %s, which was never this cluster's: look whose they are, then wipe it, or request its rebuild",
				in.name(n), in.Nodes[n].Data.Vertices, in.Nodes[n].Data.UUID)
		}
	}
	for _, r := range in.Nodes[rec.Main].Replicas {
		switch {
		case r.Node == NoNode:
			add("ForeignReplica", Warning, NoNode, "MAIN has a replica %s at %s that is no node of this cluster; drop it if nobody needs it", r.Name, r.Address)
		case r.ahead(in.Now):
			add("Ahead", Alarm, r.Node, "%s is %d timestamps ahead of MAIN: MAIN may have lost writes; nothing is repaired automatically", in.name(r.Node), r.Behind)
		case r.Status == Invalid && !r.moves(in.Now, followFor) && in.Nodes[r.Node].is(RoleReplica) && in.Now.Sub(r.Since) >= healAfter:
			add("Estranged", Warning, r.Node, "%s answers, but MAIN does not reach it as a replica: if the network between them is well, restart it; if that does not help, request its rebuild", in.name(r.Node))
		}
	}
	for _, b := range rec.Rebuilds {
		if b.Node >= 0 && int(b.Node) < len(in.Nodes) {
			add("Rebuilding", Warning, b.Node, "%s is rebuilt: its data is moved aside and it copies MAIN anew (%s)", in.name(b.Node), b.Reason)
		}
	}
}
