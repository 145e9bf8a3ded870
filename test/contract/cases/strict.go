//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var strictCases = []judge.Case{
	{ID: "18", Title: "STRICT_SYNC replica down: every write aborts everywhere with the exact error, until it is back", Notes: []int{12, 14, 17}, Run: strictDown},
	{ID: "18b", Title: "STRICT_SYNC is a fence: once its replica is promoted the old MAIN commits nothing and joins without divergence", Notes: []int{15}, Run: strictFence},
	{ID: "note 5", Title: "STRICT_SYNC on a replica that is behind aborts every write until it is ready", Notes: []int{15}, Long: 10 * time.Second, Run: strictBehind},
	{ID: "note 5b", Title: "ASYNC first, caught up, then DROP + REGISTER STRICT_SYNC aborts nothing", Notes: []int{15}, Run: asyncFirst},
}

func strictDown(t *judge.T) {
	a, b, c := trio(t, "STRICT_SYNC")
	v := t.Version
	kill(t, b)
	t.Refused(a, put(3), failedStrict(v, "b", lostConnection))
	holds(t, a, 1, 2)
	t.Replicas(a, "b strict_sync invalid behind=0 ts=4", "c async replicating behind=0 ts=4")

	tx, err := client.Begin(t.Context(), a.Addr())
	t.Check(err)
	defer tx.Close(t.Context())
	if w := tx.Run(t.Context(), put(4)); !w.OK() {
		t.Errorf("a> BEGIN; "+put(4), "OK", w.Outcome())
	}
	seen := tx.Run(t.Context(), "MATCH (n:S) RETURN collect(n.i)")
	if got := numbers(t, seen); len(got) != 3 {
		t.Errorf("the transaction's own view", "[1 2 4]", fmt.Sprint(got))
	}
	t.WantRefusal("COMMIT", tx.Commit(t.Context()), failedStrictCommit(v, "b", notInSync))

	t.Refused(a, "CREATE INDEX ON :S(i)", failedStrict(v, "b", notInSync))
	if got := t.OK(a, "SHOW INDEX INFO"); len(got.Rows) > 0 {
		t.Errorf("SHOW INDEX INFO after the abort", "no rows", got.String())
	}
	t.Refused(a, put(5), failedStrict(v, "b", notInSync))
	holds(t, a, 1, 2)
	holds(t, c, 1, 2)

	start(t, b)
	t.ReplicasWithin(a, 10*time.Second, "b strict_sync ready behind=0 ts=4", "c async *")
	t.OK(a, put(6))
	holds(t, a, 1, 2, 6)
	holds(t, b, 1, 2, 6)
	t.ReplicasWithin(a, 10*time.Second, "b strict_sync ready behind=0", "c async ready behind=0")
	holdsSoon(t, c, 1, 2, 6)
}

func strictFence(t *judge.T) {
	a, b, c := trio(t, "STRICT_SYNC")
	promote(t, b)
	t.Must(b, put(20))
	t.Refused(a, put(3), failedStrict(t.Version, "b", lostConnection))
	t.Replicas(a, "b strict_sync invalid behind=0 ts=4", "c async replicating behind=0 ts=4")
	t.Refused(a, put(4), failedStrict(t.Version, "b", notInSync))
	holds(t, a, 1, 2)
	holds(t, b, 1, 2, 20)
	holds(t, c, 1, 2)

	t.OK(a, setReplica(a))
	t.OK(b, registration(a, "STRICT_SYNC"))
	t.ReplicasWithin(b, 10*time.Second, "a strict_sync ready behind=0")
	t.OK(b, put(21))
	t.OK(b, registration(c, "ASYNC"))
	t.ReplicasWithin(b, 10*time.Second, "a strict_sync ready behind=0", "c async ready behind=0")
	holds(t, a, 1, 2, 20, 21)
	holds(t, c, 1, 2, 20, 21)
}

// fill writes so many nodes in one transaction.
func fill(t *judge.T, n *server.Node, nodes int) {
	t.Must(n, fmt.Sprintf("UNWIND range(1,%d) AS i CREATE (:Big {i:i, s:'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'})", nodes))
}

func strictBehind(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	demote(t, b)
	fill(t, a, 100000)
	register(t, a, b, "STRICT_SYNC")
	aborted, i := 0, 1
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); i++ {
		w := t.Do(a, put(i))
		if w.OK() {
			break
		}
		t.WantRefusal("a write before b is ready", w, failedStrict(t.Version, "b", notInSync))
		aborted++
	}
	if aborted == 0 {
		t.Errorf("writes aborted before b was ready", "at least one", "none")
	}
	first := int64(i)
	for range 10 {
		i++
		t.OK(a, put(i))
	}
	got := contents(t, a)
	if len(got) != 11 || got[0] != first {
		t.Errorf("data of a", fmt.Sprintf("11 writes from %d on", first), fmt.Sprint(got))
	}
	holds(t, b, got...)
	t.ReplicasWithin(a, 2*time.Second, "b strict_sync ready behind=0")
	t.Value(b, "MATCH (n:Big) RETURN count(n)", "100000")
}

func asyncFirst(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	demote(t, b)
	fill(t, a, 20000)
	register(t, a, b, "ASYNC")
	t.ReplicasWithin(a, 30*time.Second, "b async ready behind=0")
	drop(t, a, b)
	register(t, a, b, "STRICT_SYNC")
	want := []int64{}
	for i := range 60 {
		if w := t.Quiet(a, put(i)); !w.OK() {
			t.Errorf("a> "+put(i)+" right after the change of mode", "OK", w.Outcome())
		}
		want = append(want, int64(i))
	}
	t.Replicas(a, "b strict_sync ready behind=0")
	holds(t, b, want...)
}
