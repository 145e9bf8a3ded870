//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var crashCases = []judge.Case{
	{ID: "17", Title: "SYNC: MAIN killed between WAL and shipping comes back with a write its replica lacks, and is diverged after failover", Control: true, Run: crashBeforeShipping},
	{ID: "17b", Title: "SYNC: MAIN killed after shipping: both have the write the client never got an answer for", Control: true, Run: crashAfterShipping},
	{ID: "18c", Title: "STRICT_SYNC: a prepared write vanishes when its MAIN dies before the decision; the old MAIN joins without divergence", Control: true, Run: preparedVanishes},
	{ID: "18d", Title: "STRICT_SYNC: a lost FinalizeCommit still acknowledges; the next write aborts until the replica is recovered", Control: true, Run: lostFinalize},
	{ID: "18e", Title: "STRICT_SYNC: MAIN killed after its own commit, before FinalizeCommit, is ahead and diverges after failover", Control: true, Run: crashBeforeFinalize},
	{ID: "18f", Title: "STRICT_SYNC: a prepared write vanishes when the replica restarts", Control: true, Run: preparedRestart},
	{ID: "24", Title: "SIGKILL keeps every acknowledged write, index and constraint", Notes: []int{11}, Run: sigkillKeeps},
	{ID: "24b", Title: "power loss drops writes that were not fsynced; with a flush after every transaction it drops none", Control: true, Run: powerLoss},
}

// crashing makes a die at the moment p of its next commit.
func crashing(t *judge.T, a *server.Node, p judge.Point, write string) {
	t.Check(t.Faults.Crash(t.Context(), a, p))
	w := t.Do(a, write)
	if w.At != "lost" {
		t.Errorf("a> "+write+" with MAIN dying "+string(p), "a lost connection", w.Outcome())
	}
	t.Check(a.Gone(5 * time.Second))
	t.Note("a died %s", p)
}

func crashBeforeShipping(t *judge.T) {
	a, b := pair(t, "SYNC")
	crashing(t, a, judge.AfterWAL, put(3))
	holds(t, b, 1, 2)
	promote(t, b)
	t.Must(b, marker)
	start(t, a)
	t.Role(a, "main")
	holds(t, a, 1, 2, 3)
	demote(t, a)
	t.Refused(b, registration(a, "SYNC"), cannotRegister(t.Version, "a", 3))
	t.Replicas(b, "a sync {}")
}

func crashAfterShipping(t *judge.T) {
	a, b := pair(t, "SYNC")
	crashing(t, a, judge.AfterShip, put(3))
	holdsSoon(t, b, 1, 2, 3)
	start(t, a)
	holds(t, a, 1, 2, 3)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	t.OK(a, put(4))
	holds(t, b, 1, 2, 3, 4)
}

func preparedVanishes(t *judge.T) {
	a, b := pair(t, "STRICT_SYNC")
	crashing(t, a, judge.AfterShip, put(3))
	holds(t, b, 1, 2)
	promote(t, b)
	t.Must(b, marker)
	holds(t, b, 1, 2)
	start(t, a)
	holds(t, a, 1, 2)
	demote(t, a)
	t.OK(b, registration(a, "STRICT_SYNC"))
	t.ReplicasWithin(b, 10*time.Second, "a strict_sync ready behind=0")
	t.OK(b, put(4))
	holds(t, a, 1, 2, 4)
}

func preparedRestart(t *judge.T) {
	a, b := pair(t, "STRICT_SYNC")
	crashing(t, a, judge.AfterShip, put(3))
	restart(t, b)
	t.Role(b, "replica")
	holds(t, b, 1, 2)
	start(t, a)
	holds(t, a, 1, 2)
	t.ReplicasWithin(a, 10*time.Second, "b strict_sync ready behind=0")
	t.OK(a, put(4))
	holds(t, b, 1, 2, 4)
}

func lostFinalize(t *judge.T) {
	a, b := pair(t, "STRICT_SYNC")
	t.Check(t.Faults.LoseFinalize(t.Context(), a))
	t.OK(a, put(3))
	holds(t, a, 1, 2, 3)
	holds(t, b, 1, 2) // prepared only
	t.Refused(a, put(4), anyStrictFailure(t.Version))
	t.ReplicasWithin(a, 30*time.Second, "b strict_sync ready behind=0")
	t.OK(a, put(5))
	holds(t, a, 1, 2, 3, 5)
	holds(t, b, 1, 2, 3, 5)
}

func crashBeforeFinalize(t *judge.T) {
	a, b := pair(t, "STRICT_SYNC")
	crashing(t, a, judge.BeforeFinalize, put(3))
	promote(t, b)
	t.Must(b, marker)
	holds(t, b, 1, 2)
	start(t, a)
	holds(t, a, 1, 2, 3)
	demote(t, a)
	t.Refused(b, registration(a, "STRICT_SYNC"), cannotRegister(t.Version, "a", 3))
}

func sigkillKeeps(t *judge.T) {
	n := up(t, "a")[0]
	want := []int64{}
	for i := range 60 {
		if i == 20 {
			t.Must(n, "CREATE INDEX ON :S(i)")
		}
		if w := t.Quiet(n, put(i)); !w.OK() {
			t.Fatalf("write %d: %s", i, w.Outcome())
		}
		want = append(want, int64(i))
	}
	kill(t, n)
	start(t, n)
	holds(t, n, want...)
	if got := t.OK(n, "SHOW INDEX INFO"); len(got.Rows) != 1 {
		t.Errorf("SHOW INDEX INFO after SIGKILL", "one row", got.String())
	}
	t.OK(n, put(60))
	restart(t, n)
	holds(t, n, append(want, 60)...)
}

func powerLoss(t *judge.T) {
	nodes := t.Cluster("a", "b")
	lazy, strict := nodes[0], nodes[1]
	strict.Flags = append(strict.Flags, "--storage-wal-file-flush-every-n-tx=1")
	launchAll(t, nodes)
	for _, n := range nodes {
		for i := range 10 {
			t.Must(n, put(i))
		}
		t.Check(t.Faults.PowerLoss(t.Context(), n))
		t.Check(n.Gone(5 * time.Second))
		start(t, n)
	}
	holds(t, strict, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	if got := contents(t, lazy); len(got) >= 10 {
		t.Errorf("data after a power loss with 100000 transactions between flushes", "fewer than 10 writes", fmt.Sprint(got))
	}
}
