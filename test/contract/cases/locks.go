//go:build linux

package cases

import (
	"fmt"
	"sync/atomic"
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var lockCases = []judge.Case{
	{ID: "4b", Title: "a second replication statement is refused on RUN while one runs; a black-holed REGISTER blocks 5 s, SHOW REPLICATION ROLE with it", Notes: []int{13, 15}, Long: 8 * time.Second, Run: concurrentStatements},
	{ID: "7", Title: "SET, REGISTER and DROP fail while a commit is in flight, and work right after it", Run: lockedByCommit},
	{ID: "note 6", Title: "under writers the role lock is busy: DROP and REGISTER fail now and then, each with its own text", Long: 8 * time.Second, Run: lockedByWriters},
}

func concurrentStatements(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	t.Must(a, put(1))
	demote(t, b)
	hole, err := server.OpenHole(t.Context(), t.Port())
	t.Check(err)
	defer hole.Close()
	first := t.Later(a, fmt.Sprintf(`REGISTER REPLICA hole STRICT_SYNC TO "%s"`, hole.Addr()))
	t.Pause(time.Second)
	role := t.Later(a, "SHOW REPLICATION ROLE")
	for _, q := range []string{registration(b, "SYNC"), "DROP REPLICA b", setReplica(a)} {
		r := t.Refused(a, q, judge.OnRun(concurrent))
		t.Took(q, r.Took, 0, quick)
	}
	t.Pending("SHOW REPLICATION ROLE during the REGISTER", role)

	f := t.Await("the black-holed REGISTER", first, 10*time.Second)
	t.Took("the black-holed REGISTER", f.Took, 4*time.Second, 8*time.Second)
	t.WantRefusal("the black-holed REGISTER", f, cannotRegister(t.Version, "hole", 5))
	r := t.Await("SHOW REPLICATION ROLE", role, 5*time.Second)
	t.Took("SHOW REPLICATION ROLE", r.Took, 2*time.Second, 8*time.Second)
	t.Replicas(a, "hole strict_sync {}")
	t.OK(a, put(2))
	t.OK(a, "DROP REPLICA hole")
	t.OK(a, registration(b, "SYNC"))
}

func lockedByCommit(t *judge.T) {
	a, b := pair(t, "SYNC")
	t.Check(b.Pause())
	write := t.Later(a, put(3))
	t.Pause(500 * time.Millisecond)
	t.Pending("the write to a hung replica", write)
	refusesMoves(t, a, b)
	t.Check(b.Resume())
	w := t.Await("the write", write, 40*time.Second)
	if !w.OK() {
		t.Errorf("the write once b goes on", "OK", w.Outcome())
	}
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0 ts=6")
	t.OK(a, "DROP REPLICA b")
	t.OK(a, setReplica(a))
}

func lockedByWriters(t *judge.T) {
	a, b := pair(t, "SYNC")
	var writes atomic.Int64
	stop := make(chan struct{})
	for w := range 4 {
		t.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				t.Quiet(a, put(1000*(w+1)+i))
				writes.Add(1)
			}
		})
	}
	refused, registered := 0, true
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && (refused < 2 || !registered); {
		q, want := "DROP REPLICA b", dropBusy(t.Version)
		if !registered {
			q, want = registration(b, "SYNC"), cannotRegister(t.Version, "b", 6)
		}
		r := t.Do(a, q)
		if r.OK() {
			registered = !registered
			continue
		}
		t.WantRefusal(q+" under 4 writers", r, want)
		refused++
	}
	close(stop)
	t.Settle()
	if refused == 0 {
		t.Errorf("DROP and REGISTER under 4 writers for 20s", "some refused", fmt.Sprintf("none, %d writes", writes.Load()))
	}
	if !registered {
		register(t, a, b, "SYNC") // on a quiet MAIN nothing fails
	}
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
}
