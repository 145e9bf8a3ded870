package sandbox

import (
	"strings"
	"testing"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/nodes"
	"memgraph-controller/internal/sandbox/view"
)

// whole is a scene in which nothing is missing.
func whole() scene {
	s := scene{
		topology: cluster.Topology{{Name: "memgraph-0"}, {Name: "memgraph-1"}, {Name: "memgraph-2"}},
		record: &cluster.Record{
			Main: 0, Epoch: 4, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1,
			Promotable: []cluster.Proof{{Node: 1}},
		},
		cut: make([]bool, 3), why: "all is well",
		controllers: []controllerInfo{{name: "controller-0", alive: true, leads: true}, {name: "controller-1", alive: true}},
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
		{"no record", func(s *scene) { s.record = nil }, "BOOTSTRAP: looking who should be MAIN", view.Warn, "there is no record yet"},
		{"nobody leads yet", func(s *scene) { s.record, s.controllers[0].leads = nil, false }, "STARTING: the controllers are agreeing on who leads", view.Warn, "no controller leads"},
		{
			"nobody leads any more", func(s *scene) { s.controllers[0].leads = false },
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1 · no controller leads at the moment", view.Warn, "no controller leads",
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
			"FAILOVER: memgraph-1 is being made MAIN · epoch 5 · clients wait", view.Warn, "the record is in stage promoting",
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
			"MAIN is memgraph-0 · epoch 4 · protected by memgraph-1", view.Good, "memgraph-2 has restarted unseen",
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

func TestCommandsAreReadOrExplained(t *testing.T) {
	for line, want := range map[string]command{
		"kill 0":          {kill, target{node: 0}},
		"KILL  Main":      {kill, target{node: cluster.NoNode, main: true}},
		"k2":              {kill, target{node: 2}},
		"kl":              {kill, target{node: cluster.NoNode, leader: true}},
		"kill leader":     {kill, target{node: cluster.NoNode, leader: true}},
		"p 1":             {pause, target{node: 1}},
		"heal all":        {heal, target{node: cluster.NoNode, all: true}},
		"wipe memgraph-2": {wipe, target{node: 2}},
		"q":               {quit, target{node: cluster.NoNode}},
		"exit":            {quit, target{node: cluster.NoNode}},
	} {
		if got, err := parse(line, 3); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":             "nothing was asked for",
		"fly 1":        `"fly" is no command; try help`,
		"kill":         "kill whom? a node from 0 to 2, or main",
		"kill 3":       `there is no node "3"; the nodes are 0 to 2`,
		"kill -1":      "there is no node",
		"kill 0 1":     "kill takes one thing at a time",
		"pause leader": "a controller can only be killed",
		"wipe all":     "wipe takes one node at a time",
	} {
		if got, err := parse(line, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q = %+v, %v; want an error that says %q", line, got, err, want)
		}
	}
	for _, s := range Suggestions(3) {
		if _, err := parse(s, 3); err != nil && s != "help" {
			t.Errorf("the suggestion %q is refused: %v", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range Suggestions(3) {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, line string, n int) {
		c, err := parse(line, n)
		if err == nil && c.target.node != cluster.NoNode && (c.target.node < 0 || int(c.target.node) >= n) {
			t.Errorf("%q for %d nodes = %+v: no such node", line, n, c)
		}
	})
}
