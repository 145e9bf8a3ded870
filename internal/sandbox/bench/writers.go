package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
)

const (
	attemptTimeout = 30 * time.Second     // longer than any hold, so that the answer is the cluster's
	retryAfter     = 5 * time.Millisecond // pause after an attempt that failed
	writeQuery     = "CREATE (:W {id: $id})"
	readQuery      = "MATCH (n:W) RETURN n.id"
)

// Writer writes one id, once, and says how that ended.
type Writer interface {
	Write(ctx context.Context, id int64) error
	Close(ctx context.Context) error
}

// Dial returns a Writer that uses the official driver on a Bolt address.
func Dial(addr string) (Writer, error) {
	driver, err := Open(addr, attemptTimeout)
	if err != nil {
		return nil, err
	}
	return &driverWriter{driver}, nil
}

// Open returns a driver of one connection to a Bolt address (host:port), for a client
// that waits no longer than patience for it.
func Open(addr string, patience time.Duration) (neo4j.DriverWithContext, error) {
	driver, err := neo4j.NewDriverWithContext("bolt://"+addr, neo4j.NoAuth(), func(c *config.Config) {
		c.MaxConnectionPoolSize = 1
		c.SocketConnectTimeout = 2 * time.Second
		c.ConnectionAcquisitionTimeout = patience
		c.TelemetryDisabled = true
	})
	if err != nil {
		return nil, fmt.Errorf("open a driver for %s: %w", addr, err)
	}
	return driver, nil
}

type driverWriter struct{ driver neo4j.DriverWithContext }

// Write runs one auto-commit statement, which the driver never retries.
func (w *driverWriter) Write(ctx context.Context, id int64) error {
	session := w.driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeWrite})
	defer func() { _ = session.Close(ctx) }() // the statement's own error says it all
	result, err := session.Run(ctx, writeQuery, map[string]any{"id": id})
	if err != nil {
		return err
	}
	_, err = result.Consume(ctx)
	return err
}

// Close closes the driver's connections.
func (w *driverWriter) Close(ctx context.Context) error { return w.driver.Close(ctx) }

// crew is a number of writers at work.
type crew struct {
	ids     *atomic.Int64 // the last id given out
	stopped chan struct{}
	work    sync.WaitGroup

	mu       sync.Mutex
	attempts []Attempt
	errs     map[string]int // how often each error that was not a refusal
	news     chan struct{}  // closed and replaced with every acknowledgement
}

func newCrew(ids *atomic.Int64) *crew {
	return &crew{ids: ids, stopped: make(chan struct{}), errs: map[string]int{}, news: make(chan struct{})}
}

// start lets one more writer write until the crew is dismissed.
func (c *crew) start(ctx context.Context, number int, w Writer) {
	c.work.Go(func() {
		defer func() { _ = w.Close(ctx) }() // nothing was promised that could still fail
		for {
			select {
			case <-c.stopped:
				return
			case <-ctx.Done():
				return
			default:
			}
			if !c.attempt(ctx, number, w) {
				pause(ctx, retryAfter)
			}
		}
	})
}

// attempt writes one new id and reports whether that was acknowledged.
func (c *crew) attempt(ctx context.Context, number int, w Writer) bool {
	a := Attempt{ID: c.ids.Add(1), Writer: number, Begin: time.Now()}
	deadline, cancel := context.WithTimeout(ctx, attemptTimeout)
	err := w.Write(deadline, a.ID)
	cancel()
	a.End, a.Outcome = time.Now(), Classify(err)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, a)
	if err != nil {
		c.errs[err.Error()]++
	}
	if a.Outcome == Acked {
		close(c.news)
		c.news = make(chan struct{})
	}
	return a.Outcome == Acked
}

// dismiss lets every writer finish the attempt it is at and returns them all.
func (c *crew) dismiss() []Attempt {
	close(c.stopped)
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts
}

// await waits until the attempts so far satisfy a condition. It looks again
// after every acknowledgement.
func (c *crew) await(ctx context.Context, holds func([]Attempt) bool) error {
	for {
		c.mu.Lock()
		done, news := holds(c.attempts), c.news
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
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

// Read streams the ids that the server at addr holds, and how often each.
func Read(ctx context.Context, addr string) (held map[int64]int, err error) {
	driver, err := Open(addr, attemptTimeout)
	if err != nil {
		return nil, err
	}
	defer func() { _ = driver.Close(ctx) }() // what was read is read
	session := driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: neo4j.AccessModeRead})
	defer func() { _ = session.Close(ctx) }()
	result, err := session.Run(ctx, readQuery, nil)
	if err != nil {
		return nil, fmt.Errorf("read what %s holds: %w", addr, err)
	}
	held = map[int64]int{}
	for result.Next(ctx) {
		id, ok := result.Record().Values[0].(int64)
		if !ok {
			return nil, fmt.Errorf("read what %s holds: an id is %v, not a number", addr, result.Record().Values[0])
		}
		held[id]++
	}
	if err := result.Err(); err != nil {
		return nil, fmt.Errorf("read what %s holds: %w", addr, err)
	}
	return held, nil
}
