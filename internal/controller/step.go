package controller

import (
	"context"
	"errors"
	"time"

	"memgraph-controller/internal/cluster"
)

// act takes one step, notes what became of it, and looks at the node again.
func (l *Loop) act(ctx context.Context, d cluster.Decision) {
	s := d.Step
	if d.Inform && l.Inform != nil {
		told, cancel := context.WithTimeout(ctx, informTimeout)
		began := time.Now()
		l.Inform(told, *l.rec)
		l.turns.spent(informing, time.Since(began))
		cancel()
		if !l.Leading() { // that may have taken any time
			return
		}
	}
	began := time.Now()
	err := l.do(ctx, s)
	if ctx.Err() != nil {
		return
	}
	a, took := l.note(s, err), time.Since(began)
	l.turns.spent(s.Kind.String(), took)
	l.news.stepped(d, a, err, took)
	l.Meter.Stepped(s.Kind, a.Failure, took)
	if err == nil {
		l.reached(s.Kind.String())
	}
	l.probes[s.Node].invalidate()
	if s.Kind == cluster.Register {
		// It takes over MAIN's database: what it said of its own is over.
		l.probes[s.Replica].invalidate()
		l.nodes[s.Replica].Data = cluster.Data{}
		l.probes[s.Replica].hint()
	}
	if s.Kind == cluster.Restart {
		l.platform()
		l.probes[s.Node].hint()
		return
	}
	v := l.probes[s.Node].look(ctx, l.Nodes, l.Platform)
	l.turns.spent(looking, v.took)
	l.take(v)
}

func (l *Loop) do(ctx context.Context, s cluster.Step) error {
	if s.Kind == cluster.Restart {
		if err := l.Platform.Restart(ctx, s.Node); err != nil {
			return &cluster.StepError{Step: s, Failure: cluster.Unclear, Err: err}
		}
		return nil
	}
	return l.Nodes.Do(ctx, s)
}

// note remembers the attempt: whose process it concerned, and failures in a row.
func (l *Loop) note(s cluster.Step, err error) cluster.Attempt {
	whose := s.Node
	switch {
	case s.Kind == cluster.Register || s.Kind == cluster.Hold:
		whose = s.Replica
	case s.Kind == cluster.Mark && s.Proves != cluster.NoNode:
		whose = s.Proves
	}
	a := l.attempts[s]
	if p := l.nodes[whose].Process; a.Process != p {
		a.Process, a.Failures = p, 0
	}
	a.At, a.Failure = time.Now(), 0
	a.Tries++
	if err == nil {
		a.Failures = 0
	} else {
		a.Failures++
		a.Failure = cluster.Unclear
		var failed *cluster.StepError
		if errors.As(err, &failed) {
			a.Failure = failed.Failure
		}
	}
	l.attempts[s] = a
	return a
}
