package controller

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

func TestSteadyClusterIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3, func(o *Options) { o.Peers = new(peers).see(cluster.Answered) })
		from, before := time.Now(), w.objects.Data()
		loads := x.records.loads.Load()
		pass(time.Hour)
		if lines := x.logged(); len(lines) > 0 {
			t.Fatalf("a steady hour logged\n%s\nwant nothing", strings.Join(lines, "\n"))
		}
		if got := w.told(from); len(got) > 0 {
			t.Fatalf("a steady hour did %q; want nothing", got)
		}
		if after := w.objects.Data(); after["lastUpdated"] != before["lastUpdated"] {
			t.Fatal("a steady hour wrote the record; want it left alone")
		}
		if n := x.records.loads.Load() - loads; n > 0 {
			t.Fatalf("a steady hour read the record %d times; want 0: it is watched", n)
		}
	})
}

func TestFailingStepIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		fail := func(f cluster.Failure) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.failing["demote node 2"] = f
		}
		fail(cluster.Unclear)
		w.change(2, func(s *server) { s.role = cluster.RoleMain })
		from := time.Now()
		pass(3 * time.Minute)
		tries := 0
		for _, e := range w.told(from) {
			if e == "a: demote node 2" {
				tries++
			}
		}
		if tries < 10 || tries > 100 {
			t.Fatalf("a failing step was tried %d times in 3 minutes; want it tried on, ever more rarely", tries)
		}
		if n := count(x.logged(), "step failed"); n != 1 {
			t.Fatalf("%d failures of one step were logged %d times; want once", tries, n)
		}
		fail(cluster.TimedOut)
		pass(3 * time.Minute)
		if n := count(x.logged(), "step failed"); n != 1 {
			t.Fatalf("a failure of another kind was logged %d times; want once", n)
		}
		fail(0)
		pass(3 * time.Minute)
		w.standing(t, 1, 0)
		if n := count(x.logged(), "step failed"); n != 0 {
			t.Fatalf("a step that succeeds was logged as failed %d times", n)
		}
		fail(cluster.TimedOut)
		w.change(2, func(s *server) { s.role = cluster.RoleMain })
		pass(3 * time.Minute)
		if n := count(x.logged(), "step failed"); n != 1 {
			t.Fatalf("a step that fails again was logged %d times; want once", n)
		}
	})
}

func TestAlarmIsToldWhenItBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 2)
		w.crash(1)
		pass(10 * time.Minute)
		if lines := x.logged(); count(lines, "msg=alarm reason=\"Unprotected") != 1 || count(lines, "alarm over") != count(lines, "msg=alarm ")-1 {
			t.Fatalf("10 minutes without a standby logged\n%s\nwant the alarm once", strings.Join(lines, "\n"))
		}
		x.records.away.Store(true) // trouble of another kind does not end it
		x.RecordChanged()
		pass(time.Minute)
		x.records.away.Store(false)
		pass(time.Minute)
		if lines := x.logged(); count(lines, "alarm") > 0 {
			t.Fatalf("a minute without the API logged\n%s\nwant nothing about an alarm that goes on", strings.Join(lines, "\n"))
		}
		w.start(1)
		pass(time.Minute)
		if lines := x.logged(); count(lines, "alarm over") != 1 {
			t.Fatalf("the standby's return logged\n%s\nwant the end of the alarm", strings.Join(lines, "\n"))
		}
	})
}
