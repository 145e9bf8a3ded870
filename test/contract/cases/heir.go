//go:build linux

package cases

import (
	"strconv"
	"time"

	"memgraph-controller/test/contract/judge"
)

var heirCases = []judge.Case{
	{ID: "note 18", Title: "the empty heir: a wiped replica back at once is still shown ready, until the next write aborts", Notes: []int{15}, Long: 8 * time.Second, Run: emptyHeir},
	{ID: "note 18b", Title: "a wiped replica that was away for 6 s is invalid without any write", Long: 8 * time.Second, Run: emptyHeirLate},
	{ID: "note 18c", Title: "a wiped ASYNC replica back as MAIN turns invalid and never blocks writes", Run: emptyAsync},
}

func r64(n int64) string { return strconv.FormatInt(n, 10) }

func emptyHeir(t *judge.T) {
	a, b, _ := bornTrio(t, strictSync(t))
	before := uuid(t, b)
	if took := forget(t, b); took > 1500*time.Millisecond {
		t.Skip("the server needs " + took.String() + " to start, MAIN notices such an absence")
	}
	t.Role(b, "replica")
	if after := uuid(t, b); after == before {
		t.Errorf("database_uuid of the wiped b", "a new one", after)
	}
	t.Holds("SHOW REPLICAS on a after b was wiped", 2500*time.Millisecond, func() bool {
		return judge.Match(t.ShowReplicas(a), "b strict_sync ready behind=0 ts=4", "c async ready behind=0 ts=4")
	})
	holds(t, b)
	t.Refused(a, put(3), failedStrict(t.Version, "b", lostConnection))
	holds(t, b)
	t.Holds("b stays invalid", 2500*time.Millisecond, func() bool {
		return judge.Match(t.ShowReplicas(a), "b strict_sync invalid behind=0 ts=4", "c async *")
	})
	t.Refused(a, put(4), failedStrict(t.Version, "b", notInSync))
	drop(t, a, b)
	t.OK(a, registration(b, "STRICT_SYNC"))
	t.ReplicasWithin(a, 10*time.Second, "c async *", "b strict_sync ready behind=0 ts=4")
	t.OK(a, put(5))
	holds(t, b, 1, 2, 5)
	if ua, ub := uuid(t, a), uuid(t, b); ua != ub {
		t.Errorf("database_uuid of b once it is registered again", ua, ub)
	}
}

func emptyHeirLate(t *judge.T) {
	a, b, _ := bornTrio(t, strictSync(t))
	kill(t, b)
	t.Check(b.Wipe())
	t.Pause(6 * time.Second)
	start(t, b)
	t.Holds("b is invalid on a", 2*time.Second, func() bool {
		return judge.Match(t.ShowReplicas(a), "b strict_sync invalid behind=0 ts=4", "c async ready behind=0 ts=4")
	})
	t.Refused(a, put(3), failedStrict(t.Version, "b", notInSync))
	holds(t, b)
}

func emptyAsync(t *judge.T) {
	a, b, c := trio(t, "SYNC")
	forget(t, c)
	t.Role(c, "main")
	t.OK(a, put(3))
	t.OK(a, put(4))
	t.ReplicasWithin(a, 5*time.Second, "b sync ready behind=0 ts=8", "c async invalid behind=-4 ts=4")
	t.OK(a, put(5))
	t.ReplicasWithin(a, 5*time.Second, "b sync ready behind=0 ts=10", "c async invalid behind=-6 ts=4")
	holds(t, b, 1, 2, 3, 4, 5)
	holds(t, c)
}
