package matrix

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e"
	"memgraph-controller/test/e2e/register"
)

// judge compares what a whole release holds with what its clients were told.
func (m *Runner) judge(ctx context.Context, s *Sample, c *crew) error {
	verdict, err := m.release.Verify(ctx)
	if err != nil && len(verdict.Unequal) == 0 {
		return stuck(ctx, fmt.Errorf("the release is whole, but its nodes cannot be read: %w", err))
	}
	s.accuse(verdict)
	last, err := m.registers(ctx, c.keys)
	if err := s.add(err); err != nil {
		return err
	}
	c.history = append(c.history, last...)
	s.Registers = register.Check(c.history, linearizing)
	if s.Registers.Linearizable == register.No {
		s.Findings = append(s.Findings, &finding{nonlinear, fmt.Sprintf("register %d: no order explains what its clients were told", s.Registers.Key)})
		return m.keepHistory(c.history)
	}
	return nil
}

// accuse makes findings of a verdict.
func (s *Sample) accuse(v bench.Verdict) {
	s.Lost = len(v.Lost)
	for _, charge := range []struct {
		kind kind
		what string
		ids  []int64
	}{
		{lost, "acknowledged, and not on every node", v.Lost},
		{diverged, "not on all nodes alike", v.Unequal},
		{diverged, "on a node twice", v.Dup},
		{diverged, "refused, yet on a node", v.Lies},
	} {
		if n := len(charge.ids); n > 0 {
			s.Findings = append(s.Findings, &finding{charge.kind, fmt.Sprintf("%d ids are %s: %v", n, charge.what, charge.ids[:min(n, maxSamples)])})
		}
	}
}

// registers reads the registers of all nodes, which must be equal before long, and
// returns that as the last operations of their history.
func (m *Runner) registers(ctx context.Context, keys []int64) ([]register.Operation, error) {
	var last []register.Operation
	err := e2e.Until(ctx, 30*time.Second, "the registers of all nodes to be equal", func(ctx context.Context) error {
		begin := time.Now()
		var first map[int64]int64
		err := m.release.EachNode(ctx, func(addr string) error {
			held, err := register.Read(ctx, addr)
			if err == nil && first != nil && !maps.Equal(held, first) {
				err = fmt.Errorf("%v, and before it %v", held, first)
			}
			first = held
			return err
		})
		last = register.Last(first, keys, begin, time.Now())
		return err
	})
	if err != nil && ctx.Err() == nil {
		err = &finding{diverged, err.Error()}
	}
	return last, err
}

// unhelped says what can be said of a release that is not whole: whether MAIN holds
// what was acknowledged. That it cannot be asked is known already.
func (m *Runner) unhelped(ctx context.Context, s *Sample, c *crew) error {
	c.stop(s)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	verdict, err := m.release.VerifyMain(ctx)
	if err != nil {
		return nil
	}
	s.accuse(verdict)
	s.Registers = register.Check(c.history, linearizing)
	if s.Registers.Linearizable == register.No {
		return errors.Join(&finding{nonlinear, fmt.Sprintf("register %d: no order explains what its clients were told", s.Registers.Key)}, m.keepHistory(c.history))
	}
	return nil
}
