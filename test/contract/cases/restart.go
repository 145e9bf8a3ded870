//go:build linux

package cases

import (
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var restartCases = []judge.Case{
	{ID: "20", Title: "a dead replica stays ready until the third missed ping, then invalid; back again it recovers by itself", Notes: []int{11, 13}, Long: 8 * time.Second, Run: pings},
	{ID: "20b", Title: "a hung replica with no writes still shows ready after 8 s", Notes: []int{13}, Long: 8 * time.Second, Run: hungIdle},
	{ID: "21", Title: "a restarted replica keeps role and MAIN and heals alone", Run: replicaRestarts},
	{ID: "21b", Title: "a replica with a wiped volume is a fresh MAIN: invalid from the next write until SET, DROP and REGISTER", Run: replicaWiped},
	{ID: "21c", Title: "MAIN and replica both restarted, in either order, find each other again", Run: bothRestart},
	{ID: "note 13g", Title: "a MAIN restarted with a black-holed replica opens Bolt after about 10 s", Applies: before310, Long: 15 * time.Second, Run: blackHoledStart},
	{ID: "note 13j", Title: "a recovering replica serves reads, partial ones", Long: 5 * time.Second, Run: partialReads},
	{ID: "note 13k", Title: "restore-state false: a MAIN forgets its registrations, not its data", Run: forgetfulMain},
}

func pings(t *judge.T) {
	a, b := pair(t, "ASYNC")
	t.Pause(1200 * time.Millisecond)
	kill(t, b)
	t.Replicas(a, "b async ready behind=0 ts=4")
	took := t.ReplicasWithin(a, 6*time.Second, "b async invalid behind=0 ts=4")
	t.Took("ready after the death of the replica", took, 500*time.Millisecond, 4*time.Second)
	t.OK(a, put(3))
	t.Replicas(a, "b async invalid behind<0 ts=4")
	start(t, b)
	t.ReplicasWithin(a, 10*time.Second, "b async ready behind=0 ts=6")
	holds(t, b, 1, 2, 3)

	t.Check(b.Terminate()) // a graceful stop looks the same
	t.ReplicasWithin(a, 6*time.Second, "b async invalid behind=0 ts=6")
	start(t, b)
	t.ReplicasWithin(a, 10*time.Second, "b async ready behind=0 ts=6")
}

func hungIdle(t *judge.T) {
	a, b := pair(t, "SYNC")
	t.Check(b.Pause())
	t.Holds("SHOW REPLICAS on a while b hangs", 8*time.Second, func() bool {
		return judge.Match(t.ShowReplicas(a), "b sync ready behind=0 ts=4")
	})
	t.Check(b.Resume())
	t.ReplicasWithin(a, 15*time.Second, "b sync ready behind=0 ts=4")
}

func replicaRestarts(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	for _, n := range []*server.Node{b, c} {
		restart(t, n)
		t.Role(n, "replica")
	}
	t.Pause(pinged)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0 ts=4", "c async ready behind=0 ts=4")
	t.OK(a, put(3))
	holds(t, b, 1, 2, 3)
	holdsSoon(t, c, 1, 2, 3)

	kill(t, c)
	t.OK(a, put(4))
	t.OK(a, put(5))
	start(t, c)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0", "c async ready behind=0")
	holds(t, c, 1, 2, 3, 4, 5)
}

func replicaWiped(t *judge.T) {
	a, b := pair(t, "SYNC")
	forget(t, b)
	t.Role(b, "main")
	if b.Listening(t.Context()) {
		t.Errorf("replication port of the wiped b", "refused", "listening")
	}
	t.Replicas(a, "b sync ready|invalid behind=0 ts=4")
	t.Refused(a, put(3), anySyncFailure(t.Version))
	demote(t, b)
	t.ReplicasWithin(a, 2*time.Second, "b sync invalid behind=-2 ts=4")
	t.Holds("b stays invalid though it listens", 3*time.Second, func() bool {
		return judge.Match(t.ShowReplicas(a), "b sync invalid behind=-2 ts=4")
	})
	holds(t, b)
	t.Refused(a, put(4), failedSync(t.Version, "b", notInSync))
	t.Refused(a, registration(b, "SYNC"), cannotRegister(t.Version, "b", 1))
	drop(t, a, b)
	t.OK(a, registration(b, "SYNC"))
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0 ts=8")
	t.OK(a, put(5))
	holds(t, b, 1, 2, 3, 4, 5)
}

func bothRestart(t *judge.T) {
	a, b := pair(t, "SYNC")
	kill(t, a)
	restart(t, b)
	start(t, a)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0 ts=4")
	t.OK(a, put(3))
	t.Replicas(a, "b sync ready behind=0 ts=7") // a start takes a timestamp too

	kill(t, a, b)
	start(t, a)
	t.Replicas(a, "b sync invalid behind=-7 ts=0")
	t.Refused(a, put(4), failedSync(t.Version, "b", notInSync))
	start(t, b)
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	t.OK(a, put(5))
	holds(t, b, 1, 2, 3, 4, 5)
}

func blackHoledStart(t *judge.T) {
	a, b := pair(t, "SYNC")
	kill(t, b, a)
	hole, err := server.OpenHole(t.Context(), b.Repl)
	t.Check(err)
	defer hole.Close()
	took := start(t, a)
	t.Took("the start of a", took, 9*time.Second, 16*time.Second)
	t.Role(a, "main")
	t.Replicas(a, "b sync invalid behind=-4 ts=0")
	t.Refused(a, put(3), anySyncFailure(t.Version))
}

func partialReads(t *judge.T) {
	n := up(t, "a", "b")
	a, b := n[0], n[1]
	demote(t, b)
	for range 5 {
		fill(t, a, 20000)
	}
	register(t, a, b, "ASYNC")
	last := int64(0)
	t.Within(30*time.Second, func() bool {
		r := t.Quiet(b, "MATCH (n) RETURN count(n)")
		v, _ := r.Single()
		now, ok := v.(int64)
		switch {
		case !r.OK() || !ok:
			t.Errorf("b> MATCH (n) RETURN count(n) during recovery", "a number", r.Outcome())
			return true
		case now < last || now%20000 != 0:
			t.Errorf("count on b during recovery", "whole transactions, never fewer", r.String())
			return true
		}
		last = now
		return now == 100000
	})
	if last != 100000 {
		t.Errorf("count on b after recovery", "100000", r64(last))
	}
	t.ReplicasWithin(a, 10*time.Second, "b async ready behind=0")
	t.Role(b, "replica")
}

func forgetfulMain(t *judge.T) {
	a, b := pair(t, "SYNC")
	a.Flags = append(a.Flags, "--replication-restore-state-on-startup=false")
	restart(t, a)
	t.Role(a, "main")
	t.Replicas(a)
	t.OK(a, put(3))
	holds(t, a, 1, 2, 3)
	holds(t, b, 1, 2)
	t.OK(a, registration(b, "SYNC")) // same reign, same data: it catches up
	t.ReplicasWithin(a, 10*time.Second, "b sync ready behind=0")
	t.OK(a, put(4))
	holds(t, b, 1, 2, 3, 4)
}
