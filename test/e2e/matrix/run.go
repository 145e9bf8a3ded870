package matrix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e"
	"memgraph-controller/test/e2e/register"
)

const (
	writers     = 3
	registers   = 2
	warmUp      = 500 * time.Millisecond // of writes before a fault, and up to as much again
	aftermath   = time.Second            // of writes at the end of a run
	resumption  = 2 * time.Minute        // for writes to go on after a fault is over
	healing     = 3 * time.Minute        // for the release to be whole after a fault is over
	steady      = 3 * time.Second        // that it must stay so
	installing  = 5 * time.Minute
	linearizing = 30 * time.Second // for the judgement of one register
)

// Runner runs combinations on a release that it installs, and installs anew after
// every finding. One at a time may use the lab.
type Runner struct {
	Place *e2e.Place
	// Progress is told every run as it ends, and every finding with its evidence.
	Progress io.Writer
	// Random decides at which moment things happen.
	Random *rand.Rand

	release *e2e.Release
	spoilt  bool // the release has to be installed anew
	keys    int64
	values  atomic.Int64
	dir     string // of the evidence; "" until there is some
}

// kind of a finding, which is what is counted.
type kind string

const (
	lost       kind = "lost"       // an acknowledged write is not on every node
	diverged   kind = "diverged"   // nodes hold different things, or what was refused, or something twice
	unhealed   kind = "unhealed"   // not whole again, or no writes, or something promised that did not happen
	nonlinear  kind = "not linear" // the registers did not behave as one copy
	maxSamples      = 10           // of ids, in a finding
)

// finding is something that the release did wrong.
type finding struct {
	kind kind
	text string
}

func (f *finding) Error() string { return string(f.kind) + ": " + f.text }

// Sample is what one run has shown.
type Sample struct {
	Acked, Refused, Unknown int
	Lost                    int            // ids
	Wait                    *time.Duration // the longest wait of any writer; nil: nobody wrote
	Healed                  *time.Duration // from the end of the fault; nil: it did not heal
	Lacked                  string         // what it healed last; "" if there was nothing
	Registers               register.Judgement
	Findings                []*finding
}

// String is the run in a line.
func (s Sample) String() string {
	wait, healed := "nobody wrote", "not whole again"
	if s.Wait != nil {
		wait = "longest wait " + s.Wait.Round(time.Millisecond).String()
	}
	if s.Healed != nil {
		healed = "whole again after " + s.Healed.Round(time.Millisecond).String()
	}
	if s.Lacked != "" {
		healed += " (lacked last: " + s.Lacked + ")"
	}
	return fmt.Sprintf("%s, %s, %d acknowledged, %d refused, %d unknown, %d lost, %d findings, linearizable %s by %d operations",
		wait, healed, s.Acked, s.Refused, s.Unknown, s.Lost, len(s.Findings), s.Registers.Linearizable, s.Registers.Operations)
}

func (s *Sample) has(k kind) bool {
	for _, f := range s.Findings {
		if f.kind == k {
			return true
		}
	}
	return false
}

// add takes an error for what it is and returns it if it is none of the release's.
func (s *Sample) add(err error) error {
	var f *finding
	if errors.As(err, &f) {
		s.Findings = append(s.Findings, f)
		return nil
	}
	return err
}

// Run strikes once. The error is the harness's, or the end of ctx; what the release
// did wrong is in the sample, and was told.
func (m *Runner) Run(ctx context.Context, c Combination) (Sample, error) {
	began := time.Now()
	var s Sample
	err := s.add(m.whole(ctx))
	if err == nil && len(s.Findings) == 0 {
		err = s.add(m.strike(ctx, c, &s))
	}
	if err == nil && len(s.Findings) == 0 {
		err = m.release.Forget(ctx)
	}
	if ctx.Err() != nil {
		err = ctx.Err() // whatever else failed, failed for that
	}
	if len(s.Findings) > 0 && ctx.Err() == nil {
		m.tell(ctx, c, began, &s)
	}
	if err != nil || len(s.Findings) > 0 {
		m.spoilt = true
		err = errors.Join(err, m.Place.Mend(context.WithoutCancel(ctx)))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", c, err)
	}
	return s, err
}

// whole waits for a whole release, and installs one if there is none to be trusted.
func (m *Runner) whole(ctx context.Context) error {
	if m.release != nil && !m.spoilt {
		if err := m.release.Settle(ctx, healing); err != nil {
			return stuck(ctx, fmt.Errorf("between two runs, by itself: %w", err))
		}
		return nil
	}
	r := m.Place.NewRelease("faults", "faults")
	if err := r.Erase(ctx); err != nil {
		return err
	}
	if err := r.Helm(ctx); err != nil {
		return err
	}
	if err := r.Settle(ctx, installing); err != nil {
		return fmt.Errorf("install a release: %w\n%s", err, r.Diagnose(ctx))
	}
	m.release, m.spoilt = r, false
	return nil
}

// Close removes the release.
func (m *Runner) Close(ctx context.Context) error {
	err := m.Place.Mend(ctx)
	if m.release != nil {
		err = errors.Join(err, m.release.Erase(ctx))
	}
	return err
}

// Knows reports whether the controllers know the request "switchover". It makes one.
func (m *Runner) Knows(ctx context.Context) (bool, error) {
	if err := m.whole(ctx); err != nil {
		return false, err
	}
	if err := ask(ctx, m.release, "switchover"); err != nil {
		return false, err
	}
	answer, err := answered(ctx, m.release, "switchover", time.Minute)
	if err != nil {
		return false, err
	}
	return !unknownRequest(answer), m.release.Settle(ctx, healing)
}

// strike is a run on a whole release. An error that is a finding ends it early.
func (m *Runner) strike(ctx context.Context, c Combination, s *Sample) error {
	scene, err := look(ctx, m.release, m.Random)
	if err != nil {
		return err
	}
	crew, err := m.hire(ctx)
	if err != nil {
		return err
	}
	defer crew.stop(s)
	pause(ctx, warmUp)
	scene.moment(ctx, warmUp)
	if c.Situation == Idle {
		crew.stop(s)
	}
	blow, over, err := m.blow(ctx, c, scene)
	defer func() {
		if c.Situation != Idle {
			s.Wait = crew.longestWait(s, blow)
		}
	}()
	if err != nil {
		return errors.Join(err, s.add(m.unhelped(ctx, s, crew)))
	}
	if c.Situation != Idle {
		if _, err := crew.load.Resumed(ctx, bench.Blow{Before: over, After: over}, resumption); err != nil {
			return errors.Join(stuck(ctx, err), s.add(m.unhelped(ctx, s, crew)))
		}
	}
	if err := m.heal(ctx, over, s); err != nil {
		return errors.Join(stuck(ctx, err), s.add(m.unhelped(ctx, s, crew)))
	}
	if c.Situation == Idle {
		if err := crew.wake(ctx); err != nil {
			return errors.Join(err, s.add(m.unhelped(ctx, s, crew)))
		}
	}
	pause(ctx, aftermath)
	crew.stop(s)
	return m.judge(ctx, s, crew)
}

// stuck is a finding, unless it is the end of ctx.
func stuck(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &finding{unhealed, err.Error()}
}

// blow brings the situation about, strikes, holds, and gives back. over is when
// nothing was held any more.
func (m *Runner) blow(ctx context.Context, c Combination, scene *scene) (blow bench.Blow, over time.Time, err error) {
	blow.Before = time.Now()
	if err := c.Situation.begin(ctx, scene); err != nil {
		return blow, time.Now(), err
	}
	mend, err := c.Fault.strike(ctx, scene)
	blow.After = time.Now()
	if err == nil {
		pause(ctx, c.Fault.Hold)
	}
	if mend != nil {
		err = errors.Join(err, mend(context.WithoutCancel(ctx)))
	}
	return blow, time.Now(), err
}

// heal waits until the release is whole, and stays so for a while. The sample learns
// how long that took since the fault was over, without the while.
func (m *Runner) heal(ctx context.Context, over time.Time, s *Sample) error {
	var since time.Time
	for {
		err := m.release.Lacks(ctx)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && since.IsZero():
			since = now
		case err == nil && now.Sub(since) >= steady:
			healed := since.Sub(over)
			s.Healed = &healed
			return nil
		case err != nil && now.Sub(over) > healing:
			return fmt.Errorf("not whole %s after the fault was over: %w", healing, err)
		case err != nil:
			since, s.Lacked = time.Time{}, err.Error()
		}
		pause(ctx, 250*time.Millisecond)
	}
}

// crew is the clients of one run.
type crew struct {
	release   *e2e.Release
	keys      []int64
	values    *atomic.Int64
	load      *e2e.Load // nil: they rest
	registers *register.Clients
	shut      func()

	attempts []bench.Attempt
	history  []register.Operation
	rested   time.Time // since when
}

// hire makes registers and puts clients to work.
func (m *Runner) hire(ctx context.Context) (*crew, error) {
	c := &crew{release: m.release, values: &m.values}
	for range registers {
		m.keys++
		c.keys = append(c.keys, m.keys)
	}
	err := m.Place.Through(ctx, m.release.Gateway(), func(addr string) error { return register.Create(ctx, addr, c.keys) })
	if err != nil {
		return nil, stuck(ctx, fmt.Errorf("no writes before the fault, though the release is whole: %w", err))
	}
	if err := c.wake(ctx); err != nil {
		c.stop(&Sample{})
		return nil, err
	}
	return c, nil
}

// wake puts the clients to work, and waits until each has written.
func (c *crew) wake(ctx context.Context) error {
	load, err := c.release.Write(ctx, writers)
	if err != nil {
		return stuck(ctx, fmt.Errorf("no writes, though the release is whole: %w", err))
	}
	c.load = load
	addr, shut, err := c.release.Place.Door(ctx, c.release.Gateway())
	if err != nil {
		return err
	}
	c.shut = shut
	c.registers, err = register.Start(ctx, addr, c.keys, c.values)
	return err
}

// stop lets the clients finish what they are at, and counts it. It may be called
// again.
func (c *crew) stop(s *Sample) {
	if c.load == nil {
		return
	}
	c.load.Stop()
	if c.registers != nil {
		c.history = append(c.history, c.registers.Stop()...)
	}
	if c.shut != nil {
		c.shut()
	}
	c.rested = time.Now()
	attempts := c.load.Attempts()
	c.attempts = append(c.attempts, attempts...)
	for _, a := range attempts {
		switch a.Outcome {
		case bench.Acked:
			s.Acked++
		case bench.Refused:
			s.Refused++
		default:
			s.Unknown++
		}
	}
	c.load, c.registers, c.shut = nil, nil, nil
}

// longestWait stops the clients and returns how long one of them waited at most that
// had not been answered when a fault struck, or was not afterwards.
func (c *crew) longestWait(s *Sample, blow bench.Blow) *time.Duration {
	c.stop(s)
	wait, _ := bench.LongestGap(c.attempts, blow, c.rested)
	return &wait
}
