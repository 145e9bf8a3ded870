package controller

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestPauseAndResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.Request(cluster.Request{ID: "p", Ask: cluster.AskPause})
		pass(10 * pace)
		if !w.record(t).Paused {
			t.Fatal("not paused 10 ms after the request")
		}
		crash := time.Now()
		w.crash(0)
		pass(time.Minute)
		w.never(t, crash, "a: ")
		resumed := time.Now()
		x.Request(cluster.Request{ID: "r", Ask: cluster.AskResume})
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		if took := w.when(t, resumed, "a: promote node 1"); took > 10*pace {
			t.Fatalf("failover %s after the request to resume; want it at once", took)
		}
		if n := count(x.logged(), "request answered"); n != 2 {
			t.Fatalf("two requests were answered %d times in the log", n)
		}
	})
}

func TestRefusedRequestIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		x.Request(cluster.Request{ID: "m", Ask: cluster.AskPromote, Node: 2})
		pass(time.Minute)
		w.never(t, from, "a: ")
		if lines := x.logged(); count(lines, "accept-data-loss") != 1 || len(lines) != 1 {
			t.Fatalf("a refused request logged %q; want one line that says what is missing", lines)
		}
	})
}

func TestAcceptedLossPromotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.crash(1)
		pass(5 * time.Second) // nodes 0 and 2 are left; the seat moves to 2
		from := time.Now()
		w.change(2, func(s *server) { s.boot = "another"; s.begin() })
		w.crash(0)
		pass(time.Minute)
		w.never(t, from, "a: promote")
		x.Request(cluster.Request{ID: "m", Ask: cluster.AskPromote, Node: 2, AcceptDataLoss: true})
		pass(10 * time.Second)
		w.standing(t, 2, 2)
	})
}

func TestTooManyRequestsAreTurnedAway(t *testing.T) {
	w := newWorld(1)
	l := New(Options{Topology: w.topology}) // nobody reads them: it does not run
	taken := 0
	for i := range 1000 {
		if l.Request(cluster.Request{ID: strconv.Itoa(i), Ask: cluster.AskPause}) {
			taken++
		}
	}
	if taken == 0 || taken == 1000 {
		t.Fatalf("%d of 1000 requests were taken by a loop that does not run; want a few", taken)
	}
}

// TestRequestOutlivesAConflict: what a human asked for is not forgotten because
// the record that answers it could not be written.
func TestRequestOutlivesAConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.records.beforeWrite(func() {
			data := w.objects.Data()
			data["note"] = "a human was here"
			w.objects.Put(data)
		})
		x.Request(cluster.Request{ID: "p", Ask: cluster.AskPause})
		pass(5 * time.Second)
		if !w.record(t).Paused {
			t.Fatalf("not paused: the request was lost in a conflict\n%s", w.story(time.Time{}))
		}
		if n := count(x.logged(), "request answered"); n != 1 {
			t.Fatalf("the request was answered %d times in the log; want once, when it is recorded", n)
		}
	})
}
