package place

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/test/drivers/judge"
)

// Place is one cluster. Its methods are called from one goroutine.
type Place interface {
	// Doors returns where clients come in, to write and to read, host:port. They stay.
	Doors() (write, read string)
	// Lacks says why an event cannot happen here, "" if it can.
	Lacks(judge.Event) string
	// Strike has an event happen and returns when it was, once the cluster has taken note
	// of it. A crash was as soon as something is dead.
	Strike(context.Context, judge.Event) (judge.Strike, error)
	// Settle waits until the cluster is fully redundant, while nobody writes.
	Settle(context.Context) error
	// Recover waits, under writes, until every node is in step, so that the next event
	// may happen.
	Recover(context.Context) error
	// Held reads what each node holds, past the gateway: how often each id.
	Held(context.Context) ([]map[int64]int, error)
	// Close takes back all that the place has made.
	Close(context.Context) error
}

// during runs what an event is made of, and returns when that was.
func during(f func() error) (judge.Strike, error) {
	s := judge.Strike{Begin: time.Now()}
	err := f()
	s.End = time.Now()
	return s, err
}

// until calls f every 20 ms until it returns nil; the error is f's last.
func until(ctx context.Context, patience time.Duration, what string, f func() error) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		again := time.NewTimer(20 * time.Millisecond)
		select {
		case <-again.C:
		case <-late.C:
			return fmt.Errorf("waited %s for %s: %w", patience, what, err)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("wait for %s: %w", what, err), context.Cause(ctx))
		}
	}
}
