package controller

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// counts are what a Meter was told.
type counts struct {
	mu            sync.Mutex
	turns         []Turn
	steps         map[string]int
	passes, bad   int
	conflicts     int
	records       int
	longest, step time.Duration
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
		if got := c.turned(); !slices.Equal(got, []Turn{{Cause: Resumed, Moved: true}}) {
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

func TestCure(t *testing.T) {
	var seen turns
	serves := &cluster.Record{Main: 1, Epoch: 3, Stage: cluster.Serving}
	cures := &cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Promoting, Replace: cluster.Process{ID: "x"}}
	again := &cluster.Record{Main: 1, Epoch: 4, Stage: cluster.Serving}
	now := time.Now()
	if turn, over := seen.recorded(serves, cures, false, now); over {
		t.Fatalf("over already: %+v", turn)
	}
	if turn, over := seen.recorded(cures, again, false, now.Add(time.Second)); !over || turn != (Turn{Cause: Cure, Took: time.Second}) {
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
