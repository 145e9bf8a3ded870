package server

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/standin/control"
	"memgraph-controller/internal/standin/faults"
	"memgraph-controller/internal/standin/replication"
)

func TestClusterAsRecorded(t *testing.T) {
	a, b, c := newBox(t, "3.12.0"), newBox(t, "3.12.0").demote(), newBox(t, "3.12.0").demote()
	out := a.try(registerQuery("`b-0`", "STRICT_SYNC", b))
	if !slices.Equal(out.notes, []string{"RegisterReplica: Replica b-0 is registered."}) {
		t.Errorf("%+v", out)
	}
	a.fails(registerQuery("`b-0`", "STRICT_SYNC", b), client, "pull", "Couldn't register replica b-0. Error: 1")
	a.fails(registerQuery("b2", "STRICT_SYNC", b), client, "pull", "Couldn't register replica b2. Error: 2")
	a.register("c", "ASYNC", c)
	a.must("CREATE (:S {i: 1})")
	a.await("c", "ready")
	want := [][]any{
		{
			"b-0", fmt.Sprintf("127.0.0.1:%d", b.repl), "strict_sync", nil,
			map[string]any{"memgraph": map[string]any{"ts": int64(2), "behind": int64(0), "status": "ready"}},
		},
		{
			"c", fmt.Sprintf("127.0.0.1:%d", c.repl), "async", nil,
			map[string]any{"memgraph": map[string]any{"ts": int64(2), "behind": int64(0), "status": "ready"}},
		},
	}
	if rows := a.must("SHOW REPLICAS"); !reflect.DeepEqual(rows, want) {
		t.Errorf("%v", rows)
	}
	b.wantRows("MATCH (n:S) RETURN n.i", int64(1))
	a.must("CREATE INDEX ON :S(i)")
	b.wantRows("SHOW INDEX INFO", "label+property")
	out = a.try("DROP REPLICA `b-0`")
	if !slices.Equal(out.notes, []string{"DropReplica: Replica b-0 is dropped."}) {
		t.Errorf("%+v", out)
	}
	b.wantRows("SHOW REPLICATION ROLE", "replica")
}

const (
	tail312    = " Check the status of the replicas using 'SHOW REPLICAS' query."
	syncLost   = "Replication Exception: Failed to replicate to SYNC replica 'b': replica is not reachable or not in sync with the main. Replica will be recovered automatically. Transaction is still committed on the main instance and other alive replicas." + tail312
	strictLost = "Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': replica is not reachable or not in sync with the main. Replica will be recovered automatically. Transaction was aborted on all instances." + tail312
	sync36     = "At least one SYNC replica has not confirmed committing last transaction."
	strict36   = "At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances."
)

// lost returns a MAIN that knows its only replica to be gone.
func lost(t *testing.T, version, mode string) *box {
	t.Helper()
	a, b := newBox(t, version), newBox(t, version).demote()
	a.register("b", mode, b)
	b.down()
	a.await("b", "invalid")
	b.up()
	b.must("SET REPLICATION ROLE TO MAIN") // so that it stays invalid
	return a
}

func TestLostReplicaByVersion(t *testing.T) {
	for _, c := range []struct{ version, mode, class, commitClass, text string }{
		{"3.6.2", "SYNC", transient, client, sync36},
		{"3.6.2", "STRICT_SYNC", transient, client, strict36},
		{"3.9.0", "SYNC", client, client, "Replication Exception: " + sync36 + tail312},
		{"3.12.0", "SYNC", client, client, syncLost},
		{"3.12.0", "STRICT_SYNC", client, client, strictLost},
		{"next", "STRICT_SYNC", client, client, strictLost},
	} {
		t.Run(c.version+" "+c.mode, func(t *testing.T) {
			a := lost(t, c.version, c.mode)
			a.fails("CREATE (:S)", c.class, "pull", c.text)
			a.fails("CREATE INDEX ON :S(i)", c.class, "pull", c.text)
			session := a.driver.NewSession(t.Context(), neo4j.SessionConfig{})
			defer session.Close(t.Context())
			tx, err := session.BeginTransaction(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Run(t.Context(), "CREATE (:S)", nil); err != nil {
				t.Fatal(err)
			}
			out := a.failed(tx.Commit(t.Context()), false)
			if out.text != c.text || !strings.HasPrefix(out.code, "Memgraph."+c.commitClass) {
				t.Errorf("commit: %+v", out)
			}
			want := int64(2)
			if c.mode == "STRICT_SYNC" {
				want = 0
			}
			a.wantRows("MATCH (n:S) RETURN count(n)", want)
		})
	}
}

func TestSyncFailureIsSilentAfter312(t *testing.T) {
	a := lost(t, "next", "SYNC")
	out := a.try("CREATE (:S)")
	if out.text != "" || !slices.Equal(out.notes, []string{"SyncReplicationFailure: " + syncLost}) {
		t.Errorf("%+v", out)
	}
}

func TestFailureTexts(t *testing.T) {
	v, _ := ParseVersion("3.12.0")
	got := v.notConfirmed(&replication.ShipError{Failures: []replication.Failure{
		{Replica: "a", Reason: replication.RPCError}, {Replica: "b", Reason: replication.RPCError},
	}})
	want := "Replication Exception: Failed to replicate to SYNC replicas 'a' and 'b': RPC communication error. Replicas will be recovered automatically. Transaction is still committed on the main instance and other alive replicas." + tail312
	if got != want {
		t.Errorf("%s", got)
	}
	// Recorded on 3.12.0, section 14.
	got = v.notConfirmed(&replication.ShipError{Strict: true, Failures: []replication.Failure{{Replica: "b", Reason: replication.RPCTimeout}}})
	want = "Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': RPC timeout while replicating. Replica will be recovered automatically. Transaction was aborted on all instances. Main reached an RPC timeout while replicating to [b]. One possible reason for this error is that the replica is down and in that case make sure to recover it. If all of your replicas are up and running normally, then please try setting a smaller parameter value for 'deltas_batch_progress_size' using 'SET COORDINATOR SETTING' query on the coordinator. Check the status of the replicas using 'SHOW REPLICAS' query."
	if got != want {
		t.Errorf("%s", got)
	}
	for version, want := range map[string]string{
		"2.19.0": "Couldn't register replica 'x'!", "3.4.0": "Couldn't register replica x.", "3.5.0": "Couldn't register replica x. Error: 3",
	} {
		v, err := ParseVersion(version)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.register("x", &replication.RegisterError{Code: replication.HasDivergedTo}).Error(); got != want {
			t.Errorf("%s: %s", version, got)
		}
	}
}

func TestStallOverBolt(t *testing.T) {
	a, b := newBox(t, "3.12.0"), newBox(t, "3.12.0").demote()
	a.register("b", "STRICT_SYNC", b)
	a.must("CREATE (:S {i: 1})")
	if err := b.control().Cut(t.Context()); err != nil {
		if strings.Contains(err.Error(), faults.ErrNotPermitted.Error()) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	wrote := make(chan outcome, 1)
	go func() { wrote <- a.try("CREATE (:S {i: 2})") }()
	a.await("b", "replicating")
	for _, q := range []string{"SHOW REPLICATION ROLE", "SHOW VERSION", "SHOW STORAGE INFO", "SHOW STORAGE INFO ON CURRENT DATABASE", "SHOW TRANSACTIONS", "SHOW CONFIG"} {
		start := time.Now()
		if a.must(q); time.Since(start) > 400*time.Millisecond {
			t.Errorf("%s took %v", q, time.Since(start))
		}
	}
	if rows := a.must("SHOW COMMITTING TRANSACTIONS"); len(rows) != 1 || !reflect.DeepEqual(rows[0][2], []any{"CREATE (:S {i: 2})"}) {
		t.Errorf("%v", rows)
	}
	a.fails("DROP REPLICA b", client, "pull", "Failed to unregister replica due to lack of unique access over the cluster state. Please try again later on.")
	a.fails("SET REPLICATION ROLE TO REPLICA WITH PORT 1", client, "pull", "Couldn't set role to replica!")
	a.fails(`REGISTER REPLICA c SYNC TO "127.0.0.1:1"`, client, "pull", "Couldn't register replica c. Error: 6")
	a.wantRows("MATCH (n:S) RETURN n.i", int64(1)) // waits for the commit to fail
	if out := <-wrote; !strings.Contains(out.text, "Transaction was aborted on all instances") {
		t.Errorf("%+v", out)
	}
	if err := b.control().Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.await("b", "ready")
	a.must("CREATE (:S {i: 3})")
	b.wantRows("MATCH (n:S) RETURN n.i", int64(1), int64(3))
}

func TestControl(t *testing.T) {
	a, b := newBox(t, "3.12.0"), newBox(t, "3.12.0").demote()
	a.register("b", "STRICT_SYNC", b)
	ctx, c := t.Context(), a.control()
	if err := c.Set(ctx, control.Faults{LoseFinalize: 1, PromotionDelayMS: 5, CrashAt: control.AfterPromotion}); err != nil {
		t.Fatal(err)
	}
	a.must("CREATE (:S {i: 1})")
	b.wantRows("MATCH (n:S) RETURN count(n)", int64(0))
	s, err := c.State(ctx)
	if err != nil || s.Role != "main" || s.Lineage.LDT != 2 || s.Faults.LoseFinalize != 0 || s.Faults.CrashAt != control.AfterPromotion {
		t.Errorf("%+v, %v", s, err)
	}
	a.demote()
	a.must("SET REPLICATION ROLE TO MAIN")
	select {
	case <-a.killed:
	default:
		t.Error("lived on after a crash point")
	}
	if err := c.CrashAt(ctx, control.AfterWAL); err != nil {
		t.Fatal(err)
	}
	a.must("CREATE (:S)")
	<-a.killed
	a.must("CREATE (:S)") // the point is spent
	if err := c.Refuse(ctx, control.Bolt); err != nil {
		t.Fatal(err)
	}
	if err := a.driver.VerifyConnectivity(ctx); err == nil {
		t.Error("connected to a refused port")
	}
	if err := c.Slow(ctx, time.Millisecond, control.Bolt); err != nil {
		t.Fatal(err)
	}
	a.must("RETURN 1")
	if s, _ := c.State(ctx); s.Faults.Links[control.Bolt][""].DelayMS != 1 {
		t.Errorf("%+v", s.Faults)
	}
	for _, bad := range []control.Faults{
		{CrashAt: "nowhere"},
		{LoseFinalize: -1},
		{Links: map[control.Link]map[string]faults.Fault{"rope": {"": {}}}},
		{Links: map[control.Link]map[string]faults.Fault{control.Bolt: {"": {Mode: "bend"}}}},
	} {
		if err := c.Set(ctx, bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
	if err := c.SetLink(ctx, "rope", "", faults.Fault{}); err == nil {
		t.Error("an unknown link was accepted")
	}
}

func TestPowerLoss(t *testing.T) {
	a := newBox(t, "3.12.0", func(o *Options) { o.FlushEvery = 2 })
	for range 5 {
		a.must("CREATE (:S)")
	}
	if err := a.control().PowerLoss(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-a.killed
	a.restart()
	a.wantRows("MATCH (n:S) RETURN count(n)", int64(4))
}
