package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/prestop"
)

// What the deletion of a pod looks like to its node: the preStop hook, which the chart
// has too, has been started, and waits no longer than this.
const (
	hookStarts   = 100 * time.Millisecond
	hookPatience = 10 * time.Second
)

// RestartNode restarts a node as the deletion of its pod does: it is told to stop, serves
// until nobody needs it, and ends. It returns when its process is dead.
func (s *Sandbox) RestartNode(ctx context.Context, n cluster.Ordinal) error {
	if err := s.supervisor.Leave(n); err != nil {
		return err
	}
	if !wait(ctx, hookStarts) {
		return fmt.Errorf("restart %s: %w", n, context.Cause(ctx))
	}
	prestop.Options{Node: n, Timeout: hookPatience}.Poll(ctx, func(context.Context) (*cluster.Record, error) {
		if rec := s.record.Load(); rec != nil {
			return rec, nil
		}
		return nil, errors.New("there is no record")
	})
	if ctx.Err() != nil {
		return fmt.Errorf("restart %s: %w", n, context.Cause(ctx))
	}
	return s.supervisor.Stop(ctx, n)
}
