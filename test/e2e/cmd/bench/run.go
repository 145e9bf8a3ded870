package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e"
)

const (
	clients   = 4
	aftermath = time.Second     // of writing after writes have resumed, and after things were mended
	patience  = 2 * time.Minute // for writes to resume
	healing   = 5 * time.Minute // until whole again
	silence   = 250 * time.Millisecond
)

// bencher is one bench in progress.
type bencher struct {
	place       *e2e.Place
	ours, alone *e2e.Release // alone is nil until a fault needs it
	runs        int
}

// line is what is printed of a fault.
type line struct {
	bench.Report
	NoWrites bench.Quantiles  `json:"no_writes_ms"`
	Alone    *bench.Quantiles `json:"alone_ms,omitempty"`
	Bar      bar              `json:"bar_ms"`
}

type bar struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
}

func (b *bencher) install(ctx context.Context) error {
	if err := b.ours.Erase(ctx); err != nil {
		return err
	}
	if err := b.ours.Helm(ctx); err != nil {
		return err
	}
	return b.ours.Settle(ctx, healing)
}

func (b *bencher) erase(ctx context.Context) error {
	err := b.ours.Erase(ctx)
	if b.alone != nil {
		err = errors.Join(err, b.alone.Erase(ctx))
	}
	return err
}

// fault strikes as often as asked. The line is complete as far as it goes even
// with an error.
func (b *bencher) fault(ctx context.Context, name string) (line, error) {
	f := faults[name]
	l := line{Report: bench.Report{Fault: bench.Fault(name), Writers: f.clients()}, Bar: bar{f.p50.Milliseconds(), f.p99.Milliseconds()}}
	// Every fault has a release of its own to answer for: it is verified as a whole.
	var s samples
	err := b.strikes(ctx, name, &s)
	if f.waits {
		s.resumed = s.gaps
	}
	verdict, verifyErr := b.ours.Verify(ctx)
	err = errors.Join(err, verifyErr)
	l.Runs, l.Promotions = len(s.healed), s.promotions
	l.WritesResumed, l.MaxGap, l.Healed, l.NoWrites = bench.Summarize(s.resumed), bench.Summarize(s.gaps), bench.Summarize(s.healed), bench.Summarize(s.silent)
	l.Acked, l.Refused, l.Unknown = s.acked, s.refused, s.unknown
	l.ClientErrors = s.refused + s.unknown
	l.Lost, l.Dup, l.RefusedFound, l.Unequal = len(verdict.Lost), len(verdict.Dup), len(verdict.Lies), len(verdict.Unequal)
	if len(s.alone) > 0 {
		alone := bench.Summarize(s.alone)
		l.Alone = &alone
	}
	if err == nil && !l.Passed() {
		err = fmt.Errorf("%s: what clients were told is not what the nodes hold", name)
	}
	if err != nil {
		l.Problem = err.Error()
	}
	return l, err
}

// samples are what the runs of a fault have shown.
type samples struct {
	resumed, gaps, silent, healed, alone []time.Duration
	acked, refused, unknown              int
	promotions                           uint64
}

func (s *samples) count(attempts []bench.Attempt) {
	for _, a := range attempts {
		switch a.Outcome {
		case bench.Acked:
			s.acked++
		case bench.Refused:
			s.refused++
		default:
			s.unknown++
		}
	}
}

func (b *bencher) strikes(ctx context.Context, name string, s *samples) error {
	for run := range b.runs {
		if err := b.run(ctx, faults[name], s); err != nil {
			return fmt.Errorf("%s, run %d of %d: %w", name, run+1, b.runs, err)
		}
		said := fmt.Sprintf("%s %d/%d: resumed %v, longest wait %v, no writes for %v, whole again after %v", name, run+1, b.runs,
			round(s.resumed), round(s.gaps), round(s.silent), round(s.healed))
		if alone := faults[name].alone; alone != nil {
			if err := b.strikeAlone(ctx, alone, s); err != nil {
				return fmt.Errorf("%s, run %d of %d, peer: %w", name, run+1, b.runs, err)
			}
			said += fmt.Sprintf("; alone: resumed %v", round(s.alone))
		}
		fmt.Fprintln(os.Stderr, said)
	}
	return nil
}

func round(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return all[len(all)-1].Round(time.Millisecond)
}

// run is one fault under writes, from a whole release to a whole release.
func (b *bencher) run(ctx context.Context, f *fault, s *samples) (err error) {
	r := b.ours
	if f.before != nil {
		if err := f.before(r, ctx); err != nil {
			return err
		}
	}
	if err := r.Settle(ctx, healing); err != nil {
		return err
	}
	epoch, err := r.Epoch(ctx)
	if err != nil {
		return err
	}
	load, err := r.Write(ctx, f.clients())
	if err != nil {
		return err
	}
	defer load.Stop()
	blow := bench.Blow{Before: time.Now()}
	mend, err := f.strike(ctx, r)
	blow.After = time.Now()
	if err == nil {
		err = b.survive(ctx, f, load, blow, s)
	}
	if mend != nil {
		err = errors.Join(err, mend(context.WithoutCancel(ctx)))
		pause(ctx, aftermath)
	}
	end := time.Now()
	load.Stop()
	attempts := load.Attempts()
	s.count(attempts)
	if err != nil {
		return fmt.Errorf("%w; clients saw %s", err, load.Errors())
	}
	gap, _ := bench.LongestGap(attempts, blow, time.Now())
	s.gaps = append(s.gaps, gap)
	s.silent = append(s.silent, silent(attempts, blow, end))
	if err := r.Settle(ctx, healing); err != nil {
		return err
	}
	s.healed = append(s.healed, time.Since(blow.Before))
	now, err := r.Epoch(ctx)
	s.promotions += now - epoch
	return err
}

// survive waits until writes have resumed and all has happened, and a while longer.
func (b *bencher) survive(ctx context.Context, f *fault, load *e2e.Load, blow bench.Blow, s *samples) error {
	took, err := load.Resumed(ctx, blow, patience)
	if err != nil {
		return err
	}
	s.resumed = append(s.resumed, took)
	if f.over != nil {
		pause(ctx, aftermath) // until it has begun
		if err := e2e.Until(ctx, healing, "the end of it", func(ctx context.Context) error { return f.over(b.ours, ctx) }); err != nil {
			return err
		}
	}
	pause(ctx, aftermath)
	return ctx.Err()
}

// strikeAlone does the same to the peer.
func (b *bencher) strikeAlone(ctx context.Context, strike func(context.Context, *e2e.Release) error, s *samples) error {
	if b.alone == nil {
		var err error
		if b.alone, err = b.place.Alone(ctx); err != nil {
			return err
		}
	}
	if err := b.alone.AwaitAlone(ctx); err != nil {
		return err
	}
	load, err := b.alone.Write(ctx, clients)
	if err != nil {
		return err
	}
	defer load.Stop()
	blow := bench.Blow{Before: time.Now()}
	if err := strike(ctx, b.alone); err != nil {
		return err
	}
	blow.After = time.Now()
	pause(ctx, 2*aftermath) // a pod that is deleted serves on for a moment
	if _, err := load.Resumed(ctx, bench.Blow{Before: time.Now(), After: time.Now()}, patience); err != nil {
		return err
	}
	load.Stop()
	// What ends with its process stops once, so the longest wait is the outage.
	gap, _ := bench.LongestGap(load.Attempts(), blow, time.Now())
	s.alone = append(s.alone, gap)
	return nil
}

// silent returns how long nobody was acknowledged between the blow and the end, in
// gaps longer than silence. After the end only those write who were at it.
func silent(attempts []bench.Attempt, blow bench.Blow, end time.Time) time.Duration {
	acks := []time.Time{end}
	for _, a := range attempts {
		if a.Outcome == bench.Acked && a.End.Before(end) {
			acks = append(acks, a.End)
		}
	}
	slices.SortFunc(acks, time.Time.Compare)
	var sum time.Duration
	for i := 1; i < len(acks); i++ {
		if gap := acks[i].Sub(acks[i-1]); gap > silence && acks[i].After(blow.Before) {
			sum += gap
		}
	}
	return sum
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
