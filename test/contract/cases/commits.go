//go:build linux

package cases

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var commitCases = []judge.Case{
	{ID: "14", Title: "ASYNC: writes succeed at once with a hung or dead replica, which catches up later", Run: asyncNeverWaits},
	{ID: "15", Title: "SYNC replica down: the write stays on MAIN and on living replicas, and the client gets the exact error", Notes: []int{11, 12, 14, 17}, Run: syncDown},
	{ID: "15b", Title: "a managed transaction fails at COMMIT with a code that drivers do not retry", Notes: []int{12}, Applies: recorded, Run: managedTransaction},
	{ID: "15c", Title: "the words of a failed SYNC write, by release", Brief: true, Run: syncTexts},
	{ID: "16", Title: "SYNC: an acknowledged write is visible on the replica before the acknowledgement", Run: syncVisible},
	{ID: "29", Title: "WAL disabled on MAIN: nothing is ever replicated, and no error is ever told", Run: walDisabled},
	{ID: "note 7", Title: "an ASYNC replica under load is replicating, recovering or shortly invalid, never ahead, and ready afterwards", Run: asyncUnderLoad},
	{ID: "note 3", Title: "CREATE (n) DELETE n commits, leaves no node and moves the replica's timestamp", Run: traceFree},
}

func asyncNeverWaits(t *judge.T) {
	a, b := pair(t, "ASYNC")
	t.Check(b.Pause())
	for i := 3; i <= 7; i++ {
		w := t.OK(a, put(i))
		t.Took(put(i), w.Took, 0, 3*time.Second)
	}
	t.Replicas(a, "b async replicating|invalid|recovery behind<0")
	t.Check(b.Resume())
	t.ReplicasWithin(a, 45*time.Second, "b async ready behind=0")
	holds(t, b, 1, 2, 3, 4, 5, 6, 7)
	kill(t, b)
	t.OK(a, put(8))
	t.OK(a, put(9))
	start(t, b)
	t.ReplicasWithin(a, 15*time.Second, "b async ready behind=0")
	holds(t, b, 1, 2, 3, 4, 5, 6, 7, 8, 9)
}

func syncDown(t *judge.T) {
	n := up(t, "a", "b", "c")
	a, b, c := n[0], n[1], n[2]
	demote(t, b, c)
	register(t, a, b, "SYNC")
	register(t, a, c, "SYNC")
	t.Must(a, put(1))
	t.Must(a, put(2))
	kill(t, b)
	t.Refused(a, put(3), failedSync(t.Version, "b", lostConnection))
	t.Replicas(a, "b sync invalid behind=-2 ts=4", "c sync ready behind=0 ts=6")
	t.Refused(a, put(4), failedSync(t.Version, "b", notInSync))
	t.Replicas(a, "b sync invalid behind=-4 ts=4", "c sync ready behind=0 ts=8")
	holds(t, a, 1, 2, 3, 4)
	holds(t, c, 1, 2, 3, 4)

	tx, err := client.Begin(t.Context(), a.Addr())
	t.Check(err)
	defer tx.Close(t.Context())
	if w := tx.Run(t.Context(), put(5)); !w.OK() {
		t.Errorf("a> BEGIN; "+put(5), "OK", w.Outcome())
	}
	t.WantRefusal("COMMIT", tx.Commit(t.Context()), failedSyncCommit(t.Version, "b", notInSync))
	holds(t, a, 1, 2, 3, 4, 5)

	t.Refused(a, "CREATE INDEX ON :S(i)", failedSync(t.Version, "b", notInSync))
	t.Refused(a, "CREATE CONSTRAINT ON (n:S) ASSERT n.i IS UNIQUE", failedSync(t.Version, "b", notInSync))
	start(t, b)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0", "c sync ready behind=0")
	t.OK(a, put(6))
	for _, n := range []*server.Node{a, b, c} {
		holds(t, n, 1, 2, 3, 4, 5, 6)
		if got := t.OK(n, "SHOW INDEX INFO"); len(got.Rows) != 1 || rowOf(got.Rows[0]) != `"label+property" | "S" | ["i"] | 6` {
			t.Errorf(n.Name+"> SHOW INDEX INFO", `"label+property" | "S" | ["i"] | 6`, got.String())
		}
		if got := t.OK(n, "SHOW CONSTRAINT INFO"); len(got.Rows) != 1 || rowOf(got.Rows[0]) != `"unique" | "S" | ["i"] | ""` {
			t.Errorf(n.Name+"> SHOW CONSTRAINT INFO", `"unique" | "S" | ["i"] | ""`, got.String())
		}
	}
}

func managedTransaction(t *judge.T) {
	a, b := pair(t, "SYNC")
	kill(t, b)
	attempts, got := client.Managed(t.Context(), a.Addr(), put(3))
	t.Note("a> ExecuteWrite %s → %d attempts, %s", put(3), attempts, got)
	t.WantRefusal("a> ExecuteWrite", got, judge.Refusal{Code: judge.ClientError})
	if attempts != 1 {
		t.Errorf("attempts of ExecuteWrite", "1", fmt.Sprint(attempts))
	}
	holds(t, a, 1, 2, 3)
}

// syncTexts is judged on every release: after 3.12 a failed SYNC write is a
// success with a warning.
func syncTexts(t *judge.T) {
	a, b := pair(t, "SYNC")
	kill(t, b)
	if t.Version.Below(3, 13) {
		t.Refused(a, put(3), failedSync(t.Version, "b", lostConnection))
		t.Refused(a, put(4), failedSync(t.Version, "b", notInSync))
		holds(t, a, 1, 2, 3, 4)
		return
	}
	w := t.OK(a, put(3))
	warned := slices.ContainsFunc(w.Notifications, func(n client.Notification) bool {
		return n.Code == "SyncReplicationFailure" && n.Severity == "WARNING"
	})
	if !warned {
		t.Errorf("notifications of "+put(3), "one WARNING with code SyncReplicationFailure", fmt.Sprintf("%+v", w.Notifications))
	}
	holds(t, a, 1, 2, 3)
}

func syncVisible(t *judge.T) {
	a, b := pair(t, "SYNC")
	for i := 3; i <= 40; i++ {
		t.Must(a, put(i))
		got := t.Must(b, "MATCH (n:S) RETURN count(n)")
		if v, _ := got.Single(); v != int64(i) {
			t.Fatalf("write %d was acknowledged, but b counts %v", i, v)
		}
	}
}

func walDisabled(t *judge.T) {
	n := t.Cluster("a", "b")
	a, b := n[0], n[1]
	a.Flags = append(a.Flags, "--storage-wal-enabled=false", "--storage-snapshot-interval-sec=0")
	launchAll(t, n)
	demote(t, b)
	t.Must(a, put(1))
	t.OK(a, registration(b, "SYNC"))
	t.Replicas(a, "b sync invalid behind=-2 ts=0")
	t.OK(a, put(2))
	t.OK(a, put(3))
	t.Replicas(a, "b sync invalid behind=-6 ts=0")
	t.Pause(1500 * time.Millisecond)
	t.OK(a, put(4))
	holds(t, a, 1, 2, 3, 4)
	holds(t, b)
}

func asyncUnderLoad(t *judge.T) {
	a, b := pair(t, "ASYNC")
	var written atomic.Int64
	stop := make(chan struct{})
	for w := range 4 {
		t.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if t.Quiet(a, put(1000*(w+1)+i)).OK() {
					written.Add(1)
				}
			}
		})
	}
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); t.Pause(30 * time.Millisecond) {
		rows := t.ShowReplicas(a)
		if !judge.Match(rows, "b async ready|replicating|recovery|invalid behind=0") && !judge.Match(rows, "b async ready|replicating|recovery|invalid behind<0") {
			t.Errorf("SHOW REPLICAS under load", "a known status, behind ≤ 0", judge.Rows(rows))
			break
		}
	}
	close(stop)
	t.Settle()
	t.ReplicasWithin(a, 20*time.Second, "b async ready behind=0")
	want := written.Load() + 2
	t.Note("%d writes acknowledged", want-2)
	t.Value(b, "MATCH (n:S) RETURN count(n)", fmt.Sprint(want))
	if want < 20 {
		t.Errorf("writes in 3s by 4 clients", "at least 20", fmt.Sprint(want-2))
	}
}

func traceFree(t *judge.T) {
	a, b := pair(t, "SYNC")
	m := t.OK(a, marker)
	t.Took(marker, m.Took, 0, 2*time.Second)
	t.ReplicasWithin(a, 2*time.Second, "b sync ready behind=0 ts=6")
	t.Value(a, "MATCH (n) RETURN count(n)", "2")
	t.Value(b, "MATCH (n) RETURN count(n)", "2")
}
