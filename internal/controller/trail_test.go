package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

func row(node cluster.Ordinal, ts, behind int64) cluster.Replica {
	return cluster.Replica{Node: node, Status: cluster.Replicating, TS: ts, Behind: behind}
}

// TestLagInTime: MAIN writes ten a second; one replica has all, another none since second 5.
func TestLagInTime(t *testing.T) {
	var seen trail
	began := time.Now()
	for second := range int64(20) {
		stuck := min(second*10, 50)
		s := cluster.Sighting{Answered: began.Add(time.Duration(second) * time.Second), Replicas: []cluster.Replica{
			row(1, second*10, 0), row(2, stuck, stuck-second*10),
			{Node: 0, Ghost: true, TS: 1},
			{Node: 3, Status: cluster.StatusUnknown, TS: 7},
		}}
		seen.fill(&s)
		want := time.Duration(max(0, second-6)) * time.Second // it was seen to have more in second 6
		if got := s.Replicas[1].Lag; got != want {
			t.Errorf("in second %d the replica lags %s; want %s", second, got, want)
		}
		if s.Replicas[0].Lag != 0 || s.Replicas[2].Lag != 0 || s.Replicas[3].Lag != 0 {
			t.Errorf("in second %d: %+v; want no lag of those that have all or of which nothing is known", second, s.Replicas)
		}
	}
}

// TestTrailIsBounded: it forgets the details of what is long ago, and never tells too much.
func TestTrailIsBounded(t *testing.T) {
	var seen trail
	began := time.Now()
	const seconds = 100_000
	for i := range int64(seconds) {
		seen.reached(i, began.Add(time.Duration(i)*time.Second))
	}
	if len(seen.marks) > trailLength {
		t.Fatalf("%d marks", len(seen.marks))
	}
	now := began.Add(seconds * time.Second)
	for _, ago := range []int64{1, 10, 100, 1000, 10_000, 90_000} {
		truth := time.Duration(ago) * time.Second
		if got := seen.lag(seconds-1-ago, now); got > truth || got < truth-truth/trailGrain-time.Second {
			t.Errorf("a replica that is %s behind is told to lag %s", truth, got)
		}
	}
}

func TestTrailOfOtherData(t *testing.T) {
	var seen trail
	began := time.Now()
	seen.reached(500, began)
	seen.reached(3, began.Add(time.Minute))
	if got := seen.lag(2, began.Add(time.Hour)); got != time.Hour-time.Minute {
		t.Errorf("lag %s; want it from when the new data were first seen", got)
	}
}

// TestLagIsPublished: the loop fills it in, and a new MAIN's begins anew.
func TestLagIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		lag := func(main, n cluster.Ordinal) time.Duration {
			r, ok := x.snapshot().Nodes[main].Replica(n)
			if !ok {
				t.Fatalf("node %d is not listed by node %d", n, main)
			}
			return r.Lag
		}
		slow := func(main, n cluster.Ordinal, ts, behind int64) {
			w.change(main, func(s *server) {
				for i := range s.rows {
					if s.rows[i].TS = ts - behind; s.rows[i].Node == n {
						s.rows[i].TS, s.rows[i].Behind = ts, behind
					}
				}
			})
		}
		slow(0, 2, 10, -4)
		pass(30 * time.Second)
		if got := lag(0, 2); got < 29*time.Second || got > 31*time.Second {
			t.Errorf("lag of a replica that got nothing for 30s: %s", got)
		}
		if got := lag(0, 1); got != 0 {
			t.Errorf("lag of a replica that has all: %s", got)
		}
		w.crash(0)
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		slow(1, 2, 10, -1)
		pass(5 * time.Second)
		if got := lag(1, 2); got > 6*time.Second {
			t.Errorf("lag behind a MAIN that has had more for 5s: %s", got)
		}
	})
}
