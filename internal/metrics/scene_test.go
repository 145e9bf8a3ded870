package metrics

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

var (
	nodes = cluster.Topology{
		{Name: "mg-0", Bolt: "mg-0:7687", Replication: "mg-0:10000"},
		{Name: "mg-1", Bolt: "mg-1:7687", Replication: "mg-1:10000"},
		{Name: "mg-2", Bolt: "mg-2:7687", Replication: "mg-2:10000"},
	}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// scenes are replicas in every phase, by name.
func scenes() map[string]app.Status {
	return map[string]app.Status{
		"unknown":              {Identity: "a", Version: "1.2.3"},
		"bootstrap_leader":     bootstrapping(),
		"operational_leader":   leader(),
		"operational_follower": follower(),
		"failing_over":         failingOver(),
		"record_error":         recordLost(),
		"deposed":              deposed(),
	}
}

func record() *cluster.Record {
	return &cluster.Record{
		Main: 0, Epoch: 7, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1, LastUpdated: noon,
		Promotable: []cluster.Proof{{Node: 1}}, Readers: []cluster.Ordinal{1, 2},
	}
}

func answering(role cluster.Role, vertices, edges int64) cluster.Sighting {
	return cluster.Sighting{
		Contact: cluster.Answered, Answered: noon, Role: role, Version: cluster.Version{Major: 3, Minor: 12},
		Data: cluster.Data{Known: true, UUID: "u", Vertices: vertices, Edges: edges},
		Usage: cluster.Usage{
			Resident: cluster.Figure{Known: true, Value: 51_000_000}, Tracked: cluster.Figure{Known: true}, Limit: cluster.Figure{Known: role == cluster.RoleMain, Value: 22_000_000_000},
			Disk: cluster.Figure{Known: true, Value: 86_702}, Deltas: cluster.Figure{Known: true, Value: 7}, Transactions: cluster.Figure{Known: true, Value: vertices % 10},
		},
	}
}

func listing(rows ...cluster.Replica) cluster.Sighting {
	s := answering(cluster.RoleMain, 100, 250)
	s.Listed, s.Replicas = true, rows
	return s
}

func leader() app.Status {
	rec := record()
	return app.Status{
		Identity: "a", Version: "1.2.3", Leading: true, Heard: true, Leader: "a", Record: rec, TermsBegun: 2, TermsEnded: 1, LeaseAge: 1250 * time.Millisecond,
		Snapshot: &controller.Snapshot{
			At: noon, Term: noon, Record: rec, Decision: cluster.Decision{Settled: true},
			Nodes: []cluster.Sighting{
				listing(
					cluster.Replica{Name: "mg-1", Node: 1, Mode: cluster.StrictSync, Status: cluster.Ready},
					cluster.Replica{Name: "mg-2", Node: 2, Mode: cluster.Async, Status: cluster.Replicating, Behind: -12, Lag: 1500 * time.Millisecond},
					cluster.Replica{Name: "other", Node: cluster.NoNode, Mode: cluster.Async, Status: cluster.Ready},
				),
				answering(cluster.RoleReplica, 100, 250), answering(cluster.RoleReplica, 99, 240),
			},
		},
		Gateway: gateway.Stats{
			Epoch: 7, Main: "mg-0:7687", State: gateway.Open, Confirmed: true, Clients: 5, Held: 1,
			Nodes: []gateway.NodeStats{
				{Addr: "mg-0:7687", Main: true, ReadWrite: 3}, {Addr: "mg-1:7687", ReadOnly: 1}, {Addr: "mg-2:7687"},
			},
			ClientsTotal: 40, HeldTotal: 6, CutTotal: 4, MovedTotal: 7, FailedTotal: 8, PlainTotal: 9, RefusedTotal: 1, TimedOutTotal: 2, UndialedTotal: 3, LongestHold: time.Second,
			BytesToServer: 1000, BytesToClient: 2000,
		},
	}
}

func follower() app.Status {
	v := leader()
	v.Leading, v.Leader, v.Snapshot, v.Record.Paused, v.LeaseAge = false, "b", nil, true, 0
	return v
}

// deposed is a leader whose lease has run out and whose term has not ended yet.
func deposed() app.Status {
	v := leader()
	v.Leading = false
	return v
}

func bootstrapping() app.Status {
	return app.Status{
		Identity: "a", Version: "1.2.3", Leading: true, Heard: true, Leader: "a", TermsBegun: 1,
		Snapshot: &controller.Snapshot{
			At: noon, Nodes: []cluster.Sighting{answering(cluster.RoleReplica, 0, 0), {Contact: cluster.Refused}, {}},
			Decision: cluster.Decision{Conditions: []cluster.Condition{
				{Name: "Bootstrap", Severity: cluster.Notice, Node: cluster.NoNode, Message: "no record exists"},
				{Name: "Down", Severity: cluster.Warning, Node: 1, Message: "mg-1 is down"},
			}},
		},
	}
}

// failingOver is a leader just after MAIN, mg-0, has died: what mg-0 said before
// and lists no more must not be told.
func failingOver() app.Status {
	v := leader()
	rec := record()
	rec.Main, rec.Epoch, rec.Stage, rec.Promotable, rec.Readers, rec.Seat = 1, 8, cluster.Promoting, nil, nil, 2
	rec.Rebuilds = []cluster.Rebuild{{Node: 0}}
	dead := listing()
	dead.Contact, dead.Gone = cluster.Refused, true
	main := listing(
		cluster.Replica{Name: "mg-2", Node: 2, Mode: cluster.StrictSync, Ghost: true, Behind: 3},
		cluster.Replica{Name: "mg-2-again", Node: 2, Mode: cluster.Async, Status: cluster.Ready},
		cluster.Replica{Name: "mg-0", Node: 0, Mode: cluster.Async, Status: cluster.Diverged},
	)
	v.Record = rec
	v.Snapshot.Record, v.Snapshot.Nodes = rec, []cluster.Sighting{dead, main, answering(cluster.RoleReplica, 99, 240)}
	v.Snapshot.Decision = cluster.Decision{Conditions: []cluster.Condition{
		{Name: "Stranger", Severity: cluster.Alarm, Node: 2, Message: "a stranger"},
		{Name: "ForeignReplica", Severity: cluster.Warning, Node: cluster.NoNode, Message: "one"},
		{Name: "ForeignReplica", Severity: cluster.Warning, Node: cluster.NoNode, Message: "two"},
	}}
	v.Gateway = gateway.Stats{Epoch: 8, Main: "mg-1:7687", State: gateway.Closed, Clients: 2, Held: 2, Nodes: []gateway.NodeStats{{Addr: "mg-1:7687", Main: true}}}
	return v
}

func recordLost() app.Status {
	v := leader()
	v.Snapshot.Err = errors.New("read the record: API server does not answer")
	v.Snapshot.Decision = cluster.Decision{}
	v.Record.LastUpdated = time.Time{} // a record by another hand
	return v
}

// serving returns the metrics of a replica that stands as v.
func serving(t testing.TB, v app.Status) *Metrics {
	t.Helper()
	policy := cluster.DefaultPolicy()
	policy.MaxLagTime = 30 * time.Second
	return New(Options{Status: func() app.Status { return v }, Topology: nodes, Policy: policy, Log: slog.New(slog.DiscardHandler)})
}
