package controller

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// counts are what a Meter was told.
type counts struct {
	Uncounted
	mu            sync.Mutex
	turns         []Turn
	steps         map[string]int
	passes, bad   int
	conflicts     int
	records       int
	longest, step time.Duration
	bare, looked  time.Duration
	looks         int
	decisions     map[string]int // rule and outcome
}

func (c *counts) Passed(took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passes++
	c.longest = max(c.longest, took)
	if err != nil {
		c.bad++
	}
	if errors.Is(err, cluster.ErrConflict) {
		c.conflicts++
	}
}

func (c *counts) Recorded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records++
}

func (c *counts) Stepped(k cluster.Kind, f cluster.Failure, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.steps == nil {
		c.steps = map[string]int{}
	}
	c.steps[fmt.Sprint(k, ": ", f)]++
	c.step = max(c.step, took)
}

func (c *counts) Turned(t Turn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turns = append(c.turns, t)
}

// turned returns the turns told since it was last called.
func (c *counts) turned() []Turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.turns
	c.turns = nil
	return list
}

// counted returns a world of n nodes that serve, and what is counted of it from
// after the bootstrap on.
func counted(t *testing.T, n int) (*world, *term, *counts) {
	t.Helper()
	c := &counts{}
	w, x := serving(t, n, func(o *Options) { o.Meter = c })
	if got := c.turned(); len(got) != 1 || got[0].Cause != Bootstrap || got[0].Moved || got[0].Took <= 0 || got[0].Took > 20*pace {
		t.Fatalf("bootstrap was told as %+v; want one turn of a few milliseconds", got)
	}
	return w, x, c
}

// demand demands that one turn was told, and that it took the time from the record
// that ended the old reign, old, to the one that serves.
func (c *counts) demand(t *testing.T, w *world, from time.Time, cause Cause, moved bool, old, serves string) {
	t.Helper()
	got := c.turned()
	if len(got) != 1 || got[0].Cause != cause || got[0].Moved != moved {
		t.Fatalf("told as %+v; want one %s, moved %t\n%s", got, cause, moved, w.story(from))
	}
	var sum time.Duration
	promoted := false
	for _, p := range got[0].Parts {
		sum += p.Took
		promoted = promoted || p.Name == cluster.Promote.String() && p.Took >= pace
	}
	if n := len(got[0].Parts); sum != got[0].Took || !promoted || got[0].Parts[n-1].Name != waiting || got[0].Parts[n-1].Took < 0 {
		t.Errorf("took %s, spent on %v; want parts that add up, with the promotion, and what was waited for last", got[0].Took, got[0].Parts)
	}
	for _, p := range got[0].Parts {
		if !slices.Contains(Parts(), p.Name) {
			t.Errorf("part %q is none of %v", p.Name, Parts())
		}
	}
	if lost := cause == Failover || cause == Restart; lost != (got[0].Noticed > 0) || got[0].Noticed > 10*pace {
		t.Errorf("%s was noticed after %s; want a moment if MAIN was lost, and nothing else", cause, got[0].Noticed)
	}
	took := w.when(t, from, serves) - w.when(t, from, old)
	if got[0].Took < took || got[0].Took > took+pace {
		t.Fatalf("told to have taken %s; want %s\n%s", got[0].Took, took, w.story(from))
	}
}

func TestTurnsAreToldWithTheirCause(t *testing.T) {
	for _, c := range []struct {
		cause       Cause
		nodes       int
		happens     func(w *world, x *term)
		moved       bool
		old, serves string
	}{
		{Failover, 3, func(w *world, _ *term) { w.crash(0) }, true, "a: epoch 2 promoting main 1", "a: epoch 2 serving main 1"},
		{Restart, 1, func(w *world, _ *term) { w.crash(0); w.start(0) }, false, "a: epoch 2 promoting main 0", "a: epoch 2 serving main 0"},
		{Switchover, 3, func(w *world, x *term) {
			w.change(0, func(s *server) { s.leaving = true })
			x.Kick()
		}, true, "a: epoch 1 quiescing main 0", "a: epoch 2 serving main 1"},
		{Refresh, 2, func(w *world, _ *term) { w.crash(1); w.start(1) }, false, "a: epoch 1 quiescing main 0", "a: epoch 2 serving main 0"},
		{Demanded, 3, func(w *world, x *term) {
			for _, n := range []cluster.Ordinal{1, 2} { // nobody is promotable by itself
				w.change(n, func(s *server) { s.boot = "another"; s.begin() })
			}
			w.crash(0)
			pass(time.Second)
			x.Request(cluster.Request{ID: "m", Ask: cluster.AskPromote, Node: 2, AcceptDataLoss: true})
		}, true, "a: epoch 2 promoting main 2", "a: epoch 2 serving main 2"},
	} {
		t.Run(c.cause.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x, told := counted(t, c.nodes)
				from := time.Now()
				c.happens(w, x)
				pass(30 * time.Second)
				told.demand(t, w, from, c.cause, c.moved, c.old, c.serves)
			})
		})
	}
}

// TestTurnThatAnotherBegan: whoever finishes it knows neither its cause nor its
// beginning, and says so.
func TestTurnThatAnotherBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var died *term
		w, x := serving(t, 3, func(o *Options) {
			o.Reached = func(point string) {
				if point == "promote" && died != nil {
					died.stop(errStopped)
				}
			}
		})
		died = x
		w.crash(0)
		pass(time.Second)
		<-x.ended
		c := &counts{}
		w.lead(t, "b", func(o *Options) { o.Meter = c })
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		if got := c.turned(); !reflect.DeepEqual(got, []Turn{{Cause: Resumed, Moved: true}}) {
			t.Fatalf("told as %+v; want one resumed turn, moved, of unknown length", got)
		}
	})
}

// TestReignThatGoesOnIsNoTurn: MAIN could not be made to step down.
func TestReignThatGoesOnIsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, c := counted(t, 3)
		w.mu.Lock()
		w.failing["demote node 0"] = cluster.Busy
		w.mu.Unlock()
		w.change(0, func(s *server) { s.leaving = true })
		from := time.Now()
		x.Kick()
		pass(5500 * time.Millisecond) // it is tried for 5s, and again after a second's rest
		w.when(t, from, "a: epoch 1 demoting main 0")
		w.standing(t, 1, 0)
		if got := c.turned(); len(got) > 0 {
			t.Fatalf("told as %+v; want no turn: the reign goes on\n%s", got, w.story(from))
		}
	})
}

// TestSilenceIsNoticedLate: a MAIN whose connections do not break is waited for, from its
// last answer on.
func TestSilenceIsNoticedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, c := counted(t, 3)
		w.change(0, func(s *server) { s.mute = true })
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		got, grace := c.turned(), cluster.DefaultPolicy().FailAfter
		if len(got) != 1 || got[0].Noticed < grace || got[0].Noticed > grace+probeEvery {
			t.Fatalf("told as %+v; want one turn that was noticed after %s", got, grace)
		}
		x.demandLine(t, "clients are let in to a new reign", "epoch=2 main=mg-1 reason=failover")
	})
}

// demandLine demands that one line was logged with this message, and that it says that.
func (x *term) demandLine(t *testing.T, message, says string) {
	t.Helper()
	lines := x.logged()
	if count(lines, message) != 1 || count(lines, says) == 0 {
		t.Errorf("logged\n%s\nwant one line %q that says %q", strings.Join(lines, "\n"), message, says)
	}
}

// TestPartsOfAReignThatGoesOn: what was done while new work was held in vain is of no turn.
func TestPartsOfAReignThatGoesOn(t *testing.T) {
	var seen turns
	serves := &cluster.Record{Epoch: 1, Stage: cluster.Serving, Target: cluster.NoNode}
	holds := &cluster.Record{Epoch: 1, Stage: cluster.Quiescing, Target: 1}
	lost := &cluster.Record{Epoch: 2, Main: 1, Stage: cluster.Promoting, Target: cluster.NoNode}
	again := &cluster.Record{Epoch: 2, Main: 1, Stage: cluster.Serving, Target: cluster.NoNode}
	now := time.Now()
	seen.recorded(serves, holds, false, now, now)
	seen.spent(recording, time.Second)
	seen.recorded(holds, serves, false, now, now)
	seen.spent(recording, time.Minute) // between turns
	seen.recorded(serves, lost, false, now, now.Add(3*time.Second))
	seen.spent("promote", time.Second)
	seen.spent(looking, time.Millisecond)
	seen.spent("promote", time.Second)
	turn, over := seen.recorded(lost, again, false, now, now.Add(6*time.Second))
	want := Turn{Cause: Failover, Moved: true, Took: 3 * time.Second, Noticed: 3 * time.Second, Parts: []Part{
		{"promote", 2 * time.Second}, {looking, time.Millisecond}, {waiting, 999 * time.Millisecond},
	}}
	if !over || !reflect.DeepEqual(turn, want) {
		t.Errorf("told as %+v, %t\nwant %+v", turn, over, want)
	}
}

// The record that serves may be written and its answer lost: the turn is not told then,
// and what is spent on the reign that follows belongs to no later one.
func TestEndOfATurnThatWasNotSeen(t *testing.T) {
	at := time.Unix(1000, 0)
	after := func(d time.Duration) time.Time { return at.Add(d) }
	serves := func(main cluster.Ordinal) *cluster.Record { return &cluster.Record{Stage: cluster.Serving, Main: main} }
	begins := func(main cluster.Ordinal) *cluster.Record {
		return &cluster.Record{Stage: cluster.Promoting, Main: main}
	}
	for name, between := range map[string]bool{"at the next turn": false, "at a record between": true} {
		t.Run(name, func(t *testing.T) {
			var f turns
			f.recorded(serves(0), begins(1), false, at, at)
			f.spent(recording, time.Second)
			// serves(1) was written, and nobody heard of it.
			if between {
				f.recorded(serves(1), serves(1), false, time.Time{}, after(time.Minute))
			}
			f.spent(looking, time.Hour)
			f.recorded(serves(1), begins(2), false, time.Time{}, after(2*time.Hour))
			f.spent(recording, 100*time.Millisecond)
			turn, over := f.recorded(begins(2), serves(2), false, time.Time{}, after(2*time.Hour+time.Second))
			want := []Part{{recording, 100 * time.Millisecond}, {waiting, 900 * time.Millisecond}}
			if !over || turn.Took != time.Second || turn.Noticed != 0 || !slices.Equal(turn.Parts, want) {
				t.Errorf("%v, %+v; want %v", over, turn, want)
			}
		})
	}
}

// TestUnprotectedTimeIsCounted: from when the alarm is on until it is over, and no longer.
func TestUnprotectedTimeIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, c := counted(t, 2)
		pass(10 * time.Second)
		if got := c.bared(); got != 0 {
			t.Fatalf("%s unprotected in a healthy cluster", got)
		}
		w.crash(1)
		pass(time.Minute)
		if got := c.bared(); got < 58*time.Second || got > time.Minute {
			t.Fatalf("%s unprotected in a minute without a standby", got)
		}
		w.start(1)
		pass(10 * time.Second)
		c.bared()
		pass(time.Minute)
		if got := c.bared(); got != 0 {
			t.Fatalf("%s unprotected after the standby is back", got)
		}
	})
}

func (c *counts) bared() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.bare
	c.bare = 0
	return d
}

func (c *counts) Unprotected(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bare += d
}

func (c *counts) Decided(r cluster.Rule, o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.decisions == nil {
		c.decisions = map[string]int{}
	}
	c.decisions[r.String()+": "+o.String()]++
}

func (c *counts) Looked(_ cluster.Ordinal, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	c.looked = max(c.looked, took)
}

// TestDecisionsAndLooksAreCounted: a failover by its rules, and every look.
func TestDecisionsAndLooksAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, c := counted(t, 3)
		w.crash(0)
		pass(5 * time.Second)
		x.Request(cluster.Request{ID: "x", Ask: cluster.AskAdopt, Node: 1}) // refused: there is a record
		pass(5 * time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, want := range []string{"failover: record", "promotion: step", "promotion: record", "request: answer", "steady: wait"} {
			if c.decisions[want] == 0 {
				t.Errorf("decisions counted: %v; want some of %q", c.decisions, want)
			}
		}
		if c.decisions["failover: record"] != 1 {
			t.Errorf("%d records of one failover", c.decisions["failover: record"])
		}
		if c.looks < 40 || c.looks > 200 || c.looked != pace {
			t.Errorf("%d looks, the longest %s; want some two a second at each of three nodes, of %s", c.looks, c.looked, pace)
		}
	})
}

// TestOutcomesHaveWords: they are labels.
func TestOutcomesHaveWords(t *testing.T) {
	seen := map[string]bool{}
	for o := range ToWait + 2 {
		if o > 0 && o <= ToWait && seen[o.String()] {
			t.Errorf("outcome %d has the word %q, as another has", o, o)
		}
		seen[o.String()] = true
	}
}

func TestCure(t *testing.T) {
	var seen turns
	serves := &cluster.Record{Main: 1, Epoch: 3, Stage: cluster.Serving}
	cures := &cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Promoting, Replace: cluster.Process{ID: "x"}}
	again := &cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Serving}
	now := time.Now()
	if turn, over := seen.recorded(serves, cures, false, now, now); over {
		t.Fatalf("over already: %+v", turn)
	}
	if turn, over := seen.recorded(cures, again, false, now, now.Add(time.Second)); !over || !reflect.DeepEqual(turn, Turn{Cause: Cure, Took: time.Second, Parts: []Part{{waiting, time.Second}}}) {
		t.Fatalf("told as %+v, %t; want a cure of 1s", turn, over)
	}
}

// TestCausesHaveWords: they are labels.
func TestCausesHaveWords(t *testing.T) {
	seen := map[string]bool{Cause(0).String(): true}
	for _, c := range Causes() {
		if seen[c.String()] {
			t.Errorf("cause %d has the word %q, as another has", c, c)
		}
		seen[c.String()] = true
	}
	if got := (Resumed + 1).String(); got != "none" {
		t.Errorf("a cause after the last is called %q: add it to Causes", got)
	}
}

func TestStepsAndPassesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, c := counted(t, 3)
		c.mu.Lock()
		if want := map[string]int{"promote: none": 1, "mark: none": 2, "register: none": 2}; fmt.Sprint(c.steps) != fmt.Sprint(want) || c.step < pace {
			t.Errorf("steps counted in a bootstrap: %v, the longest %s; want %v", c.steps, c.step, want)
		}
		if c.records < 2 || c.bad != 0 || c.longest < 5*pace {
			t.Errorf("bootstrap: %d records, %d bad passes, the longest %s; want 2 or more, none and 5ms or more", c.records, c.bad, c.longest)
		}
		c.steps = nil
		before := c.passes
		c.mu.Unlock()

		pass(10 * time.Second)
		c.mu.Lock()
		if n := c.passes - before; n < 10 || n > 200 {
			t.Errorf("%d passes in ten quiet seconds; want some a second", n)
		}
		c.mu.Unlock()

		x.deaf.Store(true)
		x.records.beforeWrite(func() {
			data := w.objects.Data()
			data["leader"] = "z"
			w.objects.Put(data)
		})
		w.mu.Lock()
		w.failing["demote node 2"] = cluster.Unclear
		w.mu.Unlock()
		w.crash(0)
		pass(5 * time.Second)
		w.change(2, func(s *server) { s.role = cluster.RoleMain })
		pass(5 * time.Second)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.conflicts != 1 || c.bad != 1 {
			t.Errorf("%d conflicts in %d bad passes; want 1 of 1", c.conflicts, c.bad)
		}
		if c.steps["demote: unclear"] < 2 {
			t.Errorf("steps counted: %v; want every failing try, not the first alone", c.steps)
		}
	})
}

// TestPlatformIsFasterThanTheConnection: a process that the platform has seen to end was
// noticed at once, though its connection has not broken yet.
func TestPlatformIsFasterThanTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x, c := counted(t, 3)
		pass(probeEvery * 3 / 4) // its last answer is some time ago
		w.change(0, func(s *server) { s.up = false })
		x.Kick()
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		if got := c.turned(); len(got) != 1 || got[0].Noticed <= 0 || got[0].Noticed > 10*pace {
			t.Fatalf("told as %+v; want one turn that was noticed within a moment", got)
		}
	})
}
