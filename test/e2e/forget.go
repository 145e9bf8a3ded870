package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// removeQuery removes some of all there is and says how many.
const removeQuery = "MATCH (n) WITH n LIMIT 5000 DELETE n RETURN count(n)"

// Forget removes everything from the graph, through the gateway, and all attempts
// from memory, so that a run of days needs no more room than one of minutes. Call it
// on a whole release that was verified, while nobody writes. What comes back later is
// counted as lost by [Release.Verify].
func (r *Release) Forget(ctx context.Context) error {
	err := r.Place.Through(ctx, r.Gateway(), func(addr string) error {
		return Until(ctx, 30*time.Second, "the graph to be empty", func(ctx context.Context) error { return remove(ctx, addr) })
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removed, r.attempts = r.ids.Load(), nil
	return nil
}

// remove removes until nothing is left.
func remove(ctx context.Context, addr string) error {
	driver, err := neo4j.NewDriverWithContext("bolt://"+addr, neo4j.NoAuth())
	if err != nil {
		return fmt.Errorf("open a driver for %s: %w", addr, err)
	}
	defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }()
	session := driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeWrite})
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }()
	for {
		result, err := session.Run(ctx, removeQuery, nil)
		if err != nil {
			return err
		}
		row, err := result.Single(ctx)
		if err != nil {
			return err
		}
		if n, ok := row.Values[0].(int64); !ok || n == 0 {
			return nil
		}
	}
}
