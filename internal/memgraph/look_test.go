package memgraph

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestLookAtMainTellsAllInFewRoundTrips(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{Version: "1.2.3"}, f.addr, closedPort(t), closedPort(t))
	f.say("SHOW REPLICAS", replicasReply(
		[]any{"mg-1", "10.0.0.1:10000", "strict_sync", nil, memgraphInfo("ready", int64(2), int64(0))},
		[]any{"mg-2", "10.0.0.2:10000", "async", nil, map[string]any{}},
	))
	got := n.Look(t.Context(), 0)
	want := cluster.Sighting{
		Contact: cluster.Answered,
		Role:    cluster.RoleMain,
		Listed:  true, Replicas: []cluster.Replica{
			{Name: "mg-1", Node: 1, Address: "10.0.0.1:10000", Mode: cluster.StrictSync, Status: cluster.Ready, TS: 2},
			{Name: "mg-2", Node: 2, Address: "10.0.0.2:10000", Mode: cluster.Async, Ghost: true},
		},
		Data:    cluster.Data{Known: true, UUID: "9281dd9a-3198-448e-8da2-cbc6e4be9aea", Vertices: 3, Edges: 2, Mode: "IN_MEMORY_TRANSACTIONAL"},
		Usage:   cluster.Usage{Resident: figure(60859351)}, // 58.04MiB
		WAL:     cluster.Yes,
		Version: cluster.Version{Major: 3, Minor: 12},
	}
	if got.Answered.IsZero() {
		t.Error("the look does not say when the role was told")
	}
	got.Answered = time.Time{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("look = %+v\nwant   %+v", got, want)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW REPLICAS", "SHOW VERSION", "SHOW CONFIG", storageOfCurrent, storageOfAll, "SHOW TRANSACTIONS")
	again := n.Look(t.Context(), 0)
	again.Answered = time.Time{}
	if !reflect.DeepEqual(again, want) {
		t.Errorf("second look = %+v\nwant          %+v", again, want)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW REPLICAS", storageOfCurrent)
	if f.connections() != 1 {
		t.Errorf("two looks took %d connections, want 1", f.connections())
	}
	if agent := f.hellos[0]["user_agent"]; agent != "memgraph-controller/1.2.3" {
		t.Errorf("user agent %q", agent)
	}
}

func TestLookAtReplicaAsksForNoList(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("SHOW REPLICATION ROLE", roleReply("replica"))
	f.say("SHOW VERSION", versionReply("3.6.2"))
	f.say("SHOW CONFIG", configReply("false"))
	f.say(storageOfAll, storageReply(int64(0), int64(0)))
	s := n.Look(t.Context(), 0)
	if s.Contact != cluster.Answered || s.Role != cluster.RoleReplica || s.WAL != cluster.No || !s.Data.Empty() {
		t.Errorf("look = %+v, want an empty replica without WAL", s)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW VERSION", "SHOW CONFIG", storageOfAll, storageOfAll, "SHOW TRANSACTIONS")
}

func TestStorageFailureIsNoSilence(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	for name, r := range map[string]reply{
		"refused":     fails("anything"),
		"cut off":     {hang: true},
		"half":        {columns: []any{"storage info", "value"}, half: true},
		"other words": table([]any{"storage info", "value"}, []any{"vertex_count", "many"}, []any{"edge_count", nil}),
	} {
		f.say(storageOfCurrent, r)
		f.say(storageOfAll, r)
		s := n.Look(t.Context(), 0)
		if s.Contact != cluster.Answered || s.Role != cluster.RoleMain || s.Data.Known {
			t.Errorf("%s: look = %+v, want answered, main, data unknown", name, s)
		}
	}
}

func TestStorageFallsBackToTheOtherForm(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("SHOW VERSION", versionReply("nightly")) // unknown: the plain form first
	s := n.Look(t.Context(), 0)
	if !s.Data.Known || s.Data.Vertices != 3 || s.Version.Known() {
		t.Errorf("look = %+v, want data known, version unknown", s)
	}
}

func TestContactOfNodesThatDoNotAnswer(t *testing.T) {
	old, badAuth, neo4j, coordinator, strange := newFake(t), newFake(t), newFake(t), newFake(t), newFake(t)
	old.say("SHOW VERSION", versionReply("2.18.1"))
	badAuth.badAuth = true
	neo4j.say("SHOW REPLICATION ROLE", reply{code: "Neo.ClientError.Statement.SyntaxError", message: "Invalid input", atRun: true})
	coordinator.say("SHOW REPLICATION ROLE", fails("Coordinator can run only coordinator queries!"))
	strange.say("SHOW REPLICATION ROLE", roleReply("witness"))
	garbage, unexpected := newFake(t), newFake(t)
	garbage.say("SHOW REPLICATION ROLE", reply{raw: []byte{0, 3, 0xB1, 0x55, 0xC0, 0, 0}})
	unexpected.say("SHOW REPLICATION ROLE", reply{raw: []byte{0, 1, 0x05, 0, 0}})
	half := newFake(t)
	half.say("SHOW REPLICATION ROLE", reply{columns: []any{"replication role"}, half: true})
	for _, c := range []struct {
		name, addr string
		want       cluster.Contact
		fault      string
	}{
		{"nothing listens", closedPort(t), cluster.Refused, ""},
		{"black hole", mute(t), cluster.Silent, ""},
		{"half an answer", half.addr, cluster.Silent, ""},
		{"http", speaks(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n")), cluster.Foreign, "speaks HTTP"},
		{"tls", speaks(t, []byte{0x15, 3, 1, 0, 2, 2, 0x46}), cluster.Foreign, "wants TLS"},
		{"no version", speaks(t, []byte{0, 0, 0, 0}), cluster.Foreign, "no version of Bolt"},
		{"garbage", speaks(t, []byte("220 smtp ready\r\n")), cluster.Foreign, "is not Memgraph"},
		{"garbage later", garbage.addr, cluster.Foreign, "not as Memgraph does"},
		{"unexpected message", unexpected.addr, cluster.Foreign, "not as Memgraph does"},
		{"too old", old.addr, cluster.Foreign, "2.18.1, which is too old"},
		{"no login", badAuth.addr, cluster.Foreign, "wants a login"},
		{"neo4j", neo4j.addr, cluster.Foreign, "not Memgraph but Neo4j"},
		{"coordinator", coordinator.addr, cluster.Foreign, "coordinator queries"},
		{"new role", strange.addr, cluster.Foreign, `"witness"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNodes(t, Options{}, c.addr)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			s := n.Look(ctx, 0)
			if s.Contact != c.want || !strings.Contains(s.Fault, c.fault) {
				t.Errorf("look = %s, fault %q; want %s, %q", s.Contact, s.Fault, c.want, c.fault)
			}
			if s.Role != cluster.RoleUnknown {
				t.Errorf("role %s of a node that told none", s.Role)
			}
		})
	}
}

func TestFaultNamesTheUserThatIsRefused(t *testing.T) {
	f := newFake(t)
	f.badAuth = true
	n, err := New(cluster.Topology{{Name: "mg-0", Bolt: f.addr, Replication: "127.0.0.1:10000"}}, Credentials{User: "ctl", Password: "secret"}, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(t.Context())
	s := n.Look(t.Context(), 0)
	if s.Contact != cluster.Foreign || !strings.Contains(s.Fault, `authentication failed for user "ctl"`) || strings.Contains(s.Fault, "secret") {
		t.Errorf("look = %+v", s)
	}
}

func TestLookAfterTheConnectionDied(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	n.Look(t.Context(), 0)
	f.cut()
	f.say("SHOW VERSION", versionReply("3.12.1")) // another process
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || s.Version.Patch != 1 {
		t.Errorf("look after the connection was cut = %+v, want the new process at once", s)
	}
	addr := f.addr
	f.kill()
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Refused {
		t.Errorf("look after the kill = %s, want refused", s.Contact)
	}
	f.listen(addr)
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered {
		t.Errorf("look after the restart = %s, want answered", s.Contact)
	}
}

func TestLookOverABlackHoledConnectionUsesANewOne(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	n.Look(t.Context(), 0)
	// The old machine is gone without a word; the address leads to a new one.
	f.say("SHOW REPLICATION ROLE", reply{mute: true})
	f.mu.Lock()
	f.onRun = func(string) { f.sayIt("SHOW REPLICATION ROLE", roleReply("replica")) }
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if s := n.Look(ctx, 0); s.Contact != cluster.Answered || s.Role != cluster.RoleReplica {
		t.Errorf("look = %+v, want the answer of the new machine", s)
	}
}

func TestSlowNodeHasTheWholeLook(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	n.Look(t.Context(), 0)
	// Answered when a second connection has been tried, on either.
	release := make(chan struct{})
	f.say("SHOW REPLICATION ROLE", reply{columns: []any{"replication role"}, rows: []any{[]any{"main"}}, until: release})
	f.statements()
	var once sync.Once
	f.mu.Lock()
	f.onRun = func(string) {
		if len(f.asked) == 2 {
			once.Do(func() { close(release) })
		}
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if s := n.Look(ctx, 0); s.Contact != cluster.Answered {
		t.Errorf("look at a slow node = %s, want answered", s.Contact)
	}
}

func TestAnswerWithoutUUIDIsNoAnswer(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	counts := table([]any{"storage info", "value"}, []any{"vertex_count", int64(1)}, []any{"edge_count", int64(0)})
	f.say(storageOfCurrent, counts)
	if s := n.Look(t.Context(), 0); s.Data.Known {
		t.Errorf("data of 3.12 = %+v, want unknown: an empty uuid looks like another database", s.Data)
	}
	f.cut()
	f.say("SHOW VERSION", versionReply("3.4.0"))
	f.say(storageOfAll, counts)
	if s := n.Look(t.Context(), 0); !s.Data.Known || s.Data.Vertices != 1 {
		t.Errorf("data of 3.4 = %+v, want known: it has no uuid", s.Data)
	}
}

func TestDeadNodeDelaysNoOther(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, mute(t), f.addr)
	ctx, cancel := context.WithCancel(t.Context())
	dead := make(chan cluster.Sighting)
	go func() { dead <- n.Look(ctx, 0) }()
	for range 10 {
		if s := n.Look(t.Context(), 1); s.Contact != cluster.Answered {
			t.Fatalf("look at the healthy node = %s", s.Contact)
		}
	}
	cancel()
	if s := <-dead; s.Contact != cluster.NotProbed {
		t.Errorf("cancelled look = %s, want not probed: it says nothing about the node", s.Contact)
	}
}

func TestStepInFlightBlocksNoLook(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr, closedPort(t))
	release, began := make(chan struct{}), make(chan struct{}, 1)
	statement := "REGISTER REPLICA `mg-1` ASYNC TO \"" + n.topology[1].Replication + "\""
	f.say(statement, reply{until: release})
	f.mu.Lock()
	f.onRun = func(s string) {
		if s == statement {
			began <- struct{}{}
		}
	}
	f.mu.Unlock()
	done := make(chan error)
	go func() {
		done <- n.Do(t.Context(), cluster.Step{Kind: cluster.Register, Node: 0, Replica: 1, Mode: cluster.Async})
	}()
	<-began
	for range 3 {
		if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered {
			t.Errorf("look during a step = %s", s.Contact)
		}
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUnreadableListIsNotAnEmptyOne(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr, closedPort(t))
	f.say("SHOW REPLICAS", reply{hang: true})
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || s.Listed {
		t.Errorf("main whose list cannot be read = %+v, want answered and not listed", s)
	}
	f.say("SHOW REPLICAS", replicasReply())
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || !s.Listed || len(s.Replicas) != 0 {
		t.Errorf("main without replicas = %+v, want answered and listed", s)
	}
}

func TestDemotedBetweenTwoQuestions(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("SHOW REPLICAS", fails("Show replicas query should only be run on the main instance."))
	f.mu.Lock()
	f.onRun = func(s string) {
		if s == "SHOW REPLICAS" {
			f.sayIt("SHOW REPLICATION ROLE", roleReply("replica"))
		}
	}
	f.mu.Unlock()
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || s.Role != cluster.RoleReplica || len(s.Replicas) != 0 {
		t.Errorf("look = %+v, want a replica", s)
	}
}

func TestShowQueriesOfOldServersAreAskedAgain(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	busy := fails("Multiple concurrent system queries are not supported.")
	busy.atRun = true
	f.say("SHOW REPLICATION ROLE", busy)
	tries := 0
	f.mu.Lock()
	f.onRun = func(s string) {
		if tries++; tries == 3 {
			f.sayIt("SHOW REPLICATION ROLE", roleReply("main"))
		}
	}
	f.mu.Unlock()
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || s.Role != cluster.RoleMain {
		t.Errorf("look = %+v, want main: a busy server is a live one", s)
	}
}
