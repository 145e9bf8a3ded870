package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"memgraph-controller/test/drivers/judge"
	"memgraph-controller/test/drivers/place"
)

const (
	// batch is how many events happen to one load: then the nodes are read, and emptied,
	// so that a long run needs no more room than a short one.
	batch     = 20
	aftermath = 300 * time.Millisecond // of work between two events, and up to as much again
	equality  = 30 * time.Second       // for the nodes to become equal
)

// matrix runs a plan on a place.
type matrix struct {
	plan
	place    place.Place
	script   string // directory of the JavaScript clients
	out      io.Writer
	progress io.Writer

	clients clients
	sum     judge.Summary
}

// say tells a person how it goes on, who may have stopped listening.
func (m *matrix) say(format string, args ...any) {
	_, _ = fmt.Fprintf(m.progress, format, args...)
}

// run runs all events. What it has is in sum even with an error.
func (m *matrix) run(ctx context.Context) error {
	for _, e := range m.events {
		if why := m.place.Lacks(e); why != "" {
			m.say("event %s is left out: %s\n", e, why)
			continue
		}
		if err := m.event(ctx, e); err != nil {
			return fmt.Errorf("event %s: %w", e, err)
		}
	}
	return nil
}

// event has one event happen as often as asked, and prints the lines of its cells.
func (m *matrix) event(ctx context.Context, e judge.Event) (err error) {
	cells := m.cells(e)
	lines := make([]*judge.Line, len(cells))
	for i, c := range cells {
		lines[i] = judge.NewLine(c)
	}
	m.sum.Lines = append(m.sum.Lines, lines...)
	defer func() {
		for _, l := range lines {
			text, jsonErr := json.Marshal(l)
			_, printErr := fmt.Fprintln(m.out, string(text))
			err = errors.Join(err, jsonErr, printErr)
		}
	}()
	for done := 0; done < m.runs; done += batch {
		if err := m.load(ctx, e, cells, lines, done, min(batch, m.runs-done)); err != nil {
			return err
		}
	}
	return nil
}

// load puts all clients of an event to work, has it happen some times, and judges.
func (m *matrix) load(ctx context.Context, e judge.Event, cells []judge.Cell, lines []*judge.Line, done, runs int) error {
	if err := m.place.Settle(ctx); err != nil {
		return err
	}
	write, read := m.place.Doors()
	l, err := start(ctx, m.clients.hire(m.plan, cells, write), m.script)
	if err != nil {
		return err
	}
	var strikes []judge.Strike
	err = m.strikes(ctx, e, done, runs, &strikes)
	stopped, stopErr := l.stop()
	// What was struck is judged even if the cluster has not become whole again.
	err = errors.Join(err, stopErr)
	if err == nil {
		err = m.place.Settle(ctx)
	}
	held, heldErr := m.held(ctx)
	if heldErr != nil {
		return errors.Join(err, heldErr)
	}
	m.judge(lines, judge.Load{Ops: l.all(), Strikes: strikes, Stopped: stopped, ReadDoor: read, Held: held})
	if err != nil {
		return err
	}
	return empty(ctx, write)
}

// strikes has an event happen some times under a load.
func (m *matrix) strikes(ctx context.Context, e judge.Event, done, runs int, strikes *[]judge.Strike) error {
	pause(ctx, m.quiet)
	for run := range runs {
		pause(ctx, aftermath+rand.N(aftermath)) // at any moment
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s, err := m.place.Strike(ctx, e)
		if err != nil {
			return fmt.Errorf("run %d of %d: %w", done+run+1, m.runs, err)
		}
		*strikes = append(*strikes, s)
		if err := m.place.Recover(ctx); err != nil {
			return fmt.Errorf("run %d of %d: %w", done+run+1, m.runs, err)
		}
		m.say("%s %d/%d: in step again after %s\n", e, done+run+1, m.runs, time.Since(s.Begin).Round(time.Millisecond))
	}
	pause(ctx, m.quiet)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
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
