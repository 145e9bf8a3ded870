package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// trio is a cluster of three that is well: node 0 is MAIN, node 1 has the seat and
// is proven, node 2 follows. A test changes what it is about.
type trio struct {
	record cluster.Record
	nodes  []cluster.Sighting
	policy cluster.Policy
	status app.Status
}

var (
	noon     = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	topology = cluster.Topology{
		{Name: "mg-0", Bolt: "mg-0.mg:7687", Replication: "mg-0.mg:10000"},
		{Name: "mg-1", Bolt: "mg-1.mg:7687", Replication: "mg-1.mg:10000"},
		{Name: "mg-2", Bolt: "mg-2.mg:7687", Replication: "mg-2.mg:10000"},
	}
)

func well() *trio {
	version := cluster.Version{Major: 3, Minor: 12}
	process := func(n string) cluster.Process { return cluster.Process{ID: "uid/" + n, Boot: "boot-" + n} }
	node := func(n string, role cluster.Role) cluster.Sighting {
		return cluster.Sighting{
			Contact: cluster.Answered, Since: noon.Add(-time.Hour), Answered: noon, Steady: noon.Add(-time.Hour), Role: role, Listed: role == cluster.RoleMain,
			Data: cluster.Data{Known: true, UUID: "data", Vertices: 7}, WAL: cluster.Yes, Version: version, Process: process(n), AsOf: noon,
		}
	}
	x := &trio{policy: cluster.DefaultPolicy(), nodes: []cluster.Sighting{node("0", cluster.RoleMain), node("1", cluster.RoleReplica), node("2", cluster.RoleReplica)}}
	x.nodes[0].Replicas = []cluster.Replica{
		{Name: "mg-1", Node: 1, Address: topology[1].Replication, Mode: cluster.StrictSync, Status: cluster.Ready, Since: noon.Add(-time.Hour)},
		{Name: "mg-2", Node: 2, Address: topology[2].Replication, Mode: cluster.Async, Status: cluster.Ready, Since: noon.Add(-time.Hour)},
	}
	x.record = cluster.Record{
		Main: 0, Epoch: 4, Stage: cluster.Serving, Target: cluster.NoNode, MainProcess: process("0"), UUID: "data", Seat: 1,
		Promotable: []cluster.Proof{{Node: 1, Process: process("1"), UUID: "data"}}, Joined: []cluster.Process{{}, process("1"), process("2")},
		Databases: []string{"data"}, Readers: []cluster.Ordinal{1, 2}, LastUpdated: noon.Add(-time.Hour), Reason: "readers changed",
		History: []cluster.Reign{{Epoch: 3, Main: 2, Began: noon.Add(-2 * time.Hour), Reason: "bootstrap", Lost: true}, {Epoch: 4, Main: 0, Began: noon.Add(-time.Hour), Reason: "the process of MAIN mg-2 has ended"}},
	}
	x.status = app.Status{Identity: "c-0", Leading: true, Leader: "c-0", Heard: true}
	return x
}

// explained decides as the loop does and explains it.
func (x *trio) explained() Explanation {
	s := x.status
	s.Record = &x.record
	if s.Leading {
		in := cluster.Input{Record: &x.record, Policy: x.policy, Topology: topology, Observation: cluster.Observation{Now: noon, Term: noon.Add(-time.Hour), Nodes: x.nodes}}
		s.Snapshot = &controller.Snapshot{At: noon, Term: in.Term, Record: &x.record, Nodes: x.nodes, Decision: cluster.Decide(in)}
	}
	return explain(s, topology, x.policy)
}

func TestWhatIfANodeDied(t *testing.T) {
	follow := func(x *trio) { x.status.Leading, x.status.Identity = false, "c-1" }
	for _, tt := range []struct {
		name    string
		change  func(*trio)
		node    int
		outcome string
		main    string
		standby string
		says    string
	}{
		{"MAIN", nil, 0, FailsOver, "mg-1", "mg-2", "mg-1 is promoted for epoch 5 while clients are held. No acknowledged write is lost. Then mg-2 shall hold the standby seat."},
		{"the standby", nil, 1, SeatMoves, "mg-0", "mg-2", "Writes are refused for 200ms and the move of the seat, then mg-2 has it"},
		{"a replica", nil, 2, Little, "mg-0", "mg-1", "The seat stays with mg-1"},
		{"MAIN, nobody proven", func(x *trio) { x.record.Promotable = nil }, 0, StaysDown, "", "", "no automatic failover"},
		{"MAIN, the proven one was wiped", func(x *trio) { x.nodes[1].Data.UUID = "other" }, 0, StaysDown, "", "", "wiped or replaced"},
		{"MAIN, the proven one's machine has rebooted", func(x *trio) { x.nodes[1].Process = cluster.Process{ID: "uid/new", Boot: "later"} }, 0, StaysDown, "", "", "rebooted"},
		{"MAIN while paused", func(x *trio) { x.record.Paused = true }, 0, StaysDown, "", "", "paused by request"},
		{"MAIN, the third is down", func(x *trio) { x.nodes[2].Contact, x.nodes[2].Gone = cluster.Refused, true }, 0, FailsOver, "mg-1", "", "no replica can take the standby seat"},
		{"the standby, the third is down", func(x *trio) {
			x.nodes[2].Contact, x.nodes[2].Gone = cluster.Refused, true
			x.nodes[0].Replicas[1].Status = cluster.Invalid
		}, 1, Unprotected, "mg-0", "", "go on unprotected"},
		{"the standby, the third is down, strict", func(x *trio) {
			x.nodes[2].Contact, x.nodes[2].Gone = cluster.Refused, true
			x.nodes[0].Replicas[1].Status = cluster.Invalid
			x.policy.Durability = cluster.Strict
		}, 1, WritesStop, "mg-0", "", "refused until a replica has the seat"},
		{"the standby while paused", func(x *trio) { x.record.Paused = true }, 1, WritesStop, "mg-0", "", "paused by request"},
		{"one that is down", func(x *trio) { x.nodes[2].Contact = cluster.Refused }, 2, AlreadyDown, "mg-0", "mg-1", "does not answer as it is (refused)"},
		{"one that was not looked at", func(x *trio) { x.nodes[2].Contact = cluster.NotProbed }, 2, Undetermined, "mg-0", "mg-1", "not been looked at"},
		{"the only reader", func(x *trio) { x.record.Readers = []cluster.Ordinal{2} }, 2, Little, "mg-0", "mg-1", "only replica that can be read from"},
		{"a replica during a quiesce", func(x *trio) { x.record.Stage = cluster.Quiescing }, 2, Undetermined, "mg-0", "mg-1", "ask again"},
		{"the standby, MAIN is down already", func(x *trio) { x.nodes[0].Contact = cluster.Silent }, 1, Undetermined, "mg-0", "", "MAIN must come back or be replaced first"},
		{"a replica, MAIN is down already", func(x *trio) { x.nodes[0].Contact = cluster.Silent }, 2, Undetermined, "mg-0", "mg-1", "MAIN must come back or be replaced first"},
		{"by the record: MAIN", follow, 0, FailsOver, "mg-1", "", "proven by the record"},
		{"by the record: MAIN, nobody proven", func(x *trio) { follow(x); x.record.Promotable = nil }, 0, StaysDown, "", "", "it is waited for"},
		{"by the record: MAIN while paused", func(x *trio) { follow(x); x.record.Paused = true }, 0, StaysDown, "", "", "it is waited for"},
		{"by the record: the standby", follow, 1, Undetermined, "mg-0", "", "the leader knows"},
		{"by the record: a replica", follow, 2, Little, "mg-0", "mg-1", "does not wait for it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := well()
			if tt.change != nil {
				tt.change(x)
			}
			d := x.explained().IfDied[tt.node]
			if d.Outcome != tt.outcome || d.Main != tt.main || d.Standby != tt.standby || !strings.Contains(d.Text, tt.says) {
				t.Errorf("%+v; want %s, main %q, standby %q, and %q", d, tt.outcome, tt.main, tt.standby, tt.says)
			}
		})
	}
}

func TestRiskAndNow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*trio)
		level  string
		risk   string
		now    string
	}{
		{"well", func(*trio) {}, "none", "Nothing: mg-0 is MAIN and mg-1 holds every acknowledged write.", "Nothing is to be done: mg-0 serves epoch 4, protected by mg-1."},
		{"unprotected", func(x *trio) { x.record.Promotable = nil; x.record.Seat = cluster.NoNode }, "alarm", "on one node only", ""},
		{"paused", func(x *trio) { x.record.Paused = true }, "warning", "would not fail over", "paused by request"},
		{"a replica is down", func(x *trio) { x.nodes[2].Contact = cluster.Refused }, "warning", "mg-2 is down; the platform starts it again. mg-1 still holds every acknowledged write.", ""},
		{"the proven one is down", func(x *trio) { x.nodes[1].Contact, x.record.Promotable = cluster.Refused, nil }, "alarm", "one node only", ""},
		{"MAIN is silent", func(x *trio) { x.nodes[0].Contact = cluster.Silent }, "alarm", "No client is served: MAIN mg-0 has been silent", "Waiting: MAIN mg-0"},
		{"being promoted", func(x *trio) { x.record.Stage = cluster.Promoting }, "alarm", "Clients are held: mg-0 is being made MAIN.", ""},
		{"stepping down", func(x *trio) { x.record.Stage, x.record.Target = cluster.Demoting, 1 }, "alarm", "mg-0 steps down for mg-1", ""},
		{"stuck", func(x *trio) { x.status.Stalled = time.Hour }, "alarm", "is stuck", ""},
		{"not heard", func(x *trio) { x.status.Heard = false }, "unknown", "has not read the record", "has not read the record"},
		{"follows", func(x *trio) { x.status.Leading = false }, "none", "Nothing by the record", "c-0 leads and decides"},
		{"follows, unprotected", func(x *trio) { x.status.Leading = false; x.record.Promotable = nil }, "alarm", "one node only, mg-0", ""},
		{"follows, paused", func(x *trio) { x.status.Leading = false; x.record.Paused = true }, "warning", "Nobody fails over", ""},
		{"nobody leads", func(x *trio) { x.status.Leading, x.status.Leader = false, "" }, "warning", "Nobody leads: if mg-0 dies", "Nobody leads"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := well()
			tt.change(x)
			e := x.explained()
			if e.Risk.Level != tt.level || !strings.Contains(e.Risk.Text, tt.risk) || !strings.Contains(e.Now.Text, tt.now) {
				t.Errorf("risk %+v, now %+v; want %s, %q and %q", e.Risk, e.Now, tt.level, tt.risk, tt.now)
			}
			if e.Now.Settled != (tt.name == "well" || tt.name == "a replica is down" || tt.name == "unprotected") && tt.now != "" {
				t.Errorf("settled %v: %s", e.Now.Settled, e.Now.Text)
			}
		})
	}
}

func TestWhatOneMayAsk(t *testing.T) {
	var kept cluster.Aside
	kept.Newest[0] = cluster.Copy{Name: "old", Bytes: 1, Since: noon}
	for _, tt := range []struct {
		name   string
		change func(*trio)
		want   string // the dangerous ones with an exclamation mark
	}{
		{"well", func(*trio) {}, "switchover, switchover 2, pause"},
		{"paused", func(x *trio) { x.record.Paused = true }, "resume"},
		{"a switchover is under way", func(x *trio) { x.record.Switchover = cluster.Switchover{Target: 2, ID: "s", Asked: noon} }, "pause"},
		{"unprotected", func(x *trio) { x.record.Promotable = nil }, "switchover 2, pause"},
		{"the third lags", func(x *trio) { x.nodes[0].Replicas[1].Status = cluster.Recovering }, "switchover, pause"},
		{"being promoted", func(x *trio) { x.record.Stage = cluster.Promoting }, "pause"},
		{"MAIN is gone, a failover is decided", func(x *trio) { x.nodes[0].Contact, x.nodes[0].Gone = cluster.Refused, true }, "pause"},
		{"MAIN is gone, nobody can follow", func(x *trio) {
			x.nodes[0].Contact, x.nodes[0].Gone, x.record.Promotable = cluster.Refused, true, nil
		}, "pause, promote 1 --accept-data-loss!, promote 2 --accept-data-loss!"},
		{"moved aside", func(x *trio) { x.nodes[2].Aside = kept }, "switchover, switchover 2, pause, discard 2!"},
		{"a stranger", func(x *trio) { x.nodes[2].Data.UUID = "foreign" }, "switchover, switchover 2, pause, rebuild 2!"},
		{"follows", func(x *trio) { x.status.Leading = false }, "switchover, pause"},
		{"not heard", func(x *trio) { x.status.Heard = false }, ""},
	} {
		x := well()
		tt.change(x)
		var got []string
		for _, a := range x.explained().MayAsk {
			if a.Does == "" {
				t.Errorf("%s: %q does not say what it does", tt.name, a.Request)
			}
			if a.Dangerous {
				a.Request += "!"
			}
			got = append(got, a.Request)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
	s := app.Status{Heard: true, Leading: true, Snapshot: &controller.Snapshot{Nodes: well().nodes[:2]}}
	if a := explain(s, topology, cluster.DefaultPolicy()).MayAsk; len(a) != 2 || a[1].Request != "adopt 1" || !a[1].Dangerous {
		t.Errorf("without a record: %+v", a)
	}
}

// In the middle of a pass the record is ahead of what the leader has told: that all
// was well before must not be said of now.
func TestWhatIsOverIsNotExplained(t *testing.T) {
	x := well()
	s := x.leading()
	s.Snapshot.Decision = cluster.Decision{Why: "mg-0 serves epoch 4, protected by mg-1", Settled: true}
	next := x.record
	next.Main, next.Epoch, next.Stage, next.Seat, next.Promotable, next.LastUpdated = 1, 5, cluster.Promoting, 2, nil, noon
	next.History = append(next.History, cluster.Reign{Epoch: 5, Main: 1, Began: noon, Reason: "the process of MAIN mg-0 has ended"})
	s.Record = &next
	e := explain(s, topology, x.policy)
	if e.Risk.Level != "alarm" || e.Risk.Text != "Clients are held: mg-1 is being made MAIN." || e.Basis != "record" || e.Main.Node != "mg-1" || e.Now.Settled ||
		e.Now.Text != "Acting: epoch 5 is promoting: the process of MAIN mg-0 has ended." {
		t.Errorf("%+v, %+v", e, *e.Main)
	}
	for _, d := range e.IfDied {
		if d.Outcome != Undetermined {
			t.Errorf("while MAIN changes: %+v", d)
		}
	}
	s.Snapshot.Record = nil
	s.Record = &x.record
	if e := explain(s, topology, x.policy); e.Basis != "record" || e.Main.Node != "mg-0" {
		t.Errorf("just after bootstrap: %+v", e)
	}
}

func TestWhyMain(t *testing.T) {
	e := well().explained()
	if e.Basis != "leader" || e.Main == nil || e.Main.Node != "mg-0" || e.Main.Epoch != 4 || !e.Main.Since.Equal(noon.Add(-time.Hour)) || e.Main.Why != "the process of MAIN mg-2 has ended" {
		t.Errorf("%s, %+v; want the reason of the reign, not of the last record", e.Basis, e.Main)
	}
	if e := explain(app.Status{Heard: true}, topology, cluster.DefaultPolicy()); e.Main != nil || len(e.IfDied) != 0 || e.Basis != "none" || e.Risk.Level != "alarm" {
		t.Errorf("without a record: %+v", e)
	}
	x := well()
	s := x.status
	s.Record = &x.record
	s.Snapshot = &controller.Snapshot{Record: &x.record, Nodes: x.nodes, Err: errors.New("read the record: away")}
	e = explain(s, topology, x.policy)
	if e.Risk.Level != "alarm" || !strings.Contains(e.Now.Text, "away") || e.IfDied[0].Outcome != Undetermined {
		t.Errorf("while the record cannot be read: %+v", e)
	}
}
