package bench

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// world is a cluster in memory: three nodes, three doors, and one outage after
// every fault.
type world struct {
	mu      sync.Mutex
	nodes   [3]map[int64]int
	main    cluster.Ordinal
	up      bool
	paused  bool
	epoch   cluster.Epoch
	leads   int
	dead    int           // the controller that is dead, -1: none
	outage  time.Duration // from the fault to the next reign
	lossy   bool          // the promoted node has not got the last write
	broken  bool          // never whole again after the first fault
	struck  int
	resumed []time.Duration // when paused nodes went on, after the fault
	blow    time.Time
	used    map[string]int // writes by door
	last    int64
}

func newWorld() *world {
	w := &world{up: true, epoch: 1, dead: -1, outage: 700 * time.Millisecond, used: map[string]int{}}
	for i := range w.nodes {
		w.nodes[i] = map[int64]int{}
	}
	return w
}

func (w *world) Doors() []Door {
	w.mu.Lock()
	defer w.mu.Unlock()
	var doors []Door
	for i, addr := range []string{"door-0", "door-1", "door-2"} {
		if i != w.dead {
			doors = append(doors, Door{Replica: i, Addr: addr, Leads: i == w.leads})
		}
	}
	return doors
}

func (w *world) Nodes() []string { return []string{"node-0", "node-1", "node-2"} }

func (w *world) Main() (cluster.Ordinal, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.main, w.up
}

func (w *world) Epoch() cluster.Epoch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.epoch
}

func (w *world) Lacks() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken && w.struck > 0:
		return "memgraph-2 is diverged"
	case !w.up, w.paused, w.dead >= 0:
		return "not whole yet"
	}
	return ""
}

func (w *world) strike(n cluster.Ordinal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n != w.main || !w.up {
		return errors.New("not MAIN")
	}
	w.up, w.blow = false, time.Now()
	w.struck++
	if w.lossy {
		delete(w.nodes[(n+1)%3], w.last)
	}
	time.AfterFunc(w.outage, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.main, w.up = (n+1)%3, true
		w.epoch++
	})
	return nil
}

func (w *world) Kill(n cluster.Ordinal) error { return w.strike(n) }

func (w *world) Pause(n cluster.Ordinal) error {
	err := w.strike(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = true
	return err
}

func (w *world) Resume(cluster.Ordinal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = false
	w.resumed = append(w.resumed, time.Since(w.blow))
	return nil
}

func (w *world) CrashLeader() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead, w.leads = w.leads, -1
	w.struck++
	dead := w.dead
	time.AfterFunc(3*time.Second, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.leads = (dead + 1) % 3
	})
	return dead, nil
}

func (w *world) Replace(replica int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if replica != w.dead {
		return errors.New("that one lives")
	}
	w.dead = -1
	return nil
}

// clientOf is a Writer at one door of a world.
type clientOf struct {
	w    *world
	door string
}

func (c clientOf) Write(ctx context.Context, id int64) error {
	time.Sleep(4 * time.Millisecond)
	for {
		c.w.mu.Lock()
		if c.w.up {
			for i := range c.w.nodes {
				c.w.nodes[i][id]++
			}
			c.w.last = id
			c.w.used[c.door]++
			c.w.mu.Unlock()
			return nil
		}
		c.w.mu.Unlock()
		time.Sleep(time.Millisecond) // held
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (c clientOf) Close(context.Context) error { return nil }

func (w *world) options(f Fault, runs int) Options {
	return Options{
		Fault: f, Runs: runs, Writers: 4,
		Dial: func(addr string) (Writer, error) { return clientOf{w, addr}, nil },
		Read: func(_ context.Context, addr string) (map[int64]int, error) {
			return w.nodes[slices.Index(w.Nodes(), addr)], nil
		},
	}
}

func TestCrashesAreMeasuredFromTheFaultToTheFirstNewWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, err := Failover(t.Context(), w, w.options(Crash, 5))
		if err != nil || !r.Passed() {
			t.Fatalf("report %+v, %v; want it passed", r, err)
		}
		if r.WritesResumed.P50 < 700 || r.WritesResumed.Max > 705 {
			t.Errorf("writes resumed after %+v ms; want the outage of 700 ms", r.WritesResumed)
		}
		if r.Promotions != 5 || r.Runs != 5 || r.Acked == 0 {
			t.Errorf("report %+v; want 5 runs, 5 promotions and some writes", r)
		}
		if len(w.used) != 3 {
			t.Errorf("writes by door: %v; want all three used", w.used)
		}
	})
}

func TestLostWriteIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.lossy = true
		var progress strings.Builder
		o := w.options(Crash, 1)
		o.Progress = &progress
		r, err := Failover(t.Context(), w, o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Lost != 1 || r.Unequal != 1 || r.Passed() {
			t.Errorf("report %+v; want one write lost, and not passed", r)
		}
		if !strings.Contains(progress.String(), "acknowledged but lost: id ") {
			t.Errorf("progress does not name the lost id:\n%s", progress.String())
		}
	})
}

func TestPausedMainGoesOnASecondAfterWritesHaveResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		if r, err := Failover(t.Context(), w, w.options(Pause, 2)); err != nil || !r.Passed() {
			t.Fatalf("report %+v, %v; want it passed", r, err)
		}
		if len(w.resumed) != 2 || w.resumed[0] < 1700*time.Millisecond || w.resumed[0] > 1750*time.Millisecond {
			t.Errorf("paused nodes went on after %v; want twice, 1 s after the outage of 0.7 s", w.resumed)
		}
	})
}

func TestLeaderIsNeverTheDoorOfAWriterAndIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, err := Failover(t.Context(), w, w.options(Leader, 1))
		if err != nil || !r.Passed() {
			t.Fatalf("report %+v, %v; want it passed", r, err)
		}
		if w.used["door-0"] != 0 || w.used["door-1"] == 0 || w.used["door-2"] == 0 {
			t.Errorf("writes by door: %v; want none through the leader's", w.used)
		}
		if w.dead != -1 {
			t.Errorf("controller %d was not replaced", w.dead)
		}
		if r.WritesResumed != r.MaxGap || r.WritesResumed.Max > 5 || r.Promotions != 0 {
			t.Errorf("report %+v; want the longest gap, of 4 ms, and no promotion", r)
		}
	})
}

func TestClusterThatDoesNotHealEndsTheBench(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.broken = true
		r, err := Failover(t.Context(), w, w.options(LeaderMain, 3))
		if err == nil || r.Passed() || !strings.Contains(r.Problem, "run 1 of 3: not healed within 1m0s: memgraph-2 is diverged") {
			t.Errorf("report %+v, %v; want the problem named", r, err)
		}
		if r.Runs != 0 || r.Acked == 0 {
			t.Errorf("report %+v; want no whole run, but what was written", r)
		}
	})
}

func TestReportIsOneLineThatBeginsWithTheAgreedKeys(t *testing.T) {
	line, err := json.Marshal(Report{Fault: Crash, Runs: 2, WritesResumed: Quantiles{1, 2, 3}, Acked: 9})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"fault":"crash","runs":2,"writes_resumed_ms":{"p50":1,"p99":2,"max":3},"acked":9,"lost":0,"unknown":0,"dup":0,"promotions":0,`
	if !strings.HasPrefix(string(line), want) {
		t.Errorf("line = %s\nwant it to begin with %s", line, want)
	}
}
