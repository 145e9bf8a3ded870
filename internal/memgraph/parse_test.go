package memgraph

import (
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/cluster"
)

func words(t testing.TB) (*vocabulary, *strings.Builder) {
	t.Helper()
	var out strings.Builder
	return &vocabulary{
		log:      slog.New(slog.NewTextHandler(&out, nil)),
		topology: cluster.Topology{{Name: "mg-0", Replication: "h0:10000"}, {Name: "mg-1", Replication: "h1:10000"}},
	}, &out
}

func TestReplicasOfEveryShape(t *testing.T) {
	type m = map[string]any
	row := func(info any) m {
		return m{"name": "mg-1", "socket_address": "h1:10000", "sync_mode": "async", "system_info": nil, "data_info": info}
	}
	base := cluster.Replica{Name: "mg-1", Node: 1, Address: "h1:10000", Mode: cluster.Async}
	with := func(status cluster.Status, ts, behind int64) cluster.Replica {
		r := base
		r.Status, r.TS, r.Behind = status, ts, behind
		return r
	}
	ghost := base
	ghost.Ghost = true
	stranger := with(cluster.Ready, 1, 0)
	stranger.Name, stranger.Node, stranger.Address, stranger.Mode = "b", cluster.NoNode, "10.0.0.7:10000", cluster.ModeUnknown
	renamed := with(cluster.Ready, 1, 0)
	renamed.Name = "b"
	for _, c := range []struct {
		name string
		row  m
		want cluster.Replica
	}{
		{"ready", row(memgraphInfo("ready", int64(8), int64(0))), with(cluster.Ready, 8, 0)},
		{"behind", row(memgraphInfo("recovery", int64(2), int64(-6))), with(cluster.Recovering, 2, -6)},
		{"ahead", row(memgraphInfo("ready", int64(2), int64(6))), with(cluster.Ready, 2, 6)},
		{"floats", row(memgraphInfo("replicating", 2.0, -3.0)), with(cluster.Replicating, 2, -3)},
		{"no distance is not ready", row(memgraphInfo("ready", int64(2), nil)), with(cluster.StatusUnknown, 2, 0)},
		{"odd distance is not ready", row(memgraphInfo("ready", int64(2), 0.5)), with(cluster.StatusUnknown, 2, 0)},
		{"infinite distance", row(memgraphInfo("ready", int64(2), math.Inf(1))), with(cluster.StatusUnknown, 2, 0)},
		{"new word", row(memgraphInfo("pondering", int64(2), int64(0))), with(cluster.StatusUnknown, 2, 0)},
		{"ghost", row(m{}), ghost},
		{"null", row(nil), base},
		{"a word for a map", row("ready"), base},
		{"a database that is no map", row(m{"memgraph": 1}), base},
		{"memgraph counts", row(m{"a": m{"status": "diverged", "ts": int64(1), "behind": int64(0)}, "memgraph": m{"status": "ready", "ts": int64(4), "behind": int64(0)}}), with(cluster.Ready, 4, 0)},
		{"else the worst", row(m{"a": m{"status": "ready", "ts": int64(1), "behind": int64(0)}, "b": m{"status": "invalid", "ts": int64(4), "behind": int64(-1)}, "c": m{"status": "recovery", "ts": int64(4), "behind": int64(-9)}}), with(cluster.Invalid, 4, -1)},
		{"worst of the ready", row(m{"a": m{"status": "ready", "ts": int64(1), "behind": int64(0)}, "b": m{"status": "ready", "ts": int64(4), "behind": int64(-1)}}), with(cluster.Ready, 4, -1)},
		{"2.13", m{"name": "mg-1", "socket_address": "h1:10000", "sync_mode": "async", "current_timestamp_of_replica": int64(4), "number_of_timestamp_behind_master": int64(-2), "state": "invalid"}, with(cluster.Invalid, 4, -2)},
		{"none of ours", m{"name": "b", "socket_address": "10.0.0.7:10000", "sync_mode": "quorum", "data_info": memgraphInfo("ready", int64(1), int64(0))}, stranger},
		{"ours by address", m{"name": "b", "socket_address": "h1:10000", "sync_mode": "async", "data_info": memgraphInfo("ready", int64(1), int64(0))}, renamed},
	} {
		v, _ := words(t)
		got := v.replicas([]map[string]any{c.row})
		if len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s: %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestUnknownWordIsNewsOnce(t *testing.T) {
	v, out := words(t)
	for range 3 {
		v.status("pondering")
	}
	if got := strings.Count(out.String(), "pondering"); got != 1 {
		t.Errorf("logged %d times, want once:\n%s", got, out)
	}
	for i := range 100 {
		v.status(strings.Repeat("x", i))
	}
	if got := strings.Count(out.String(), "\n"); got > maxHeard {
		t.Errorf("%d lines: a server that invents words fills the log", got)
	}
}

func TestParseWAL(t *testing.T) {
	for value, want := range map[any]cluster.Truth{"true": cluster.Yes, true: cluster.Yes, "false": cluster.No, false: cluster.No, "1": cluster.Unknown, nil: cluster.Unknown} {
		rows := []map[string]any{{"name": "storage_wal_file_size_kib", "current_value": "true"}, {"name": "storage-wal-enabled", "current_value": value}}
		if got := parseWAL(rows); got != want {
			t.Errorf("wal %v = %s, want %s", value, got, want)
		}
	}
	if got := parseWAL(nil); got != cluster.Unknown {
		t.Errorf("no config = %s", got)
	}
}

// FuzzReplicas reads any value as a row of SHOW REPLICAS: what comes out whole
// must have been said to be so.
func FuzzReplicas(f *testing.F) {
	f.Add(bolt.AppendValue(nil, map[string]any{"name": "mg-1", "socket_address": "h1:10000", "sync_mode": "sync", "data_info": memgraphInfo("ready", int64(1), int64(0))}))
	f.Add(bolt.AppendValue(nil, map[string]any{"data_info": map[string]any{"a": int64(1), "b": map[string]any{"status": "ready"}}}))
	f.Fuzz(func(t *testing.T, packed []byte) {
		value, err := bolt.Unpack(packed)
		row, ok := value.(map[string]any)
		if err != nil || !ok {
			return
		}
		v, _ := words(t)
		rows := []map[string]any{row}
		list := v.replicas(rows)
		if len(list) != 1 {
			t.Fatalf("%d replicas from one row", len(list))
		}
		if list[0].Whole() && !strings.Contains(strings.ToLower(string(packed)), "ready") {
			t.Errorf("whole replica out of %v", row)
		}
		_, _ = parseRole(rows)
		parseVersion(rows)
		parseWAL(rows)
		if d := parseStorage(rows); d.Known {
			t.Errorf("one row made the storage known: %v", row)
		}
	})
}
