//go:build linux

// Package cases holds the contract: the thirty numbered behaviours of a
// Memgraph Community server that the controller relies on, and what was noted
// in the field beside them.
//
// Every expectation comes from a recording of a real server (3.6.2 and 3.12.0)
// or, where none exists, from reading Memgraph's source; none comes from the
// stand-in. A case starts its own nodes and leaves nothing behind.
package cases

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

// All returns every case, in no particular order.
func All() []judge.Case {
	return slices.Concat(freshCases, roleCases, registerCases, commitCases, strictCases, crashCases,
		lineageCases, divergenceCases, restartCases, nameCases, heirCases, stallCases, cutCases, lockCases, surfaceCases, boltCases)
}

// marker is a write that leaves no trace but a durable epoch.
const marker = "CREATE (n) DELETE n"

func recorded(v judge.Version) bool { return v.Recorded() }
func since310(v judge.Version) bool { return v.AtLeast(3, 10) }
func before310(v judge.Version) bool {
	return v.Below(3, 10)
}

// up starts nodes with these names, each a fresh MAIN.
func up(t *judge.T, names ...string) []*server.Node {
	nodes := t.Cluster(names...)
	launchAll(t, nodes)
	return nodes
}

// born starts nodes that an init file turns into replicas before Bolt opens.
func born(t *judge.T, names ...string) []*server.Node {
	nodes := t.Cluster(names...)
	for _, n := range nodes {
		bearReplica(t, n)
	}
	launchAll(t, nodes)
	return nodes
}

func bearReplica(t *judge.T, n *server.Node) {
	flag, err := n.InitFile(fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d;", n.Repl))
	t.Check(err)
	n.Flags = append(n.Flags, flag)
}

func launchAll(t *judge.T, nodes []*server.Node) {
	for _, n := range nodes {
		t.Check(n.Launch())
	}
	for _, n := range nodes {
		t.Check(n.AwaitBolt(t.Context(), 40*time.Second))
	}
}

// demote tells a MAIN to be a replica on its replication port.
func demote(t *judge.T, nodes ...*server.Node) {
	for _, n := range nodes {
		t.Must(n, setReplica(n))
	}
}

func setReplica(n *server.Node) string {
	return fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d", n.Repl)
}

func promote(t *judge.T, n *server.Node) { t.Must(n, "SET REPLICATION ROLE TO MAIN") }

// register registers rep under its own name.
func register(t *judge.T, main, rep *server.Node, mode string) { t.Must(main, registration(rep, mode)) }

func registration(rep *server.Node, mode string) string {
	return fmt.Sprintf("REGISTER REPLICA %s %s TO \"%s\"", rep.Name, mode, rep.ReplAddr())
}

func drop(t *judge.T, main, rep *server.Node) { t.Must(main, "DROP REPLICA "+rep.Name) }

// put is the write of node i.
func put(i int) string { return fmt.Sprintf("CREATE (:S {i:%d})", i) }

// trio starts a MAIN a, its replica b in the given mode and its ASYNC replica
// c, none of them born replicas, with 1 and 2 written everywhere.
func trio(t *judge.T, mode string) (a, b, c *server.Node) {
	n := up(t, "a", "b", "c")
	a, b, c = n[0], n[1], n[2]
	demote(t, b, c)
	seat(t, a, b, mode)
	register(t, a, c, "ASYNC")
	caughtUp(t, a)
	return a, b, c
}

// bornTrio is trio with nodes born replicas, a promoted.
func bornTrio(t *judge.T, mode string) (a, b, c *server.Node) {
	n := born(t, "a", "b", "c")
	a, b, c = n[0], n[1], n[2]
	promote(t, a)
	seat(t, a, b, mode)
	register(t, a, c, "ASYNC")
	caughtUp(t, a)
	return a, b, c
}

// pair starts a MAIN a and its replica b in the given mode, with 1 and 2
// written on both.
func pair(t *judge.T, mode string) (a, b *server.Node) {
	n := up(t, "a", "b")
	a, b = n[0], n[1]
	demote(t, b)
	seat(t, a, b, mode)
	return a, b
}

// seat registers b on the empty MAIN a, then writes 1 and 2 through it.
func seat(t *judge.T, a, b *server.Node, mode string) {
	register(t, a, b, mode)
	t.Must(a, put(1))
	t.Must(a, put(2))
	t.ReplicasWithin(a, 10*time.Second, fmt.Sprintf("%s %s ready behind=0 ts=4", b.Name, strings.ToLower(mode)))
}

// caughtUp waits until every replica of main is ready and not behind.
func caughtUp(t *judge.T, main *server.Node) {
	patterns := []string{}
	for range t.ShowReplicas(main) {
		patterns = append(patterns, "* * ready behind=0")
	}
	t.ReplicasWithin(main, 15*time.Second, patterns...)
}

// kill ends nodes with SIGKILL.
func kill(t *judge.T, nodes ...*server.Node) {
	for _, n := range nodes {
		t.Note("%s killed", n.Name)
		t.Check(n.Kill())
	}
}

// start starts a node again with its data.
func start(t *judge.T, n *server.Node) time.Duration {
	took, err := n.Start(t.Context())
	t.Note("%s started in %s", n.Name, took.Round(time.Millisecond))
	t.Check(err)
	return took
}

// comeBack restarts a replica and waits until MAIN's pings have met it again. A
// write before that finds the old connection broken and fails.
func comeBack(t *judge.T, n *server.Node) {
	restart(t, n)
	t.Pause(pinged)
}

// pinged is long enough for two of MAIN's pings, one each second: the first
// notices a broken connection, the second opens a new one.
const pinged = 2500 * time.Millisecond

func restart(t *judge.T, n *server.Node) {
	kill(t, n)
	start(t, n)
}

// contents returns the sorted values of i on n; a failed read ends the case.
func contents(t *judge.T, n *server.Node) []int64 {
	a := t.Must(n, "MATCH (n:S) RETURN collect(n.i)")
	return numbers(t, a)
}

func numbers(t *judge.T, a client.Answer) []int64 {
	v, _ := a.Single()
	list, ok := v.([]any)
	if !ok {
		t.Fatalf("%s: answer %s is not one list", a.Query, a)
	}
	out := []int64{}
	for _, e := range list {
		i, ok := e.(int64)
		if !ok {
			t.Fatalf("%s: %v is no integer", a.Query, e)
		}
		out = append(out, i)
	}
	slices.Sort(out)
	return out
}

// holds demands that n holds exactly these values now.
func holds(t *judge.T, n *server.Node, want ...int64) {
	if got := contents(t, n); !slices.Equal(got, want) {
		t.Errorf("data of "+n.Name, fmt.Sprint(want), fmt.Sprint(got))
	}
}

// holdsSoon waits until n holds exactly these values.
func holdsSoon(t *judge.T, n *server.Node, want ...int64) {
	var got []int64
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); t.Pause(50 * time.Millisecond) {
		if got = contents(t, n); slices.Equal(got, want) {
			return
		}
	}
	t.Errorf("data of "+n.Name+" within 10s", fmt.Sprint(want), fmt.Sprint(got))
}

// storageInfo returns SHOW STORAGE INFO of the current database as a map, by
// the statement that tells database_uuid on this version.
func storageInfo(t *judge.T, n *server.Node) map[string]any {
	q := "SHOW STORAGE INFO"
	if t.Version.AtLeast(3, 11) {
		q = "SHOW STORAGE INFO ON CURRENT DATABASE"
	}
	return infoMap(t, t.Must(n, q))
}

func infoMap(t *judge.T, a client.Answer) map[string]any {
	if !slices.Equal(a.Columns, []string{"storage info", "value"}) {
		t.Errorf(a.Query, `columns "storage info", "value"`, fmt.Sprintf("columns %q", a.Columns))
	}
	m := map[string]any{}
	for _, r := range a.Rows {
		if k, ok := r[0].(string); ok {
			m[k] = r[1]
		}
	}
	return m
}

// uuid returns the identity of the database on n.
func uuid(t *judge.T, n *server.Node) string {
	u, _ := storageInfo(t, n)["database_uuid"].(string)
	if len(u) != 36 {
		t.Errorf("database_uuid of "+n.Name, "a uuid of 36 characters", fmt.Sprintf("%q", u))
	}
	return u
}

// rowOf renders one row as the transcripts do.
func rowOf(r []any) string { return client.Row(r) }
