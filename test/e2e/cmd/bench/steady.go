package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e"
)

// The lines that are no faults.
const (
	steadyLine = "steady"
	startLine  = "start"
)

// steadyFor is how long a quiet release is watched.
const steadyFor = time.Minute

// steadyFigures are what the controllers cost while nothing happens.
type steadyFigures struct {
	Figure            string  `json:"figure"`
	Seconds           int     `json:"seconds"`
	Controllers       int     `json:"controllers"`
	RequestsPerSecond float64 `json:"api_requests_per_second"` // of one replica, on average
	RequestsBar       float64 `json:"api_requests_bar"`
	MemoryMiB         float64 `json:"memory_mib"` // working set of the largest replica
	MemoryBar         float64 `json:"memory_bar_mib"`
}

// steady watches a whole release to which nothing happens.
func (b *bencher) steady(ctx context.Context) (steadyFigures, error) {
	out := steadyFigures{Figure: steadyLine, Seconds: int(steadyFor.Seconds()), RequestsBar: 1, MemoryBar: 64}
	if err := b.ours.Settle(ctx, healing); err != nil {
		return out, err
	}
	pause(ctx, 10*time.Second) // what follows the last change
	began := time.Now()
	pause(ctx, steadyFor)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	requests, err := b.ours.Requests(began)
	if err != nil {
		return out, err
	}
	pods, err := b.ours.Pods(ctx, e2e.Controller)
	if err != nil {
		return out, err
	}
	out.Controllers = len(pods)
	out.RequestsPerSecond = math.Round(100*float64(len(requests))/time.Since(began).Seconds()/float64(len(pods))) / 100
	for _, p := range pods {
		bytes, err := b.ours.Memory(ctx, p, e2e.Controller)
		if err != nil {
			return out, err
		}
		out.MemoryMiB = max(out.MemoryMiB, math.Round(float64(bytes)/(1<<20)*10)/10)
	}
	return out, nil
}

// startFigures are how long a lone controller takes from its first log line until
// it leads: everything that leader election adds to a start is in it.
type startFigures struct {
	Figure string          `json:"figure"`
	Runs   int             `json:"runs"`
	Leads  bench.Quantiles `json:"start_to_term_ms"`
	Bar    float64         `json:"bar_ms"`
}

// start has a lone controller stop cleanly and start again.
func (b *bencher) start(ctx context.Context) (startFigures, error) {
	out := startFigures{Figure: startLine, Bar: 100}
	var took []time.Duration
	for range b.runs {
		if err := b.ours.Scale(ctx, 0); err != nil {
			return out, err
		}
		if err := b.ours.Scale(ctx, 1); err != nil {
			return out, err
		}
		var one time.Duration
		err := e2e.Until(ctx, time.Minute, "a lone controller to lead", func(ctx context.Context) error {
			log, err := b.ours.Logs(ctx, e2e.Controller)
			if err == nil {
				one, err = between(log, "msg=started", `msg="term began"`)
			}
			return err
		})
		if err != nil {
			return out, err
		}
		took = append(took, one)
	}
	out.Runs, out.Leads = len(took), bench.Summarize(took)
	return out, b.ours.Scale(ctx, 3)
}

// between returns the time between the first line with one text and the first with
// another, by the log's own clock.
func between(log, from, to string) (time.Duration, error) {
	at := func(text string) (time.Time, error) {
		for line := range strings.Lines(log) {
			stamp, rest, ok := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			if ok && strings.Contains(rest, text) {
				return time.Parse(time.RFC3339Nano, stamp)
			}
		}
		return time.Time{}, fmt.Errorf("no line %s", text)
	}
	a, errA := at(from)
	z, errZ := at(to)
	return z.Sub(a), errors.Join(errA, errZ)
}
