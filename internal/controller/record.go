package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
)

// load reads the record if it may have changed, and makes it this leader's own:
// from then on a deposed leader's write conflicts (P8).
func (l *Loop) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	began := time.Now()
	rec, version, err := l.Records.Load(ctx)
	l.turns.spent(recording, time.Since(began))
	if err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	if err := l.deposed(ctx, rec); err != nil {
		return err
	}
	if rec == nil && l.rec != nil {
		l.Last, l.own = l.rec, l.claimed
	}
	l.rec, l.version, l.loaded = rec, version, true
	if d := l.unsure; d != nil && rec != nil && rec.Request == d.Record.Request {
		l.handled(*d) // it was written, only the answer was lost
	}
	l.unsure = nil
	if rec == nil || l.claimed && rec.Leader == l.Identity {
		return nil
	}
	if err := l.write(ctx, *rec, "a new leader took over"); err != nil {
		l.loaded = false
		return err
	}
	return nil
}

// decided writes the record of a decision, and tells of the turn that is over by it.
func (l *Loop) decided(ctx context.Context, d cluster.Decision) error {
	prev, lived := l.rec, l.lived()
	if err := l.write(ctx, *d.Record, d.Why); err != nil {
		if len(d.Handled) > 0 {
			l.unsure = &d
		}
		return err
	}
	if d.Vain.Kind != cluster.NoStep {
		l.note(d.Vain, errVain)
	}
	if turn, over := l.turns.recorded(prev, l.rec, len(d.Handled) > 0, lived, time.Now()); over {
		l.news.turned(turn, *l.rec)
		l.Meter.Turned(turn)
	}
	l.handled(d)
	return nil
}

// errVain is how an attempt of kind Hold has failed.
var errVain = errors.New("work was held in vain")

// deposed asks the API server whose the lease is, before a record is made this
// controller's own: by its own clock, which may have stood still with its machine,
// it may believe to lead when another one does.
func (l *Loop) deposed(ctx context.Context, rec *cluster.Record) error {
	own := rec != nil && l.claimed && rec.Leader == l.Identity
	if own || l.Holds == nil {
		return nil
	}
	if err := l.Holds(ctx); err != nil {
		return fmt.Errorf("nothing is done here: %w", err)
	}
	return nil
}

// write replaces the record. On a conflict the record is read again first.
func (l *Loop) write(ctx context.Context, next cluster.Record, why string) error {
	if !l.Leading() {
		return errors.New("write the record: the lease has ended")
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	next.Leader, next.Version = l.Identity, l.Version
	next.LastUpdated = time.Now().UTC().Truncate(time.Millisecond)
	began := time.Now()
	version, err := l.Records.Swap(ctx, l.version, next)
	l.turns.spent(recording, time.Since(began))
	if err != nil {
		l.loaded = false
		return fmt.Errorf("write the record: %w", err)
	}
	prev := l.rec
	l.rec, l.version, l.claimed, l.wrote = &next, version, true, time.Now()
	switch {
	case next.Stage != cluster.Quiescing:
		l.quiesced = time.Time{}
	case prev != nil && prev.Stage != cluster.Quiescing:
		l.quiesced = l.wrote
	}
	if next.Stage == cluster.Promoting && (prev == nil || prev.Epoch != next.Epoch) {
		l.reigned = time.Now()
	}
	l.news.recorded(prev, next, why, l.reigned)
	l.Meter.Recorded()
	l.reached(next.Stage.String())
	return nil
}

func (l *Loop) reached(point string) {
	if l.Reached != nil {
		l.Reached(point)
	}
}
