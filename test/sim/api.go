package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/inmemory"
)

// api is the API server: the record, the lease, and what humans ask for. Its
// fields but objects are guarded by world.mu.
type api struct {
	objects *inmemory.Objects
	away    bool
	lease   lease
	request string // a human's wish, as an annotation; "" if there is none
	fail    []apiFault
}

// lease is the Lease object.
type lease struct {
	holder  int // number of a controller; -1: nobody
	version int
	freed   bool // released: it need not run out
}

// apiFault is how one of the next writes of the record fails.
type apiFault uint8

const (
	conflictOnce apiFault = iota + 1 // somebody else has touched the object
	loseRequest                      // the write never arrives
	loseAnswer                       // the write is done, and its answer is lost
)

var errAway = errors.New("the API server does not answer")

// call is a request of controller c to the API server.
func (c *replica) call(ctx context.Context, do func() error) error {
	w := c.w
	c.still()
	defer c.still()
	if err := sleep(ctx, 2*w.travel()); err != nil {
		return err
	}
	if w.pass(ctx, c.party(), apiServer) != nil {
		return fmt.Errorf("%w: %w", errAway, context.DeadlineExceeded)
	}
	w.mu.Lock()
	away := w.api.away
	w.mu.Unlock()
	if away {
		return errAway
	}
	err := do()
	if w.pass(ctx, apiServer, c.party()) != nil {
		return fmt.Errorf("%w: %w", errAway, context.DeadlineExceeded)
	}
	return err
}

// records implements controller.Records for one controller in one term.
type records struct {
	c    *replica
	term int
}

// Load implements controller.Records.
func (r records) Load(ctx context.Context) (rec *cluster.Record, version string, err error) {
	failed := r.c.call(ctx, func() error {
		rec, version, err = r.c.w.api.objects.Load(ctx)
		return err
	})
	if failed != nil {
		return nil, "", failed
	}
	return rec, version, nil
}

// Swap implements controller.Records.
func (r records) Swap(ctx context.Context, prev string, next cluster.Record) (string, error) {
	w := r.c.w
	w.boundary("before record", int(next.Main))
	version := ""
	err := r.c.call(ctx, func() error {
		switch w.apiFault() {
		case conflictOnce:
			return fmt.Errorf("conflict: %w", cluster.ErrConflict)
		case loseRequest:
			<-ctx.Done()
			return ctx.Err()
		case loseAnswer:
			_, _ = w.swap(ctx, r, prev, next)
			<-ctx.Done()
			return ctx.Err()
		}
		var err error
		version, err = w.swap(ctx, r, prev, next)
		return err
	})
	if err == nil {
		w.boundary("after record "+next.Stage.String(), int(next.Main))
	}
	return version, err
}

func (w *world) apiFault() apiFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.api.fail) == 0 {
		return 0
	}
	f := w.api.fail[0]
	w.api.fail = w.api.fail[1:]
	return f
}

// swap is the server's side. The judge sees every write that takes effect.
func (w *world) swap(ctx context.Context, r records, prev string, next cluster.Record) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	version, err := w.api.objects.Swap(ctx, prev, next)
	if err == nil {
		rec, _, _ := w.api.objects.Load(ctx)
		w.recorded(r, rec)
	}
	return version, err
}

// timing is a lease's, by the clock of one controller: a clock that runs fast makes
// all of it shorter.
type timing struct{ duration, renew, retry time.Duration }

func (t timing) at(rate float64) timing {
	by := func(d time.Duration) time.Duration { return time.Duration(float64(d) / rate) }
	return timing{by(t.duration), by(t.renew), by(t.retry)}
}

// contend is the election of one controller: it takes the lease when nobody has
// renewed it for its duration, renews it, and gives up when it cannot for too long.
func (c *replica) contend(ctx context.Context) {
	w := c.w
	seen, since := -1, time.Now()
	for ctx.Err() == nil {
		w.mu.Lock()
		pause := w.between(c.lease.retry, c.lease.retry*6/5)
		w.mu.Unlock()
		if sleep(ctx, pause) != nil {
			return
		}
		c.still()
		sent := time.Now()
		tried, cancel := context.WithTimeout(ctx, c.lease.renew/2)
		won := false
		err := c.call(tried, func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			l := &w.api.lease
			if l.version != seen {
				seen, since = l.version, time.Now()
			}
			if l.holder >= 0 && !l.freed && time.Since(since) < c.lease.duration {
				return nil
			}
			l.version++
			l.holder, l.freed = c.number, false
			seen, since = l.version, time.Now()
			won = true
			return nil
		})
		cancel()
		if won && ctx.Err() == nil {
			// An answer that was lost is found out at the next try, as the holder.
			if err == nil {
				c.hold(ctx, sent)
			}
			seen, since = -1, time.Now()
		}
	}
}

// hold keeps the lease as long as it can be renewed, and leads meanwhile.
func (c *replica) hold(ctx context.Context, sent time.Time) {
	w := c.w
	term, end := context.WithCancel(ctx)
	defer end()
	w.mu.Lock()
	c.renewed, c.leading = sent, true
	run := c.run
	w.terms++
	number := w.terms
	w.mu.Unlock()
	w.tell("%s leads, term %d", c.name(), number)
	joined := make(chan struct{})
	w.goes(func() {
		defer close(joined)
		c.lead(term, number)
	})
	for ctx.Err() == nil {
		_ = sleep(ctx, c.lease.retry)
		c.still()
		w.mu.Lock()
		zombie, late := c.zombie, time.Since(c.renewed) >= c.lease.renew
		w.mu.Unlock()
		if zombie {
			continue
		}
		if late {
			break
		}
		sent, lost := time.Now(), false
		tried, cancel := context.WithTimeout(ctx, c.lease.renew/2)
		err := c.call(tried, func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if lost = w.api.lease.holder != c.number; !lost {
				w.api.lease.version++
			}
			return nil
		})
		cancel()
		if lost {
			break
		}
		if err == nil {
			w.mu.Lock()
			c.renewed = sent
			w.mu.Unlock()
		}
	}
	end()
	<-joined
	w.mu.Lock()
	if c.run == run { // what a process left behind does not end the next one's term
		c.leading = false
	}
	w.mu.Unlock()
	w.tell("%s has ended term %d", c.name(), number)
}

// isLeading is what the loop asks before it does anything.
func (c *replica) isLeading() bool {
	c.still()
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.zombie || c.leading && time.Since(c.renewed) < c.lease.renew
}
