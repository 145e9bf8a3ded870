package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"memgraph-controller/test/drivers/client"
	"memgraph-controller/test/drivers/judge"
)

// working is how long all clients may take to have their first success.
const working = time.Minute

// load is all clients of an event at work, and what they have told.
type load struct {
	crews []client.Crew

	mu      sync.Mutex
	ops     []judge.Op
	working map[int]bool
}

// start puts clients to work and returns when each has had a success.
func start(ctx context.Context, specs map[judge.Driver][]client.Spec, script string) (*load, error) {
	l := &load{working: map[int]bool{}}
	number := 0
	for driver, some := range specs {
		number += len(some)
		var crew client.Crew
		var err error
		if driver == judge.JavaScript {
			crew, err = client.StartNode(ctx, script, some, l.tell)
		} else {
			crew, err = client.StartGo(ctx, some, l.tell)
		}
		if err != nil {
			_, stopErr := l.stop()
			return nil, errors.Join(err, stopErr)
		}
		l.crews = append(l.crews, crew)
	}
	if err := l.await(ctx, number); err != nil {
		_, stopErr := l.stop()
		return nil, errors.Join(err, stopErr)
	}
	return l, nil
}

// tell takes note of an operation.
func (l *load) tell(o judge.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, o)
	if o.Failure == nil {
		l.working[o.Client] = true
	}
}

func (l *load) await(ctx context.Context, number int) error {
	for began := time.Now(); ; pause(ctx, 20*time.Millisecond) {
		l.mu.Lock()
		have := len(l.working)
		l.mu.Unlock()
		switch {
		case have == number:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case time.Since(began) > working:
			return fmt.Errorf("wait for %d clients to begin: %d have had a success within %s; the others were told: %s", number, have, working, l.told())
		}
	}
}

// told is a failure of each kind, for a person.
func (l *load) told() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	kinds := map[string]string{}
	for _, o := range l.ops {
		if o.Failure != nil {
			kinds[o.Failure.Code] = o.Failure.Text
		}
	}
	if len(kinds) == 0 {
		return "nothing yet"
	}
	return fmt.Sprint(kinds)
}

// stop lets every client finish what it is at, and returns when they were told to.
func (l *load) stop() (time.Time, error) {
	told := time.Now()
	errs := make([]error, len(l.crews))
	var stopping sync.WaitGroup
	for i, crew := range l.crews {
		stopping.Go(func() { errs[i] = crew.Stop() })
	}
	stopping.Wait()
	return told, errors.Join(errs...)
}

// all are the operations. Call it after stop.
func (l *load) all() []judge.Op { return l.ops }
