package controller

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// settles is how long work that was begun before a quiesce is given to end.
const settles = 30 * time.Millisecond

// busy has MAIN 0 be in the middle of a write, which its standby does not have yet.
func (w *world) busy(on bool) {
	w.change(0, func(s *server) { s.writing = on })
}

// handedOver demands that MAIN 0 was demoted once since from, for node 1, no sooner than new work
// was held for the time to settle, and that the whole of it was short.
func (w *world) handedOver(t *testing.T, from time.Time) {
	t.Helper()
	held, demoted := w.when(t, from, "a: epoch 1 quiescing main 0"), w.when(t, from, "a: demote node 0")
	if demoted < held+settles {
		t.Errorf("MAIN was demoted %s after new work was held; want %s at least\n%s", demoted-held, settles, w.story(from))
	}
	if took := w.when(t, from, "a: epoch 2 serving main 1") - held; took > settles+30*pace {
		t.Errorf("clients waited %s; want little more than the time to settle and the statements\n%s", took, w.story(from))
	}
	if n := w.times(from, "a: demote node 0"); n != 1 {
		t.Errorf("MAIN was demoted %d times; want once\n%s", n, w.story(from))
	}
}

// times returns how often what has happened since from.
func (w *world) times(from time.Time, what string) int {
	n := 0
	for _, e := range w.past(from) {
		if e.what == what {
			n++
		}
	}
	return n
}

func TestLeavingMainHoldsNewWorkFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		w.change(0, func(s *server) { s.leaving = true })
		x.Kick()
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		w.handedOver(t, from)
	})
}

// TestSettlingCountsFromTheEndOfTheWrite: gateways cannot have been told before the
// record is stored, and an API server may take its time.
func TestSettlingCountsFromTheEndOfTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		x.records.beforeWrite(func() { time.Sleep(50 * time.Millisecond) })
		w.change(0, func(s *server) { s.leaving = true })
		x.Kick()
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		w.handedOver(t, from)
	})
}

// TestWriteUnderWayIsWaitedFor: the standby does not have all of it yet. One that
// began after the last look, before gateways held it, is only in a fresh list.
func TestWriteUnderWayIsWaitedFor(t *testing.T) {
	for name, begins := range map[string]time.Duration{"before the quiesce": 0, "after the last look": 10 * pace} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x := serving(t, 3)
				from := time.Now()
				w.busy(begins == 0)
				w.change(0, func(s *server) { s.leaving = true })
				x.Kick()
				pass(begins)
				w.busy(true)
				pass(200 * time.Millisecond)
				w.when(t, from, "a: epoch 1 quiescing main 0")
				w.never(t, from, "a: demote")
				w.busy(false)
				ended := time.Now()
				pass(5 * time.Second)
				w.standing(t, 2, 1)
				if took := w.when(t, ended, "a: demote node 0"); took > 15*pace {
					t.Errorf("demoted %s after the write had ended; want it at once\n%s", took, w.story(from))
				}
			})
		})
	}
}

// TestMainServesOnWhileItsStandbyIsNotWhole: new work is let in again in time, and a
// MAIN that leaves tries again after a rest.
func TestMainServesOnWhileItsStandbyIsNotWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.busy(true)
		from := time.Now()
		w.change(0, func(s *server) { s.leaving = true })
		x.Kick()
		pass(10 * time.Second)
		w.never(t, from, "a: demote")
		held, let := w.when(t, from, "a: epoch 1 quiescing main 0"), w.when(t, from, "a: epoch 1 serving main 0")
		if bound := cluster.DefaultPolicy().QuiesceFor; let-held > bound+20*pace {
			t.Errorf("new work was held for %s; want %s at most\n%s", let-held, bound, w.story(from))
		}
		if n := w.times(from, "a: epoch 1 quiescing main 0"); n < 4 || n > 10 {
			t.Errorf("%d tries in ten seconds; want one every second and a half\n%s", n, w.story(from))
		}
		w.busy(false)
		pass(5 * time.Second)
		w.standing(t, 2, 1)
	})
}

func TestSwitchoverByRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := map[string]string{}
		w, x := serving(t, 3, func(o *Options) { o.Answer = func(id, why string) { answers[id] = why } })
		from := time.Now()
		x.Request(cluster.Request{ID: "switchover", Ask: cluster.AskSwitchover, Node: cluster.NoNode})
		x.Request(cluster.Request{ID: "switchover 2", Ask: cluster.AskSwitchover, Node: 2})
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		w.handedOver(t, from)
		if why := answers["switchover"]; why != "switchover accepted: mg-1 takes over" {
			t.Errorf("the first was answered %q", why)
		}
		if why := answers["switchover 2"]; !strings.HasPrefix(why, "switchover refused: mg-1 is taking over already") {
			t.Errorf("the second was answered %q; want it told of the first", why)
		}
		if said := x.snapshot().Answer; !strings.HasPrefix(said, "switchover 2: switchover refused") {
			t.Errorf("the snapshot has the answer %q; want the last one", said)
		}
		if rec := w.record(t); rec.Switchover.Wanted() || rec.Request.ID != "switchover" {
			t.Errorf("record: switchover %+v, request %+v; want it done, and remembered", rec.Switchover, rec.Request)
		}
	})
}

// TestSwitchoverSurvivesTheLeader: whoever leads next finishes it, once, wherever
// the first one has died.
func TestSwitchoverSurvivesTheLeader(t *testing.T) {
	for _, point := range []string{"serving", "drop", "register", "quiescing", "demoting", "demote", "promoting", "promote", "mark"} {
		t.Run(point, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var x *term
				w, x := serving(t, 3, func(o *Options) {
					o.Reached = func(p string) {
						if x != nil && p == point {
							x.stop(errStopped)
						}
					}
				})
				from := time.Now()
				x.Request(cluster.Request{ID: "s", Ask: cluster.AskSwitchover, Node: 2})
				pass(5 * time.Second)
				select {
				case <-x.ended:
				default:
					t.Fatalf("the point was never reached\n%s", w.story(from))
				}
				w.lead(t, "b")
				pass(20 * time.Second)
				w.standing(t, 2, 2)
				if n := w.times(from, "a: demote node 0") + w.times(from, "b: demote node 0"); n != 1 {
					t.Errorf("MAIN was demoted %d times; want once\n%s", n, w.story(from))
				}
			})
		})
	}
}

// TestGrantWhoseAnswerWasLost: the record was written, the API server's word of it
// was not heard. The request is not done a second time.
func TestGrantWhoseAnswerWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answers []string
		lost := false
		w, x := serving(t, 3, func(o *Options) {
			o.Answer = func(id, why string) { answers = append(answers, id+": "+why) }
			o.Records = &deafened{Records: o.Records, lost: &lost}
		})
		lost = true
		from := time.Now()
		x.Request(cluster.Request{ID: "s", Ask: cluster.AskSwitchover, Node: cluster.NoNode})
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		if want := []string{"s: switchover accepted: mg-1 takes over"}; !slices.Equal(answers, want) {
			t.Errorf("answered %q; want %q\n%s", answers, want, w.story(from))
		}
	})
}

// TestRefusalDoesNotDelayWhatIsUnderWay: the second request comes in the middle of a
// switchover.
func TestRefusalDoesNotDelayWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		from := time.Now()
		x.Request(cluster.Request{ID: "1", Ask: cluster.AskSwitchover, Node: 1})
		pass(10 * pace)
		for range 3 {
			x.Request(cluster.Request{ID: "2", Ask: cluster.AskSwitchover, Node: 2})
			pass(5 * pace)
		}
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		w.handedOver(t, from)
	})
}

// TestNodeThatFailsAgainIsPassedOver: it is back and follows, and does not get the
// seat back from the one that has not failed.
func TestNodeThatFailsAgainIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.crash(0)
		pass(time.Second)
		w.start(0)
		pass(5 * time.Second)
		x.Request(cluster.Request{ID: "s", Ask: cluster.AskSwitchover, Node: 0})
		pass(10 * time.Second)
		w.standing(t, 3, 0)
		w.crash(0)
		pass(time.Second)
		w.start(0)
		pass(5 * time.Second)
		seen := x.snapshot()
		if !slices.ContainsFunc(seen.Decision.Conditions, func(c cluster.Condition) bool {
			return c.Name == "Flapping" && c.Node == 0 && c.Severity == cluster.Warning
		}) {
			t.Errorf("conditions %+v; want one that says that node 0 flaps", seen.Decision.Conditions)
		}
		if rec := w.record(t); rec.Seat == 0 {
			t.Errorf("node 0 has failed as MAIN twice and holds the seat, with another at hand\n%s", w.story(time.Time{}))
		}
	})
}
