//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var stallCases = []judge.Case{
	{ID: "19", Title: "a hung STRICT_SYNC replica stalls data queries 30 s; SHOW … answers, SET, REGISTER and DROP are refused", Notes: []int{8, 16, 17}, Long: 40 * time.Second, Run: hungStrict},
	{ID: "19b", Title: "a hung SYNC replica stalls a write 30 s; afterwards writes return at once, and it recovers when it wakes", Notes: []int{8}, Long: 40 * time.Second, Run: hungSync},
	{ID: "19c", Title: "a client that gives up does not end the stall: the write is committed all the same", Long: 10 * time.Second, Run: clientGivesUp},
}

// quick bounds the answer of a statement that must not be stalled.
const quick = 2 * time.Second

// promptly demands that queries which open no storage transaction answer.
func promptly(t *judge.T, a *server.Node, replicas ...string) {
	for _, q := range []string{"SHOW REPLICATION ROLE", "SHOW REPLICAS", "SHOW VERSION", "SHOW STORAGE INFO"} {
		r := t.OK(a, q)
		t.Took(q+" during the stall", r.Took, 0, quick)
	}
	t.Role(a, "main")
	t.Replicas(a, replicas...)
}

// refusesMoves demands that nothing about roles can be changed now.
func refusesMoves(t *judge.T, a, b *server.Node) {
	v := t.Version
	for q, want := range map[string]judge.Refusal{
		"DROP REPLICA " + b.Name:                  dropBusy(v),
		setReplica(a):                             judge.OnPull(cannotRepl),
		`REGISTER REPLICA x ASYNC TO "nowhere:1"`: cannotRegister(v, "x", 6),
	} {
		r := t.Refused(a, q, want)
		t.Took(q+" during the stall", r.Took, 0, quick)
	}
	t.Role(a, "main")
}

func hungStrict(t *judge.T) {
	a, b, _ := trio(t, "STRICT_SYNC")
	t.Check(b.Pause())
	began := time.Now()
	write := t.Later(a, put(3))
	t.Pause(time.Second)
	read := t.Later(a, "MATCH (n:S) RETURN count(n)")
	second := t.Later(a, put(30))
	t.Pause(500 * time.Millisecond)
	promptly(t, a, "b strict_sync replicating behind=0 ts=4", "c async replicating behind=0 ts=4")
	refusesMoves(t, a, b)
	t.Pending("the read during the stall", read)
	t.Pending("the second write during the stall", second)

	w := t.Await("the stalled write", write, 50*time.Second)
	t.Took("the stalled write", time.Since(began), 27*time.Second, 40*time.Second)
	t.WantRefusal("the stalled write", w, failedStrict(t.Version, "b", timedOut))
	r := t.Await("the stalled read", read, 10*time.Second)
	if v, _ := r.Single(); v != int64(2) {
		t.Errorf("the stalled read", "2", r.String())
	}
	s := t.Await("the second write", second, 45*time.Second)
	t.WantRefusal("the second write", s, anyStrictFailure(t.Version))
	t.Replicas(a, "b strict_sync invalid behind=0 ts=4", "c async *")
	holds(t, a, 1, 2)

	if t.Version.AtLeast(3, 10) {
		d := t.OK(a, "DROP REPLICA b")
		t.Took("DROP after the stall", d.Took, 0, 8*time.Second)
		t.OK(a, put(4))
		return
	}
	t.Check(b.Resume())
	t.ReplicasWithin(a, 30*time.Second, "b strict_sync ready behind=0 ts=4", "c async *")
	t.OK(a, put(4))
	holds(t, b, 1, 2, 4)
}

func hungSync(t *judge.T) {
	a, b := pair(t, "SYNC")
	t.Check(b.Pause())
	w := t.Do(a, put(3))
	t.Took("the stalled write", w.Took, 27*time.Second, 40*time.Second)
	t.WantRefusal("the stalled write", w, failedSync(t.Version, "b", timedOut))
	t.Replicas(a, "b sync invalid behind=-2 ts=4")
	holds(t, a, 1, 2, 3)
	again := t.Refused(a, put(4), failedSync(t.Version, "b", notInSync))
	t.Took("a write once the replica is known to be invalid", again.Took, 0, quick)
	t.Check(b.Resume())
	t.ReplicasWithin(a, 30*time.Second, "b sync ready behind=0")
	t.OK(a, put(5))
	holds(t, b, 1, 2, 3, 4, 5)
}

func clientGivesUp(t *judge.T) {
	a, b := pair(t, "SYNC")
	t.Check(b.Pause())
	w := t.DoWithin(a, put(3), 2*time.Second)
	if w.At != client.AtLost {
		t.Errorf("the write of the client that gives up", "no answer", w.Outcome())
	}
	read := t.Later(a, "MATCH (n:S) RETURN collect(n.i)")
	t.Pause(time.Second)
	t.Pending("a read after the client has gone", read)
	t.Check(b.Resume())
	r := t.Await("the read", read, 40*time.Second)
	if got := fmt.Sprint(numbers(t, r)); got != "[1 2 3]" {
		t.Errorf("the read after the stall", "[1 2 3]", got)
	}
	t.ReplicasWithin(a, 20*time.Second, "b sync ready behind=0 ts=6")
	holds(t, b, 1, 2, 3)
}
