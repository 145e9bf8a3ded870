package api

import (
	"slices"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/gateway"
)

// Phases by the record: missing, present, not known yet.
const (
	Bootstrap   = app.Bootstrap
	Operational = app.Operational
	Unknown     = app.Unknown
)

// Status is the answer of /api/v1/status. What only the leader knows (nodes,
// decision, conditions) is absent elsewhere.
type Status struct {
	Identity string `json:"identity"`
	Version  string `json:"version"`
	Leading  bool   `json:"leading"`
	Leader   string `json:"leader"` // empty: nobody leads as far as this replica knows
	Phase    string `json:"phase"`

	Record     *Record     `json:"record"` // null: there is none
	Nodes      []Node      `json:"nodes,omitempty"`
	NodesAsOf  time.Time   `json:"nodesAsOf,omitzero"` // when the leader last told of them; before record.lastUpdated: it is acting
	Decision   string      `json:"decision,omitempty"` // what is done or waited for, and why
	Error      string      `json:"error,omitempty"`    // why the record cannot be read or written
	Conditions []Condition `json:"conditions,omitempty"`
	Answer     string      `json:"answer,omitempty"` // to the last request; where this replica did not give it, to the last one granted
	Gateway    Gateway     `json:"gateway"`

	Earlier // the same in the words of earlier deployments
}

// Record is the part of the record that others than controllers need.
type Record struct {
	MasterIndex int       `json:"masterIndex"`
	Main        string    `json:"main"`
	Epoch       uint64    `json:"epoch"`
	Stage       string    `json:"stage"`
	Standby     string    `json:"standby,omitempty"`
	Target      string    `json:"target,omitempty"`     // who is promoted next: MAIN is stepping down for it
	Switchover  string    `json:"switchover,omitempty"` // who is to take over by request
	Promotable  []string  `json:"promotable"`
	Readers     []string  `json:"readers"`
	Paused      bool      `json:"paused"`
	LastUpdated time.Time `json:"lastUpdated"`
	Reason      string    `json:"reason,omitempty"`
}

// Node is how the leader sees a node.
type Node struct {
	Name     string    `json:"name"`
	Contact  string    `json:"contact"`
	Since    time.Time `json:"since,omitzero"`
	Role     string    `json:"role"`
	Version  string    `json:"memgraphVersion,omitempty"`
	Vertices int64     `json:"vertices"`
	Edges    int64     `json:"edges"`
	Gone     bool      `json:"gone,omitempty"`
	Leaving  bool      `json:"leaving,omitempty"`
	InSync   bool      `json:"inSync"`
	Replicas []Row     `json:"replicas,omitempty"`

	MovedAside     []Copy `json:"movedAside,omitempty"`     // the newest first
	MovedAsideMore int    `json:"movedAsideMore,omitempty"` // older ones that are not listed
}

// Copy is data that were moved aside on a node's volume, as of the start of its
// pod.
type Copy struct {
	Name  string    `json:"name"`  // of its directory in .aside of the data directory
	Bytes int64     `json:"bytes"` // at least: what cannot be read does not count
	Since time.Time `json:"since"` // by the clock of the node's machine
}

// Row is a row of SHOW REPLICAS.
type Row struct {
	Name   string `json:"name"`
	Mode   string `json:"mode"`
	Status string `json:"status"`
	Behind int64  `json:"behind"` // 0 or negative; positive is an alarm
	// Lag is for how long MAIN has had more than this replica, as the leader has seen it;
	// absent if it has all, or that is not known.
	Lag float64 `json:"lagSeconds,omitempty"`
}

// Condition is one thing a human may need to know.
type Condition struct {
	Name     string `json:"name"`
	Severity string `json:"severity"`
	Node     string `json:"node,omitempty"`
	Message  string `json:"message"`
}

// Gateway is what this replica's doors do.
type Gateway struct {
	Epoch     uint64 `json:"epoch"`
	Main      string `json:"main"`
	State     string `json:"state"`
	Confirmed bool   `json:"confirmed"`
	Clients   int    `json:"clients"` // connected now, held ones included
	Held      int    `json:"held"`    // waiting for a MAIN now
	Idle      int    `json:"idle"`    // sessions in which nothing is open
	Busy      int    `json:"busy"`    // sessions in which something is

	HeldTotal   uint64  `json:"heldTotal"`
	CutTotal    uint64  `json:"cutTotal"`   // sessions ended by this gateway
	MovedTotal  uint64  `json:"movedTotal"` // idle sessions that went on at another node
	LongestHold float64 `json:"longestHoldSeconds"`

	// Of the read/write door, over the last five whole seconds: what was asked and answered to the end.
	Answers       int     `json:"answersLately"`
	AnswerMean    float64 `json:"answerMeanSeconds"`    // 0: nothing was answered
	AnswerLongest float64 `json:"answerLongestSeconds"` // the same

	Sessions []Sessions `json:"sessions"` // MAIN first
}

// Sessions counts the open sessions at one node.
type Sessions struct {
	Node      string `json:"node"`
	Main      bool   `json:"main"`
	ReadWrite int    `json:"readWrite"` // by the door they came in
	ReadOnly  int    `json:"readOnly"`
}

// Opinion is the answer of /api/v1/opinion: how this replica sees a node.
type Opinion struct {
	From    string `json:"from"`
	Contact string `json:"contact"`
	Epoch   uint64 `json:"epoch"` // of the newest record this replica has seen
}

// statusOf shows v as of now.
func statusOf(v app.Status, o Options, now time.Time) Status {
	t := o.Topology
	s := Status{
		Identity: v.Identity, Version: v.Version, Leading: v.Leading, Leader: v.Leader, Phase: v.Phase(),
		Gateway: gatewayOf(v.Gateway, t), Earlier: earlierOf(v, o, now),
	}
	if v.Record != nil {
		s.Record = RecordOf(*v.Record, t.Name)
		if r := v.Record.Request; r.ID != "" {
			s.Answer = r.ID + ": " + r.Answer
		}
	}
	if v.Snapshot == nil {
		return s
	}
	s.Decision, s.NodesAsOf = v.Snapshot.Decision.Why, v.Snapshot.At
	if v.Snapshot.Answer != "" {
		s.Answer = v.Snapshot.Answer
	}
	if v.Snapshot.Err != nil {
		s.Error = v.Snapshot.Err.Error()
	}
	for n, seen := range v.Snapshot.Nodes {
		s.Nodes = append(s.Nodes, nodeOf(seen, cluster.Ordinal(n), v.Snapshot.Record, t))
	}
	for _, c := range v.Snapshot.Decision.Conditions {
		shown := Condition{Name: c.Name, Severity: c.Severity.String(), Message: c.Message}
		if c.Node != cluster.NoNode {
			shown.Node = t.Name(c.Node)
		}
		s.Conditions = append(s.Conditions, shown)
	}
	return s
}

// still returns s without what changes while nothing happens.
func (s Status) still() Status {
	s.Earlier = s.Earlier.still()
	overtaken := s.Record != nil && s.NodesAsOf.Before(s.Record.LastUpdated)
	if s.NodesAsOf = (time.Time{}); overtaken {
		s.NodesAsOf = s.Record.LastUpdated // whether it is, is no detail
	}
	if s.Gateway.Held > 0 {
		s.Gateway.LongestHold = 0 // it grows
	}
	s.Nodes = slices.Clone(s.Nodes)
	for i := range s.Nodes {
		rows := slices.Clone(s.Nodes[i].Replicas)
		for j := range rows {
			rows[j].Lag = 0 // so does this
		}
		s.Nodes[i].Replicas = rows
	}
	return s
}

func gatewayOf(g gateway.Stats, t cluster.Topology) Gateway {
	shown := Gateway{
		Epoch: g.Epoch, Main: g.Main, State: g.State.String(), Confirmed: g.Confirmed, Clients: g.Clients, Held: g.Held, Idle: g.Idle, Busy: g.Busy,
		HeldTotal: g.HeldTotal, CutTotal: g.CutTotal, MovedTotal: g.MovedTotal, LongestHold: g.LongestHold.Seconds(), Sessions: []Sessions{},
		Answers: g.Answers, AnswerMean: g.AnswerMean.Seconds(), AnswerLongest: g.AnswerLongest.Seconds(),
	}
	for _, n := range g.Nodes {
		at := Sessions{Node: n.Addr, Main: n.Main, ReadWrite: n.ReadWrite, ReadOnly: n.ReadOnly}
		if i := slices.IndexFunc(t, func(o cluster.Node) bool { return o.Bolt == n.Addr }); i >= 0 {
			at.Node = t[i].Name
		}
		shown.Sessions = append(shown.Sessions, at)
	}
	return shown
}

// RecordOf returns a record as it is told, with the names that name gives its nodes.
func RecordOf(r cluster.Record, name func(cluster.Ordinal) string) *Record {
	shown := &Record{
		MasterIndex: int(r.Main), Main: name(r.Main), Epoch: uint64(r.Epoch), Stage: r.Stage.String(),
		Promotable: []string{}, Readers: []string{}, Paused: r.Paused, LastUpdated: r.LastUpdated, Reason: r.Reason,
	}
	if r.Seat != cluster.NoNode {
		shown.Standby = name(r.Seat)
	}
	if r.Target != cluster.NoNode {
		shown.Target = name(r.Target)
	}
	if r.Switchover.Wanted() {
		shown.Switchover = name(r.Switchover.Target)
	}
	for _, p := range r.Promotable {
		shown.Promotable = append(shown.Promotable, name(p.Node))
	}
	for _, n := range r.Readers {
		shown.Readers = append(shown.Readers, name(n))
	}
	return shown
}

func nodeOf(s cluster.Sighting, n cluster.Ordinal, rec *cluster.Record, t cluster.Topology) Node {
	shown := Node{
		Name: t.Name(n), Contact: s.Contact.String(), Since: s.Since, Role: s.Role.String(),
		Vertices: s.Data.Vertices, Edges: s.Data.Edges, Gone: s.Gone, Leaving: s.Leaving,
		InSync: s.Contact == cluster.Answered && !s.Gone && cluster.InSync(rec, n), MovedAsideMore: s.Aside.More,
	}
	if s.Version.Known() {
		shown.Version = s.Version.String()
	}
	for _, c := range s.Aside.Copies() {
		shown.MovedAside = append(shown.MovedAside, Copy{Name: c.Name, Bytes: c.Bytes, Since: c.Since})
	}
	for _, r := range s.Replicas {
		status := r.Status.String()
		if r.Ghost {
			status = "ghost"
		}
		shown.Replicas = append(shown.Replicas, Row{Name: r.Name, Mode: r.Mode.String(), Status: status, Behind: r.Behind, Lag: r.Lag.Seconds()})
	}
	return shown
}
