package memgraph

import (
	"slices"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func figure(n int64) cluster.Figure { return cluster.Figure{Known: true, Value: n} }

func TestSizes(t *testing.T) {
	for text, want := range map[any]cluster.Figure{
		"0B": figure(0), "474B": figure(474), "1.00KiB": figure(1024), "84.67KiB": figure(86702), "48.73MiB": figure(51097108),
		"21.19GiB": figure(22752589250), "2.00TiB": figure(2 << 40), int64(7): figure(7),
		"unlimited": {}, "": {}, "B": {}, "many MiB": {}, "-1B": {}, "NaNB": {}, "InfKiB": {}, "9e99TiB": {}, "12": {}, "3 parsecs": {},
		int64(-1): {}, nil: {}, true: {},
	} {
		if got := size(text); got != want {
			t.Errorf("size %v = %+v; want %+v", text, got, want)
		}
	}
}

// TestUsageOfEveryShape: what a release does not say is not known, and never 0.
func TestUsageOfEveryShape(t *testing.T) {
	type m = map[string]any
	row := func(name string, value any) m { return m{"storage info": name, "value": value} }
	for name, c := range map[string]struct {
		rows []m
		want cluster.Usage
	}{
		"3.6.2": {
			[]m{row("memory_res", "48.73MiB"), row("peak_memory_res", "50.00MiB"), row("unreleased_delta_objects", int64(3)), row("disk_usage", "1.00KiB"), row("memory_tracked", "0B"), row("allocation_limit", "2.00GiB")},
			cluster.Usage{Resident: figure(51097108), Tracked: figure(0), Limit: figure(2 << 30), Disk: figure(1024), Deltas: figure(3)},
		},
		"3.12.0": {
			[]m{row("memory_res", "1.00MiB"), row("memory_tracked", "2.00MiB"), row("memory_limit", "unlimited"), row("license_memory_limit", "unlimited")},
			cluster.Usage{Resident: figure(1 << 20), Tracked: figure(2 << 20)},
		},
		"its database": {
			[]m{row("tenant_memory_limit", "3.00GiB"), row("disk_usage", "7B"), row("unreleased_delta_objects", int64(0))},
			cluster.Usage{Disk: figure(7), Deltas: figure(0)},
		},
		"nonsense": {[]m{row("memory_res", m{}), row("unreleased_delta_objects", int64(-4)), {}, row("disk_usage", "much")}, cluster.Usage{}},
		"nothing":  {},
	} {
		if got := parseUsage(c.rows); got != c.want {
			t.Errorf("%s: %+v; want %+v", name, got, c.want)
		}
	}
}

// TestUsageIsAskedNowAndThen: not with every look, and what it cost is remembered.
func TestUsageIsAskedNowAndThen(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("SHOW TRANSACTIONS", table([]any{"username", "transaction_id", "query", "status", "metadata"},
		[]any{"", "1", []any{"MATCH (n) RETURN n"}, "running", map[string]any{}},
		[]any{"", "2", []any{"SHOW TRANSACTIONS"}, "running", map[string]any{}},
		[]any{"", "snapshot", []any{}, "running", map[string]any{}},
	))
	want := cluster.Usage{Resident: figure(60859351), Transactions: figure(1)}
	if got := n.Look(t.Context(), 0).Usage; got != want {
		t.Errorf("usage %+v; want %+v", got, want)
	}
	f.say(storageOfAll, fails("anything"))
	f.say("SHOW TRANSACTIONS", fails("anything"))
	f.statements()
	if got := n.Look(t.Context(), 0).Usage; got != want {
		t.Errorf("usage of the next look %+v; want %+v as before", got, want)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW REPLICAS", storageOfCurrent)
	n.nodes[0].counted = time.Now().Add(-usageEvery)
	s := n.Look(t.Context(), 0)
	if s.Contact != cluster.Answered || !s.Data.Known || s.Usage != (cluster.Usage{}) {
		t.Errorf("a node that refuses to say what it occupies: %+v; want it answered, its usage not known", s)
	}
}

// TestSlowNodeIsNotBothered: one that takes its time for what matters is asked no more.
func TestSlowNodeIsNotBothered(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.onRun = func(statement string) {
		if statement == storageOfCurrent {
			time.Sleep(unhurried)
		}
	}
	if s := n.Look(t.Context(), 0); !s.Data.Known || s.Usage != (cluster.Usage{}) {
		t.Errorf("look %+v; want its data, and nothing of what it occupies", s)
	}
	wantAsked(t, f, "SHOW REPLICATION ROLE", "SHOW REPLICAS", "SHOW VERSION", "SHOW CONFIG", storageOfCurrent)
}

// Whoever has just taken a step waits for the next look: nothing is asked in it that no
// decision needs.
func TestUsageIsNotAskedAfterAStep(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	_ = n.Do(t.Context(), cluster.Step{Kind: cluster.Mark, Node: 0}) // whatever comes of it
	f.statements()
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered {
		t.Fatalf("look %+v", s)
	}
	if asked := f.statements(); slices.Contains(asked, "SHOW TRANSACTIONS") {
		t.Errorf("asked %q right after a step", asked)
	}
}

// TestMuteAboutUsage: a node that never answers that question costs the look its bound
// and its connection, not its answer.
func TestMuteAboutUsage(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	f.say("SHOW TRANSACTIONS", reply{hang: true})
	began := time.Now()
	s := n.Look(t.Context(), 0)
	if took := time.Since(began); s.Contact != cluster.Answered || !s.Data.Known || s.Usage.Transactions.Known || took > 10*maxUsage {
		t.Errorf("look %+v after %s; want an answer, transactions not known", s, took)
	}
	f.statements()
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered || !s.Data.Known {
		t.Errorf("the next look %+v; want an answer", s)
	}
}
