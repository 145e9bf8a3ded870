package sandbox

import (
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/sandbox/nodes"
	"memgraph-controller/internal/sandbox/view"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// whole is a scene in which nothing is missing.
func whole() scene {
	s := scene{
		topology: cluster.Topology{{Name: "memgraph-0"}, {Name: "memgraph-1"}, {Name: "memgraph-2"}},
		record: &cluster.Record{
			Main: 0, Epoch: 4, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1,
			Promotable: []cluster.Proof{{Node: 1}},
		},
		cut: make([]bool, 3), why: "all is well",
		controllers: []controllerInfo{{name: "controller-0", started: true, alive: true, leads: true}, {name: "controller-1", started: true, alive: true}},
	}
	for i := range s.topology {
		p := cluster.Process{ID: s.topology[i].Name}
		s.infos = append(s.infos, nodes.Info{Process: p, PID: 100 + i, Starts: 1})
		s.sightings = append(s.sightings, cluster.Sighting{Contact: cluster.Answered, Role: cluster.RoleReplica, Process: p})
	}
	s.sightings[0].Role = cluster.RoleMain
	s.sightings[0].Replicas = []cluster.Replica{
		{Node: 1, Mode: cluster.StrictSync, Status: cluster.Ready},
		{Node: 2, Mode: cluster.Async, Status: cluster.Ready},
	}
	return s
}

func TestSceneIsToldInOneSentenceAndWhatItLacks(t *testing.T) {
	for _, tt := range []struct {
		name     string
		edit     func(*scene)
		sentence string
		tone     view.Tone
		lacks    string
	}{
		{"whole", func(*scene) {}, "MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, ""},
		{"no record", func(s *scene) { s.record = nil }, "BOOTSTRAP: nobody is recorded as MAIN", view.Warn, "there is no record yet"},
		{"no record and no leader", func(s *scene) { s.record, s.controllers[0].leads = nil, false }, "BOOTSTRAP: nobody is MAIN, and no controller leads at the moment · clients wait", view.Bad, "no controller leads"},
		{"nobody leads yet", func(s *scene) { s.young, s.controllers[0].leads = true, false }, "STARTING: the controllers are agreeing on who leads", view.Plain, "no controller leads"},
		{"just started, no record", func(s *scene) { s.young, s.record = true, nil }, "STARTING: looking who should be MAIN", view.Plain, "there is no record yet"},
		{
			"just started on a directory", func(s *scene) { s.young, s.infos[0], s.sightings[0] = true, nodes.Info{}, cluster.Sighting{} },
			"STARTING: memgraph-0 is being made MAIN · epoch 4", view.Plain, "memgraph-0 starts",
		},
		{
			"a new leader has not looked", func(s *scene) { s.unseen = true },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "the leader has not looked at every node yet",
		},
		{
			"nobody leads any more", func(s *scene) { s.controllers[0].leads = false },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1 · no controller leads at the moment", view.Warn, "no controller leads",
		},
		{
			"MAIN hangs and nobody leads", func(s *scene) { s.infos[0].Paused, s.controllers[0].leads = true, false },
			"MAIN memgraph-0 hangs · epoch 4 · no controller leads at the moment", view.Bad, "no controller leads",
		},
		{
			"the leader is in the middle of something", func(s *scene) { s.stalled = true },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1 · the leader waits for an answer", view.Warn, "the leader waits for an answer",
		},
		{"a controller is down", func(s *scene) { s.controllers[1].alive = false }, "MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "a controller is down"},
		{
			"nobody is promotable", func(s *scene) { s.record.Promotable = nil },
			"UNPROTECTED: MAIN is memgraph-0 · epoch 4 · no replica holds every acknowledged write", view.Warn, "no replica is promotable",
		},
		{"MAIN was killed", func(s *scene) { s.infos[0] = nodes.Info{Gone: true, LastExit: "signal: killed"} }, "MAIN memgraph-0 is down · epoch 4", view.Bad, "memgraph-0 is down"},
		{"MAIN hangs", func(s *scene) { s.infos[0].Paused = true }, "MAIN memgraph-0 hangs · epoch 4", view.Bad, "memgraph-0 is paused"},
		{"MAIN came back as a replica", func(s *scene) { s.sightings[0].Role = cluster.RoleReplica }, "MAIN memgraph-0 has restarted · epoch 4", view.Bad, "MAIN does not serve"},
		{
			"a promotion is under way", func(s *scene) { s.record.Stage, s.record.Main, s.record.Epoch = cluster.Promoting, 1, 5 },
			"PROMOTION: memgraph-1 is being made MAIN · epoch 5 · clients wait", view.Warn, "the record is in stage promoting",
		},
		{
			"a failover is under way", func(s *scene) { s.record.Stage, s.record.Heirs = cluster.Promoting, []cluster.Proof{{Node: 1}} },
			"FAILOVER: memgraph-0 is being made MAIN · epoch 4 · clients wait", view.Warn, "the record is in stage promoting",
		},
		{
			"writes are blocked", func(s *scene) { s.conditions = []cluster.Condition{{Name: "WritesBlocked"}} },
			"WRITES BLOCKED: MAIN memgraph-0 waits for a replica · epoch 4", view.Bad, "",
		},
		{
			"a replica is behind", func(s *scene) { s.sightings[0].Replicas[1].Behind = -7 },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "memgraph-2 is ready, behind -7",
		},
		{
			"a restart the leader has not seen", func(s *scene) { s.infos[2].Process.ID = "another" },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "memgraph-2 starts",
		},
		{
			"a node is cut off", func(s *scene) { s.cut[2] = true },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "memgraph-2 is cut off",
		},
		{
			"a registration is missing", func(s *scene) { s.sightings[0].Replicas = s.sightings[0].Replicas[:1] },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "memgraph-2 is not registered",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := whole()
			tt.edit(&s)
			v := s.snapshot()
			if v.Sentence != tt.sentence || v.Tone != tt.tone {
				t.Errorf("sentence %q, tone %d; want %q, %d", v.Sentence, v.Tone, tt.sentence, tt.tone)
			}
			if got := s.lacks(); got != tt.lacks {
				t.Errorf("lacks %q; want %q", got, tt.lacks)
			}
		})
	}
}

func TestNodesAreDescribedByWhatMainSaysOfThem(t *testing.T) {
	s := whole()
	s.sightings[0].Replicas[1].Ghost = true
	s.infos[1].Starts = 3
	rows := s.snapshot().Nodes
	if !rows[0].Main || rows[0].Role != "main" || rows[0].Mode != "" {
		t.Errorf("MAIN is shown as %+v", rows[0])
	}
	if r := rows[1]; r.Mode != "strict_sync" || r.Status != "ready" || !r.Promotable || r.Restarts != 2 {
		t.Errorf("the standby is shown as %+v", r)
	}
	if r := rows[2]; r.Status != "ghost" || r.Tone != view.Bad {
		t.Errorf("a ghost is shown as %+v; want it called that", r)
	}
	s.sightings[0].Contact = cluster.Silent
	if r := s.snapshot().Nodes[1]; r.Mode != "" {
		t.Errorf("what a silent MAIN once said is shown: %+v", r)
	}
}

func TestWhatHasNotStartedYetStartsAndHasNotCrashed(t *testing.T) {
	s := whole()
	for i := range s.infos {
		s.infos[i], s.sightings[i] = nodes.Info{}, cluster.Sighting{}
	}
	for i := range s.controllers {
		s.controllers[i] = controllerInfo{name: s.controllers[i].name}
	}
	s.young, s.record = true, nil
	before := s.snapshot()
	for _, n := range before.Nodes {
		if n.State != view.Starts || n.Tone != view.Plain {
			t.Errorf("%s is shown as %q, tone %d; want that it starts", n.Name, n.State, n.Tone)
		}
	}
	for _, c := range before.Controllers {
		if c.State != view.Starts || c.Tone != view.Plain {
			t.Errorf("%s is shown as %q, tone %d; want that it starts", c.Name, c.State, c.Tone)
		}
	}
	for i := range s.infos { // their processes run, nobody has looked at them
		s.infos[i] = nodes.Info{PID: 7, Starts: 1, Process: cluster.Process{ID: "7-1"}}
	}
	s.sightings[1] = cluster.Sighting{Contact: cluster.Refused, Process: cluster.Process{ID: "7-1"}}
	s.sightings[2] = cluster.Sighting{Process: cluster.Process{ID: "7-1"}}
	if news := append(view.Changes(view.Snapshot{}, before, noon), view.Changes(before, s.snapshot(), noon)...); len(news) > 0 {
		t.Errorf("the start is news: %v", news)
	}
	s.controllers[0].started, s.infos[1].Gone = true, true
	if v := s.snapshot(); v.Controllers[0].State != "crashed" || v.Nodes[1].State != "down" {
		t.Errorf("what has ended is shown as %q and %q; want crashed and down", v.Controllers[0].State, v.Nodes[1].State)
	}
}

func TestNewLeaderIsShownWhatWasSeenOfTheSameProcess(t *testing.T) {
	old, present := cluster.Process{ID: "1"}, cluster.Process{ID: "2"}
	var m memory
	seen := []cluster.Sighting{{Contact: cluster.Answered, Process: old}, {Contact: cluster.Silent, Process: old}, {Contact: cluster.Answered, Process: old}}
	if known, unseen := m.merge(seen); unseen || known[1].Contact != cluster.Silent {
		t.Errorf("known %v, unseen %t; want what was seen", known, unseen)
	}
	known, unseen := m.merge([]cluster.Sighting{{}, {Process: present}, {Contact: cluster.Refused, Process: old}})
	var contacts []cluster.Contact
	for _, s := range known {
		contacts = append(contacts, s.Contact)
	}
	if want := []cluster.Contact{cluster.Answered, cluster.NotProbed, cluster.Refused}; !slices.Equal(contacts, want) || !unseen {
		t.Errorf("contacts %v, unseen %t; want %v and that something is", contacts, unseen, want)
	}
}

func TestAnswersToRequestsAreNotWhatTheLeaderDoes(t *testing.T) {
	var m memory
	for _, tt := range []struct {
		seen controller.Snapshot
		want string
	}{
		{controller.Snapshot{Decision: cluster.Decision{Why: "all is well"}}, "all is well"},
		{controller.Snapshot{Decision: cluster.Decision{Why: "adopt refused", Handled: []string{"adopt-1"}}}, "all is well"},
		{controller.Snapshot{Err: cluster.ErrConflict}, cluster.ErrConflict.Error()},
	} {
		if got := m.decided(&tt.seen); got != tt.want {
			t.Errorf("decided %q; want %q", got, tt.want)
		}
	}
}

func TestRisksAreToldOnceAndTheWorstFirst(t *testing.T) {
	s := whole()
	s.conditions = []cluster.Condition{
		{Name: "Bootstrap", Severity: cluster.Notice, Message: "a notice"},
		{Name: "Down", Severity: cluster.Warning, Message: "in the table"},
		{Name: "OldVersion", Severity: cluster.Warning, Message: "memgraph-0 is old"},
		{Name: "OldVersion", Severity: cluster.Warning, Message: "memgraph-1 is old"},
		{Name: "Ahead", Severity: cluster.Alarm, Message: "memgraph-2 is ahead"},
	}
	want := []view.Risk{{Text: "memgraph-2 is ahead", Tone: view.Bad}, {Text: "memgraph-0 is old (and 1 more)", Tone: view.Warn}}
	if got := s.snapshot().Risks; !slices.Equal(got, want) {
		t.Errorf("risks %v; want %v", got, want)
	}
}

func TestExamplesAreCommandsThatMakeSenseNow(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		edit       func(*scene)
	}{
		{"whole", "kill main, pause 1, cut 2, kill leader …", func(*scene) {}},
		{"no record", "adopt 1, if the controllers do not choose by themselves", func(s *scene) { s.record = nil }},
		{"no MAIN", "promote 1 accept-data-loss, if nobody is promoted by itself", func(s *scene) { s.sightings[0].Role = cluster.RoleReplica }},
	} {
		s := whole()
		tt.edit(&s)
		if got := s.snapshot().Examples; got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestReignSaysSinceWhenAndWhy(t *testing.T) {
	s := whole()
	s.record.History = []cluster.Reign{{Epoch: 3, Main: 1, Began: noon}, {Epoch: 4, Main: 0, Began: noon, Reason: "memgraph-1 has ended"}}
	if got, want := s.snapshot().Reign, "memgraph-0 reigns since "+noon.Local().Format("15:04:05")+": memgraph-1 has ended"; got != want {
		t.Errorf("reign %q; want %q", got, want)
	}
}

func TestRecordOfAnotherClusterIsShownAsSuch(t *testing.T) {
	sc := scene{
		topology: cluster.Topology{{Name: "memgraph-0"}}, infos: make([]nodes.Info, 1), cut: make([]bool, 1),
		record: &cluster.Record{Main: 7, Epoch: 3, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 9, Promotable: []cluster.Proof{{Node: 8}}},
	}
	if v := sc.snapshot(); !strings.Contains(v.Sentence, "none of the nodes") {
		t.Errorf("sentence = %q, want one that says that MAIN is none of the nodes", v.Sentence)
	}
}
