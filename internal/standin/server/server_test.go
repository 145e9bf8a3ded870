package server

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

const (
	client    = "ClientError"
	transient = "TransientError"
	forbidden = "Write queries are forbidden on the replica instance. Replica instances accept only read queries, while the main instance accepts read and write queries. Please retry your query on the main instance."
)

func TestFreshInstanceAsRecorded(t *testing.T) {
	for _, v := range []string{"3.6.2", "3.12.0"} {
		b := newBox(t, v)
		b.wantRows("SHOW VERSION", v)
		out := b.try("SHOW REPLICATION ROLE")
		if !slices.Equal(out.columns, []string{"replication role"}) || !reflect.DeepEqual(out.rows, [][]any{{"main"}}) {
			t.Errorf("%+v", out)
		}
		out = b.try("SHOW REPLICAS")
		if !slices.Equal(out.columns, []string{"name", "socket_address", "sync_mode", "system_info", "data_info"}) || out.rows != nil {
			t.Errorf("%+v", out)
		}
		b.fails("SET REPLICATION ROLE TO MAIN", client, "pull", "Couldn't set replication role to main!")
		b.fails("SET REPLICATION ROLE TO REPLICA", client, "run", "Replica must set a port!")
		b.fails("SET REPLICATION ROLE TO MAIN WITH PORT 10000", client, "run", "Main can't set a port!")
		b.fails("SET REPLICATION ROLE TO REPLICA WITH PORT 99999", client, "pull", "Port number invalid!")
		b.fails("DROP REPLICA nope", client, "pull", "Failed to unregister the replica nope.")
		b.fails("SHOW REPLICATION LAG", client, "run", "Coordinator was not initialized as coordinator port, coordinator id or management port were not set.")
		b.fails(`REGISTER REPLICA bad SYNC TO "127.0.0.1:notaport"`, transient, "pull", "Couldn't parse string")
		b.fails(`REGISTER REPLICA bad SYNC TO "127.0.0.1:1:2"`, client, "pull", "Invalid socket address. The socket address must be a string defining the address and port, delimited by a single colon. The address must be valid and the port must be an integer.")
		b.fails(`REGISTER REPLICA refused SYNC TO "127.0.0.1:1"`, client, "pull", "Couldn't register replica refused. Error: 5")
		b.fails(`REGISTER REPLICA self SYNC TO "`+b.BoltAddr()+`"`, client, "pull", "Couldn't register replica self. Error: 5")
		b.fails(`REGISTER REPLICA nohost SYNC TO "nosuchhost.invalid"`, client, "pull", "Couldn't register replica nohost. Error: 5")
		rows := b.must("SHOW REPLICAS")
		want := [][]any{
			{"refused", "127.0.0.1:1", "sync", nil, map[string]any{}},
			{"self", b.BoltAddr(), "sync", nil, map[string]any{}},
			{"nohost", "nosuchhost.invalid:10000", "sync", nil, map[string]any{}},
		}
		if !reflect.DeepEqual(rows, want) {
			t.Errorf("%v", rows)
		}
		b.must("CREATE (:M {i: 1})")
	}
}

func TestReplicaRefusesAsRecorded(t *testing.T) {
	b := newBox(t, "3.6.2")
	b.must("CREATE (:Pre {x: 1})")
	demote := fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d", b.repl)
	out := b.try(demote)
	if !slices.Equal(out.notes, []string{"SetReplica: Replica role set to REPLICA."}) {
		t.Errorf("%+v", out)
	}
	b.fails(demote, client, "pull", "Couldn't set role to replica!")
	b.fails("SHOW REPLICAS", client, "pull", "Show replicas query should only be run on the main instance.")
	b.fails(`REGISTER REPLICA zz SYNC TO "127.0.0.1:10002"`, client, "pull", "Replica can't register another replica!")
	b.fails("DROP REPLICA zz", client, "pull", "Replica can't unregister a replica! Please rerun the query on main in order to unregister a replica from the cluster.")
	for _, q := range []string{"CREATE (:X)", "MATCH (n) SET n.y = 1", "CREATE INDEX ON :X", "MERGE (:Pre {x: 1})"} {
		b.fails(q, client, "run", forbidden)
	}
	b.fails("CREATE CONSTRAINT ON (n:X) ASSERT EXISTS (n.a)", client, "pull", "Queries on replica shouldn't write.")
	b.fails("CREATE SNAPSHOT", transient, "pull", "Failed to create a snapshot. Replica instances are not allowed to create them.")
	b.wantRows("MATCH (n) RETURN count(n) AS n", int64(1))
	old := newBox(t, "3.0.0").demote()
	old.fails("CREATE (:X)", client, "run", "Write query forbidden on the replica!")
	old.fails("SHOW REPLICAS", client, "pull", "Replica can't show registered replicas (it shouldn't have any)!")
}

func TestExplicitTransactions(t *testing.T) {
	b := newBox(t, "3.6.2")
	ctx := t.Context()
	session := b.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	for _, q := range []string{"SHOW REPLICATION ROLE", "SHOW REPLICAS", `REGISTER REPLICA rx SYNC TO "127.0.0.1:10001"`} {
		tx, err := session.BeginTransaction(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Run(ctx, q, nil)
		if out := b.failed(err, true); !strings.HasPrefix(out.text, "Managing replication is not allowed in multicommand transactions.") ||
			!strings.Contains(out.text, "knwon as") {
			t.Errorf("%s: %+v", q, out)
		}
		_ = tx.Close(ctx)
	}
	b.must("CREATE (:M {i: 1})")
	rows := b.must("SHOW STORAGE INFO")
	if !slices.ContainsFunc(rows, func(r []any) bool { return r[0] == "vertex_count" && r[1] == int64(1) }) {
		t.Errorf("%v", rows)
	}
	// Recorded (section 4): three BEGINs have used three timestamps.
	if ldt := b.State().Lineage.LDT; ldt != 5 {
		t.Errorf("ldt %d, want 5", ldt)
	}
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(ctx, "CREATE (:M {i: 2})", nil); err != nil {
		t.Fatal(err)
	}
	b.wantRows("MATCH (n:M) RETURN n.i", int64(1))
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	b.wantRows("MATCH (n:M) RETURN n.i", int64(1), int64(2))
}

func TestDemotionAbortsOpenTransaction(t *testing.T) {
	b := newBox(t, "3.12.0")
	ctx := t.Context()
	session := b.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(ctx, "CREATE (:S)", nil); err != nil {
		t.Fatal(err)
	}
	b.demote()
	out := b.failed(tx.Commit(ctx), false)
	if out.text != "Cannot commit because instance is not main anymore." || !strings.Contains(out.code, client) {
		t.Errorf("%+v", out)
	}
	b.wantRows("MATCH (n) RETURN count(n)", int64(0))
}

func TestWriteConflict(t *testing.T) {
	b := newBox(t, "3.12.0")
	b.must("CREATE (:S {i: 1})")
	ctx := t.Context()
	session := b.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(ctx, "MATCH (n:S) SET n.i = 2", nil); err != nil {
		t.Fatal(err)
	}
	b.must("MATCH (n:S) RETURN n.i") // readers go on
	b.fails("MATCH (n:S) SET n.i = 3", transient, "pull", textSerialization)
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	b.wantRows("MATCH (n:S) RETURN n.i", int64(2))
}

func TestInitFileMakesReplicas(t *testing.T) {
	repl := freePort(t)
	b := newBox(t, "3.12.0", func(o *Options) {
		o.InitFile = filepath.Join(t.TempDir(), "init.cypherl")
		text := fmt.Sprintf("MATCH (;\nSET REPLICATION ROLE TO REPLICA WITH PORT %d;\n", repl)
		if err := os.WriteFile(o.InitFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	b.wantRows("SHOW REPLICATION ROLE", "replica")
	b.must("SET REPLICATION ROLE TO MAIN")
	b.must("CREATE (:S)")
	b.restart()
	b.wantRows("SHOW REPLICATION ROLE", "replica")
	b.wantRows("MATCH (n:S) RETURN count(n)", int64(1))
}
