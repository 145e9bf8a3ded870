//go:build linux

package cases

import (
	"fmt"
	"time"

	"memgraph-controller/test/contract/judge"
)

var lineageCases = []judge.Case{
	{ID: "10", Title: "an epoch without a commit is forgotten by a restart: the old MAIN, though ahead, is taken for the same reign", Run: epochForgotten},
	{ID: "10b", Title: "one trace-free write makes the new epoch durable: after a restart the old MAIN is refused", Notes: []int{3}, Run: epochDurable},
	{ID: "11", Title: "lineage: an old MAIN with nothing beyond the branching point joins and catches up", Notes: []int{15}, Run: oldMainJoins},
	{ID: "11b", Title: "lineage: a replica whose epoch MAIN never knew is diverged, though MAIN has more", Run: unknownEpoch},
	{ID: "11c", Title: "lineage: an empty replica always joins, after any number of reigns", Run: emptyJoins},
	{ID: "11d", Title: "lineage: a lagging replica that was promoted makes every node ahead of it diverged", Run: laggingPromoted},
	{ID: "11e", Title: "diverged is told in SHOW REPLICAS only after a restart of MAIN, and blocks SYNC writes", Run: divergedShown},
	{ID: "12", Title: "same epoch, replica ahead: ready, later writes acknowledged and not applied", Notes: []int{13}, Run: replicaAhead},
}

func epochForgotten(t *judge.T) {
	a, b := pair(t, "SYNC")
	promote(t, b)
	t.Refused(a, put(3), anySyncFailure(t.Version)) // a is ahead in the old epoch
	restart(t, b)
	t.Role(b, "main")
	demote(t, a)
	t.OK(b, registration(a, "ASYNC"))
	t.Replicas(b, "a async ready behind>0")
}

func epochDurable(t *judge.T) {
	a, b := pair(t, "SYNC")
	promote(t, b)
	t.Must(b, marker)
	t.Refused(a, put(3), anySyncFailure(t.Version))
	restart(t, b)
	t.Role(b, "main")
	demote(t, a)
	t.Refused(b, registration(a, "ASYNC"), cannotRegister(t.Version, "a", 3))
	t.Replicas(b, "a async {}")
}

func oldMainJoins(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	kill(t, a)
	promote(t, b)
	t.Must(b, put(20))
	t.OK(b, registration(c, "SYNC"))
	start(t, a)
	t.Role(a, "main")
	demote(t, a)
	t.OK(b, registration(a, "SYNC"))
	t.ReplicasWithin(b, 10*time.Second, "c sync ready behind=0", "a sync ready behind=0")
	t.OK(b, put(21))
	holds(t, a, 1, 2, 20, 21)
	holds(t, c, 1, 2, 20, 21)
}

func unknownEpoch(t *judge.T) {
	a, _, c := trio(t, "ASYNC")
	promote(t, c)
	t.Must(c, put(30)) // c's epoch gets a commit a has never heard of
	demote(t, c)
	drop(t, a, c)
	for i := 3; i <= 10; i++ {
		t.Must(a, put(i))
	}
	t.Refused(a, registration(c, "ASYNC"), cannotRegister(t.Version, "c", 3))
	t.ReplicasWithin(a, 5*time.Second, "b async ready", "c async {}")
	holds(t, c, 1, 2, 30)
}

func emptyJoins(t *judge.T) {
	a, b := splitBrain(t)
	t.Refused(b, registration(a, "SYNC"), cannotRegister(t.Version, "a", 3))
	drop(t, b, a)
	for i := range 2 { // two more reigns of b
		demote(t, b)
		promote(t, b)
		t.Must(b, put(40+i))
	}
	forget(t, a)
	demote(t, a)
	t.OK(b, registration(a, "SYNC"))
	t.ReplicasWithin(b, 10*time.Second, "a sync ready behind=0")
	t.OK(b, put(50))
	holds(t, a, 1, 2, 20, 40, 41, 50)
}

func laggingPromoted(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	kill(t, c)
	t.Must(a, put(3))
	t.Must(a, put(4))
	kill(t, a)
	start(t, c)
	t.Role(c, "replica")
	promote(t, c)
	t.Must(c, marker)
	t.Refused(c, registration(b, "SYNC"), cannotRegister(t.Version, "b", 3))
	start(t, a)
	demote(t, a)
	t.Refused(c, registration(a, "ASYNC"), cannotRegister(t.Version, "a", 3))
	t.Replicas(c, "b sync {}", "a async {}")
	t.OK(c, put(30))
	holds(t, c, 1, 2, 30)
	holds(t, a, 1, 2, 3, 4)
}

func divergedShown(t *judge.T) {
	a, b := splitBrain(t)
	t.Refused(b, registration(a, "SYNC"), cannotRegister(t.Version, "a", 3))
	t.Replicas(b, "a sync {}")
	restart(t, b)
	t.Role(b, "main")
	t.Replicas(b, "a sync diverged behind=0 ts=6") // b: 20 at 6; a: 3 at 6
	t.Refused(b, put(21), anySyncFailure(t.Version))
	t.Replicas(b, "a sync diverged behind<0 ts=6")
	holds(t, b, 1, 2, 20, 21)
	t.OK(b, "DROP REPLICA a")
	t.OK(b, put(22))
}

// replicaAhead follows transcript 16d of 3.6.2: a replica started without its
// replication state is a MAIN of the same epoch.
func replicaAhead(t *judge.T) {
	a, c := pair(t, "SYNC")
	kill(t, c)
	c.Flags = append(c.Flags, "--replication-restore-state-on-startup=false")
	start(t, c)
	t.Role(c, "main")
	t.Replicas(c)
	holds(t, c, 1, 2)
	for range 4 {
		t.Must(c, "CREATE (:Rogue)")
	}
	t.Refused(a, put(3), anySyncFailure(t.Version))
	demote(t, c)
	drop(t, a, c)
	t.OK(a, registration(c, "SYNC"))
	t.Replicas(a, fmt.Sprintf("%s sync ready behind>0", c.Name))
	t.OK(a, put(4)) // acknowledged, although c skips it
	holds(t, a, 1, 2, 3, 4)
	holds(t, c, 1, 2)
	for i := 5; ; i++ {
		t.Must(a, put(i))
		rows := t.ShowReplicas(a)
		if len(rows) == 1 && rows[0].Behind <= 0 {
			break
		}
		if i > 15 {
			t.Fatalf("c is still ahead after %d writes: %s", i, judge.Rows(rows))
		}
	}
	t.OK(a, put(100))
	onA, onC := contents(t, a), contents(t, c)
	if len(onC) >= len(onA) || onC[len(onC)-1] != 100 {
		t.Errorf("data of c once it is no longer ahead", fmt.Sprintf("write 100 and not all of %v", onA), fmt.Sprint(onC))
	}
	t.Value(c, "MATCH (n:Rogue) RETURN count(n)", "4")
}
