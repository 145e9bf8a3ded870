//go:build linux

package cases

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var surfaceCases = []judge.Case{
	{ID: "25", Title: "CREATE SNAPSHOT tells a path that ends in the last durable timestamp", Run: snapshot},
	{ID: "25b", Title: "CREATE SNAPSHOT on a REPLICA: refused before 3.7.2, allowed since", Notes: []int{17}, Applies: recorded, Run: snapshotOnReplica},
	{ID: "25c", Title: "SHOW STORAGE INFO: database_uuid, vertex_count, edge_count; since 3.11 only ON CURRENT DATABASE", Notes: []int{17}, Run: storageInfos},
	{ID: "25d", Title: "a node recovers from snapshot and WAL together, and a replica from its MAIN's snapshot", Run: snapshotRecovery},
	{ID: "25e", Title: "SHOW VERSION, SHOW CONFIG and SHOW TRANSACTIONS answer with their columns", Run: informational},
}

// snapshotPath returns the path CREATE SNAPSHOT tells.
func snapshotPath(t *judge.T, n *server.Node) string {
	a := t.OK(n, "CREATE SNAPSHOT")
	v, _ := a.Single()
	p, _ := v.(string)
	if !slices.Equal(a.Columns, []string{"path"}) || filepath.Dir(p) != filepath.Join(n.DataDir(), "snapshots") {
		t.Errorf(n.Name+"> CREATE SNAPSHOT", "column path, a file in "+filepath.Join(n.DataDir(), "snapshots"),
			fmt.Sprintf("columns %q: %s", a.Columns, a))
	}
	return p
}

// pathEnds demands that the snapshot's name ends in this timestamp.
func pathEnds(t *judge.T, path string, ldt int64) {
	if want := fmt.Sprintf("_timestamp_%d", ldt); !strings.HasSuffix(path, want) {
		t.Errorf("path of CREATE SNAPSHOT", "…"+want, path)
	}
}

func snapshot(t *judge.T) {
	a, b := pair(t, "SYNC")
	pathEnds(t, snapshotPath(t, a), 4)
	t.Must(a, "MATCH (n) RETURN count(n)") // reads move the clock, not the path
	t.Must(a, put(3))
	rows := t.ShowReplicas(a)
	if len(rows) != 1 {
		t.Fatalf("a lists %s", judge.Rows(rows))
	}
	pathEnds(t, snapshotPath(t, a), rows[0].TS)
	s := t.OK(a, "SHOW SNAPSHOTS")
	if !slices.Equal(s.Columns, []string{"path", "timestamp", "creation_time", "size"}) || len(s.Rows) != 2 {
		t.Errorf("a> SHOW SNAPSHOTS", "columns path, timestamp, creation_time, size; 2 rows", fmt.Sprintf("columns %q: %s", s.Columns, s))
	}
	for _, r := range s.Rows {
		if _, ok := r[1].(int64); !ok {
			t.Errorf("timestamp in SHOW SNAPSHOTS", "an integer", client.Value(r[1]))
		}
	}
	holds(t, b, 1, 2, 3)
}

func snapshotOnReplica(t *judge.T) {
	a, b := pair(t, "SYNC")
	if t.Version.Is(3, 6, 2) {
		t.Refused(b, "CREATE SNAPSHOT", judge.Refusal{
			At: client.AtPull, Code: judge.TransientError, Text: "Failed to create a snapshot. Replica instances are not allowed to create them.",
		})
		return
	}
	pathEnds(t, snapshotPath(t, b), 4)
	t.Must(a, put(3))
	pathEnds(t, snapshotPath(t, b), t.ShowReplicas(a)[0].TS)
	s := t.OK(b, "SHOW SNAPSHOTS")
	got := []int64{}
	for _, r := range s.Rows {
		ts, _ := r[1].(int64)
		got = append(got, ts)
	}
	if want := []int64{6, 4}; !slices.Equal(got, want) {
		t.Errorf("timestamps in b> SHOW SNAPSHOTS", fmt.Sprint(want), fmt.Sprint(got))
	}
}

func storageInfos(t *judge.T) {
	n := up(t, "a")[0]
	t.Must(n, put(1))
	info := storageInfo(t, n)
	for k, want := range map[string]any{
		"name": "memgraph", "vertex_count": int64(1), "edge_count": int64(0), "average_degree": 0.0, "storage_mode": "IN_MEMORY_TRANSACTIONAL",
	} {
		if info[k] != want {
			t.Errorf("storage info "+k, client.Value(want), client.Value(info[k]))
		}
	}
	uuid(t, n)
	plain := infoMap(t, t.OK(n, "SHOW STORAGE INFO"))
	for _, k := range []string{"vm_max_map_count", "memory_res", "disk_usage", "memory_tracked", "global_isolation_level"} {
		if _, ok := plain[k]; !ok {
			t.Errorf("SHOW STORAGE INFO", "a row "+k, fmt.Sprintf("%d other rows", len(plain)))
		}
	}
	if t.Version.AtLeast(3, 11) {
		for _, k := range []string{"database_uuid", "vertex_count", "edge_count", "storage_mode"} {
			if _, ok := plain[k]; ok {
				t.Errorf("plain SHOW STORAGE INFO", "no row "+k, client.Value(plain[k]))
			}
		}
		if mode := plain["global_storage_mode"]; mode != "IN_MEMORY_TRANSACTIONAL" {
			t.Errorf("global_storage_mode", "IN_MEMORY_TRANSACTIONAL", client.Value(mode))
		}
		named := infoMap(t, t.OK(n, "SHOW STORAGE INFO ON DATABASE memgraph"))
		if named["database_uuid"] != info["database_uuid"] {
			t.Errorf("database_uuid ON DATABASE memgraph", client.Value(info["database_uuid"]), client.Value(named["database_uuid"]))
		}
	}
	demoted := setReplica(n)
	t.Must(n, demoted)
	if got := storageInfo(t, n)["vertex_count"]; got != int64(1) {
		t.Errorf("vertex_count on a replica", "1", client.Value(got))
	}
}

func snapshotRecovery(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	for i := 1; i <= 5; i++ {
		t.Must(a, put(i))
	}
	t.Must(a, "CREATE INDEX ON :S(i)")
	snapshotPath(t, a)
	t.Must(a, put(6))
	restart(t, a)
	holds(t, a, 1, 2, 3, 4, 5, 6)
	if got := t.OK(a, "SHOW INDEX INFO"); len(got.Rows) != 1 {
		t.Errorf("a> SHOW INDEX INFO after recovery", "one row", got.String())
	}
	demote(t, b)
	register(t, a, b, "SYNC")
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	t.OK(a, put(7))
	holds(t, b, 1, 2, 3, 4, 5, 6, 7)
	restart(t, b)
	holds(t, b, 1, 2, 3, 4, 5, 6, 7)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
}

func informational(t *judge.T) {
	n := up(t, "a")[0]
	transactions := []string{"username", "transaction_id", "query", "metadata"}
	switch {
	case t.Version.AtLeast(3, 12):
		transactions = []string{"username", "transaction_id", "query", "status", "metadata", "start_time", "elapsed_ms"}
	case t.Version.AtLeast(3, 9):
		transactions = []string{"username", "transaction_id", "query", "status", "metadata"}
	}
	for q, want := range map[string][]string{
		"SHOW VERSION":      {"version"},
		"SHOW CONFIG":       {"name", "default_value", "current_value", "description"},
		"SHOW TRANSACTIONS": transactions,
		"SHOW INDEX INFO":   {"index type", "label", "property", "count"},
	} {
		got := t.OK(n, q)
		have := slices.Sorted(slices.Values(got.Columns))
		if !slices.Equal(have, slices.Sorted(slices.Values(want))) {
			t.Errorf("columns of "+q, fmt.Sprintf("%q", want), fmt.Sprintf("%q", got.Columns))
		}
	}
	t.Value(n, "RETURN 1", "1")
}
