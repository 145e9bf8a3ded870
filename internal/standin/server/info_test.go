package server

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// firsts returns the first column.
func firsts(rows [][]any) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[0].(string))
	}
	return out
}

func value(rows [][]any, name string) any {
	for _, r := range rows {
		if r[0] == name {
			return r[1]
		}
	}
	return nil
}

func TestStorageInfoByVersion(t *testing.T) {
	old, recent := newBox(t, "3.6.2"), newBox(t, "3.12.0")
	rows := old.must("SHOW STORAGE INFO")
	want := []string{
		"name", "database_uuid", "vertex_count", "edge_count", "average_degree", "vm_max_map_count", "memory_res",
		"peak_memory_res", "unreleased_delta_objects", "disk_usage", "memory_tracked", "allocation_limit",
		"global_isolation_level", "session_isolation_level", "next_session_isolation_level", "storage_mode",
	}
	if !slices.Equal(firsts(rows), want) {
		t.Errorf("%v", firsts(rows))
	}
	if value(rows, "average_degree") != 0.0 || value(rows, "storage_mode") != "IN_MEMORY_TRANSACTIONAL" {
		t.Errorf("%v", rows)
	}
	old.fails("SHOW STORAGE INFO ON CURRENT DATABASE", client, "run",
		"Error on line 1 position 19. The underlying parsing error is mismatched input 'ON' expecting <EOF>")
	if rows := recent.must("SHOW STORAGE INFO"); value(rows, "database_uuid") != nil || value(rows, "global_storage_mode") == nil {
		t.Errorf("%v", rows)
	}
	recent.must("CREATE (:S)")
	rows = recent.must("SHOW STORAGE INFO ON CURRENT DATABASE")
	if value(rows, "database_uuid") != recent.State().UUID || value(rows, "vertex_count") != int64(1) || value(rows, "health") != "ready" {
		t.Errorf("%v", rows)
	}
	recent.must("SHOW STORAGE INFO ON DATABASE memgraph")
	recent.fails("SHOW STORAGE INFO ON DATABASE other", client, "pull", `Database "other" does not exist.`)
}

func TestSnapshots(t *testing.T) {
	b := newBox(t, "3.12.0").demote()
	rows := b.must("CREATE SNAPSHOT")
	if len(rows) != 1 || !strings.HasSuffix(rows[0][0].(string), "_timestamp_0") {
		t.Errorf("%v", rows)
	}
	b.must("SET REPLICATION ROLE TO MAIN")
	b.must("CREATE (:S)")
	b.must("CREATE SNAPSHOT")
	list := b.must("SHOW SNAPSHOTS")
	if len(list) != 2 || list[0][1] != int64(b.State().Lineage.LDT) || list[1][1] != int64(0) || !strings.HasSuffix(list[0][3].(string), "B") {
		t.Errorf("%v", list)
	}
	b.restart()
	b.wantRows("MATCH (n) RETURN count(n)", int64(1))
	if out := newBox(t, "3.4.0").try("CREATE SNAPSHOT"); out.text != "" || len(out.columns) != 0 || out.rows != nil {
		t.Errorf("%+v", out)
	}
}

func TestPeriodicSnapshots(t *testing.T) {
	b := newBox(t, "3.12.0", func(o *Options) { o.SnapshotInterval = 20 * time.Millisecond; o.SnapshotOnExit = true })
	b.must("CREATE (:S)")
	await(t, func() string {
		if len(b.must("SHOW SNAPSHOTS")) == 0 {
			return "no snapshot"
		}
		return ""
	})
	if rows := b.must("SHOW NEXT SNAPSHOT"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	before := len(b.must("SHOW SNAPSHOTS"))
	b.restart()
	if after := len(b.must("SHOW SNAPSHOTS")); after <= before && before < 3 {
		t.Errorf("%d snapshots before the exit, %d after", before, after)
	}
}

func TestTransactionsCanBeSeenAndTerminated(t *testing.T) {
	for version, columns := range map[string]string{
		"3.6.2":  "username transaction_id query metadata",
		"3.9.0":  "username transaction_id query status metadata",
		"3.12.0": "username transaction_id query status metadata start_time elapsed_ms",
	} {
		b := newBox(t, version)
		session := b.driver.NewSession(t.Context(), neo4j.SessionConfig{})
		defer session.Close(t.Context())
		tx, err := session.BeginTransaction(t.Context(), neo4j.WithTxMetadata(map[string]any{"who": "test"}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Run(t.Context(), "CREATE (:S)", nil); err != nil {
			t.Fatal(err)
		}
		out := b.try("SHOW TRANSACTIONS")
		if strings.Join(out.columns, " ") != columns || len(out.rows) != 1 {
			t.Fatalf("%+v", out)
		}
		id := out.rows[0][1].(string)
		if meta := out.rows[0][slices.Index(out.columns, "metadata")].(map[string]any); meta["who"] != "test" {
			t.Errorf("%v", meta)
		}
		rows := b.must("TERMINATE TRANSACTIONS '" + id + "', '7'")
		if len(rows) != 2 || rows[0][1] != true || rows[1][1] != false {
			t.Errorf("%v", rows)
		}
		if out := b.failed(tx.Commit(t.Context()), false); out.text != textKilled || !strings.Contains(out.code, transient) {
			t.Errorf("%+v", out)
		}
		b.wantRows("MATCH (n) RETURN count(n)", int64(0))
	}
}

func TestQueryTimeout(t *testing.T) {
	b := newBox(t, "3.12.0", func(o *Options) { o.QueryTimeout = 50 * time.Millisecond })
	out := b.try("UNWIND range(1, 100000000) AS i RETURN count(i)")
	if out.text != textTimeout || !strings.Contains(out.code, transient) {
		t.Errorf("%+v", out)
	}
}

func TestSchemaQueries(t *testing.T) {
	b := newBox(t, "3.6.2")
	b.must("UNWIND range(1, 3) AS i CREATE (:M {i: i})")
	b.must("CREATE INDEX ON :M(i)")
	b.must("CREATE INDEX ON :M")
	if out := b.try("CREATE INDEX ON :M(i)"); out.text != "" || len(out.notes) != 1 {
		t.Errorf("an index that exists: %+v", out)
	}
	rows := b.must("SHOW INDEX INFO")
	if len(rows) != 2 || rows[0][0] != "label+property" || rows[0][3] != int64(3) || rows[1][0] != "label" {
		t.Errorf("%v", rows)
	}
	b.must("CREATE CONSTRAINT ON (n:M) ASSERT n.i IS UNIQUE")
	rows = b.must("SHOW CONSTRAINT INFO")
	if len(rows) != 1 || rows[0][0] != "unique" || rows[0][3] != "" {
		t.Errorf("%v", rows)
	}
	b.fails("CREATE (:M {i: 1})", client, "pull", "Unable to commit due to unique constraint violation on :M(i)")
	b.fails("CREATE CONSTRAINT ON (n:M) ASSERT EXISTS (n.x)", client, "pull", "Unable to create existence constraint :M(x), because an existing node violates it.")
	b.must("DROP CONSTRAINT ON (n:M) ASSERT n.i IS UNIQUE")
	b.must("DROP INDEX ON :M")
	b.must("CREATE (:M {i: 1})")
	if rows := b.must("SHOW INDEX INFO"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}

func TestStorageModes(t *testing.T) {
	b := newBox(t, "3.12.0")
	b.must("STORAGE MODE IN_MEMORY_ANALYTICAL")
	b.must("CREATE (:S)")
	b.fails("SET REPLICATION ROLE TO REPLICA WITH PORT 1", client, "run", textAnalytical)
	b.must("STORAGE MODE IN_MEMORY_TRANSACTIONAL")
	b.must("CREATE (:S)")
	b.restart()
	b.wantRows("MATCH (n) RETURN count(n)", int64(2))
}

func TestOtherQueries(t *testing.T) {
	b := newBox(t, "3.12.0", func(o *Options) {
		o.Config = []ConfigEntry{{"storage_wal_enabled", "false", "true", "text"}}
	})
	out := b.try("SHOW CONFIG")
	if strings.Join(out.columns, " ") != "name default_value current_value description" || out.rows[0][2] != "true" {
		t.Errorf("%+v", out)
	}
	for _, q := range []string{"SHOW LICENSE INFO", "SHOW USERS", "SHOW DATABASE", "FREE MEMORY", "SET GLOBAL TRANSACTION ISOLATION LEVEL SNAPSHOT ISOLATION"} {
		b.must(q)
	}
	if rows := b.must("SHOW ACTIVE USERS INFO"); len(rows) == 0 {
		t.Error("no sessions")
	}
	b.fails("SHOW METRICS", client, "run", "Access to SHOW METRICS INFO requires an enterprise, ai_platform, or oem license.")
	b.fails("SHOW DATABASES", client, "run", textLicense)
	ce := newBox(t, "3.12.0", func(o *Options) { o.Community = true })
	ce.fails("SHOW INSTANCES", client, "run", textEnterprise)
	newBox(t, "3.4.0").fails(`REGISTER REPLICA b STRICT_SYNC TO "h:1"`, client, "run",
		"Error on line 1 position 20. The underlying parsing error is mismatched input 'STRICT_SYNC' expecting {ASYNC, SYNC}")
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 474: "474B", 86702: "84.67KiB", 51099730: "48.73MiB", 22752589250: "21.19GiB"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestParseVersion(t *testing.T) {
	for _, bad := range []string{"", "3", "3.x", "2.18.9", "3.1.2.3", "-1.2"} {
		if _, err := ParseVersion(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	v, err := ParseVersion("3.7.2")
	if err != nil || !v.since(3, 7, 2) || v.since(3, 7, 3) || v.since(3, 8) || !v.since(2, 30) {
		t.Errorf("%v, %v", v, err)
	}
	o := Options{}
	if o.has(HangOnDrop, next) || !o.has(HangOnDrop, v) || !o.has(FalseDivergence, next) {
		t.Error("faults by version")
	}
	o.Faults = &[]Fault{EmptyHeir}
	if got := o.behaviour(v); got.FalseDivergence || got.HangOnDrop || !got.EmptyHeir {
		t.Errorf("%+v", got)
	}
	if _, err := ParseFaults([]string{"gravity"}); err == nil {
		t.Error("an unknown fault was accepted")
	}
}

func TestOnlyOneProcessPerDirectory(t *testing.T) {
	b := newBox(t, "3.12.0")
	opts := b.opts
	if second, err := Start(t.Context(), opts); err == nil {
		_ = second.Close()
		t.Error("two instances on one data directory")
	}
}
