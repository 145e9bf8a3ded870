//go:build linux

package cases

import (
	"time"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

var divergenceCases = []judge.Case{
	{ID: "note 2", Title: "false divergence: a replica that restarted within the reign and is promoted later refuses its equal peers", Notes: []int{15}, Run: falseDivergence},
	{ID: "note 2b", Title: "false divergence: a graceful stop of the replica does not help", Run: falseDivergenceGraceful},
	{ID: "note 2c", Title: "without a restart the same failover registers the peer", Run: noDivergence},
	{ID: "note 2d", Title: "cure before: an epoch refresh of MAIN, then the failover registers everyone", Run: cureBefore},
	{ID: "note 2e", Title: "cure after: restart the promoted node, promote it again, register: accepted", Run: cureAfter},
}

// seatMode is STRICT_SYNC where it exists.
func seatMode(t *judge.T) string {
	if t.Version.Below(3, 5) {
		return "SYNC"
	}
	return "STRICT_SYNC"
}

// restartedReplica is a trio born as replicas in which b went through again
// and MAIN then wrote 3 and 4, received by all.
func restartedReplica(t *judge.T, again func(*server.Node)) (a, b, c *server.Node) {
	a, b, c = bornTrio(t, seatMode(t))
	again(b)
	t.ReplicasWithin(a, 10*time.Second, "b * ready behind=0", "c async ready behind=0")
	t.Must(a, put(3))
	t.Must(a, put(4))
	caughtUp(t, a)
	return a, b, c
}

// failover kills a and promotes b with a durable epoch.
func failover(t *judge.T, a, b *server.Node) {
	kill(t, a)
	promote(t, b)
	t.Must(b, marker)
}

func refusesPeer(t *judge.T, b, c *server.Node) {
	t.Refused(b, registration(c, "ASYNC"), cannotRegister(t.Version, "c", 3))
	t.Replicas(b, "c async {}")
	holds(t, b, 1, 2, 3, 4)
	holds(t, c, 1, 2, 3, 4) // equal, and still refused
}

func falseDivergence(t *judge.T) {
	a, b, c := restartedReplica(t, func(b *server.Node) { comeBack(t, b) })
	failover(t, a, b)
	refusesPeer(t, b, c)
	start(t, a)
	t.Refused(b, registration(a, "ASYNC"), cannotRegister(t.Version, "a", 3)) // every survivor at once
}

func falseDivergenceGraceful(t *judge.T) {
	a, b, c := restartedReplica(t, func(b *server.Node) {
		t.Check(b.Terminate())
		start(t, b)
		t.Pause(pinged)
	})
	failover(t, a, b)
	refusesPeer(t, b, c)
}

func noDivergence(t *judge.T) {
	a, b, c := restartedReplica(t, func(*server.Node) {})
	failover(t, a, b)
	t.OK(b, registration(c, "ASYNC"))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0")
	start(t, a)
	t.OK(b, registration(a, "ASYNC"))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0", "a async ready behind=0")
}

func cureBefore(t *judge.T) {
	a, b, c := restartedReplica(t, func(b *server.Node) { comeBack(t, b) })
	began := time.Now()
	demote(t, a)
	promote(t, a)
	t.Must(a, marker)
	register(t, a, b, seatMode(t))
	register(t, a, c, "ASYNC")
	t.Took("the epoch refresh", time.Since(began), 0, 4*time.Second)
	caughtUp(t, a)
	t.OK(a, put(5))
	caughtUp(t, a)

	failover(t, a, b)
	t.OK(b, registration(c, "ASYNC"))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0")
	start(t, a)
	t.Role(a, "replica")
	t.OK(b, registration(a, "ASYNC"))
	t.OK(b, put(6))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0", "a async ready behind=0")
	for _, n := range []*server.Node{a, b, c} {
		holds(t, n, 1, 2, 3, 4, 5, 6)
	}
}

func cureAfter(t *judge.T) {
	a, b, c := restartedReplica(t, func(b *server.Node) { comeBack(t, b) })
	failover(t, a, b)
	refusesPeer(t, b, c)
	restart(t, b)
	t.Role(b, "replica")
	t.Refused(b, "SHOW REPLICAS", showReplicasOnReplica(t.Version))
	promote(t, b)
	t.Replicas(b)
	t.Refused(b, "DROP REPLICA c", dropUnknown(t.Version, "c"))
	t.Must(b, marker)
	t.OK(b, registration(c, "ASYNC"))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0")
	start(t, a)
	t.OK(b, registration(a, "ASYNC"))
	t.OK(b, put(5))
	t.ReplicasWithin(b, 5*time.Second, "c async ready behind=0", "a async ready behind=0")
	for _, n := range []*server.Node{a, b, c} {
		holds(t, n, 1, 2, 3, 4, 5)
	}
}
