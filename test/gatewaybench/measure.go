package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/test/gatewaybench/exchange"
)

// groups measure figures that are seen together.
var groups = map[string]func(ctx context.Context, s *stage, o options, emit func(figure, []round) error) error{
	"latency":     latency,
	"connections": connections,
	"bulk":        bulk,
	"memory":      memory,
}

func groupNames() []string { return slices.Sorted(maps.Keys(groups)) }

// pace is how often all clients together ask in a second, when they do not ask without a
// pause: far less than any of the three could answer.
const pace = 2000

// latency has one, sixteen and 256 clients ask, without a pause and at a pace.
func latency(ctx context.Context, s *stage, o options, emit func(figure, []round) error) error {
	for _, n := range []int{1, 16, 256} {
		paced, busy, err := s.askInTurns(ctx, n, o)
		if err != nil {
			return err
		}
		if err := errors.Join(
			emit(figure{name: fmt.Sprintf("added_p50_us_at_%d", n), quantity: "p50", added: true, bar: bar{ratioAtMost, 1.1}}, busy),
			emit(figure{name: fmt.Sprintf("added_p99_us_at_%d", n), quantity: "p99", added: true, bar: bar{ratioAtMost, 1.5}}, busy),
			emit(figure{name: fmt.Sprintf("cpu_us_per_query_at_%d", n), quantity: "cpu", alone: true}, busy),
			emit(figure{name: fmt.Sprintf("paced_added_p50_us_at_%d", n), quantity: "p50", added: true, bar: bar{ratioAtMost, 1.1}}, paced),
			emit(figure{name: fmt.Sprintf("paced_added_p99_us_at_%d", n), quantity: "p99", added: true, bar: bar{ratioAtMost, 1.5}}, paced),
			emit(figure{name: fmt.Sprintf("paced_cpu_us_per_query_at_%d", n), quantity: "cpu", alone: true}, paced),
		); err != nil {
			return err
		}
	}
	return nil
}

// askInTurns has n clients of each way ask, at a pace and then without a pause.
func (s *stage) askInTurns(ctx context.Context, n int, o options) (paced, busy []round, err error) {
	var clients [ways][]*exchange.Client
	for which := range clients {
		if clients[which], err = dial(ctx, s.ways[which], n); err != nil {
			return nil, nil, err
		}
		defer closeAll(clients[which])
		if _, err := ask(clients[which], 0, o.slice/3); err != nil { // not measured: buffers grow, threads start
			return nil, nil, err
		}
	}
	at := func(pace int) ([]round, error) {
		return s.turns(ctx, o.rounds, func(which int) (reading, error) {
			return s.waits(which, clients[which], pace, o.slice)
		})
	}
	if paced, err = at(pace); err != nil {
		return nil, nil, err
	}
	busy, err = at(0)
	return paced, busy, err
}

// waits measures how long questions wait.
func (s *stage) waits(which int, clients []*exchange.Client, pace int, d time.Duration) (reading, error) {
	var waited []time.Duration
	cpu, err := s.ways[which].proxy.spends(func() (err error) {
		// A machine that does other things may keep a lone client from asking for that long.
		for tries := 0; len(waited) == 0 && tries < 20 && err == nil; tries++ {
			waited, err = ask(clients, pace, d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(waited) == 0 {
		return nil, fmt.Errorf("nothing was asked in 20 times %v: give --slice more", d)
	}
	return reading{
		"p50": microseconds(percentile(waited, 50)),
		"p99": microseconds(percentile(waited, 99)),
		"cpu": microseconds(cpu) / float64(len(waited)),
	}, nil
}

// connections has sixteen clients come and go.
func connections(ctx context.Context, s *stage, o options, emit func(figure, []round) error) error {
	const comers = 16
	rounds, err := s.turns(ctx, o.rounds, func(which int) (reading, error) {
		var came int64
		var took time.Duration
		cpu, err := s.ways[which].proxy.spends(func() (err error) {
			came, took, err = comeAndGo(ctx, s.ways[which], comers, o.slice)
			return err
		})
		if err != nil {
			return nil, err
		}
		return reading{"rate": float64(came) / took.Seconds(), "cpu": microseconds(cpu) / float64(came)}, nil
	})
	if err != nil {
		return err
	}
	return errors.Join(
		emit(figure{name: "connections_per_s", quantity: "rate", bar: bar{ratioAtLeast, 0.7}}, rounds),
		emit(figure{name: "cpu_us_per_connection", quantity: "cpu", alone: true}, rounds),
	)
}

// bulk has one client fetch a large result.
func bulk(ctx context.Context, s *stage, o options, emit func(figure, []round) error) error {
	fetch := func(recordSize int) ([]round, error) {
		r := exchange.Result{Blocks: o.mib << 20 / exchange.BlockSize, RecordSize: recordSize}
		return s.turns(ctx, part(o.rounds, 5), func(which int) (reading, error) { return s.fetch(ctx, which, r) })
	}
	rounds, err := fetch(1 << 10)
	if err != nil {
		return err
	}
	small, err := fetch(64)
	if err != nil {
		return err
	}
	return errors.Join(
		emit(figure{name: "bulk_mib_per_s", quantity: "rate", bar: bar{ratioAtLeast, 0.9}}, rounds),
		emit(figure{name: "cpu_ms_per_gib", quantity: "cpu", alone: true}, rounds),
		emit(figure{name: "bulk_small_mib_per_s", quantity: "rate"}, small),
		emit(figure{name: "cpu_ms_per_gib_small", quantity: "cpu", alone: true}, small),
	)
}

func (s *stage) fetch(ctx context.Context, which int, r exchange.Result) (reading, error) {
	c, err := exchange.Dial(ctx, s.ways[which].addr, s.ways[which].trust)
	if err != nil {
		return nil, err
	}
	defer closeAll([]*exchange.Client{c})
	began := time.Now()
	var took time.Duration
	cpu, err := s.ways[which].proxy.spends(func() error {
		err := c.Fetch(r)
		took = time.Since(began)
		return err
	})
	if err != nil {
		return nil, err
	}
	mib := float64(r.Bytes()) / (1 << 20)
	return reading{"rate": mib / took.Seconds(), "cpu": cpu.Seconds() * 1000 / mib * 1024}, nil
}

// memory has a thousand clients do nothing, at proxies that have had none before.
func memory(ctx context.Context, s *stage, o options, emit func(figure, []round) error) error {
	rounds, err := s.turns(ctx, part(o.rounds, 10), func(which int) (reading, error) {
		if which == direct {
			return reading{}, nil
		}
		grown, err := s.idle(ctx, which, 1000)
		return reading{"grown": float64(grown) / (1 << 20)}, err
	})
	if err != nil {
		return err
	}
	return emit(figure{name: "idle_mib_per_1000", quantity: "grown", alone: true, bar: bar{oursAtMost, 64}}, rounds)
}

// settle is how long a proxy may take to give back what a session needed to begin.
const settle = time.Second

// idle returns by how many bytes a new proxy grows with n sessions.
func (s *stage) idle(ctx context.Context, which, n int) (grown int64, err error) {
	w, err := s.start(ctx, which, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.proxy.stop()) }()
	grows := func(sessions int) (int64, error) {
		clients, err := dial(ctx, w, sessions)
		if err != nil {
			return 0, err
		}
		defer closeAll(clients)
		for _, c := range clients {
			if err := c.Ask(); err != nil {
				return 0, err
			}
		}
		time.Sleep(settle)
		return w.proxy.resident()
	}
	before, err := grows(1) // what the program itself needs is there after one
	if err != nil {
		return 0, err
	}
	after, err := grows(n)
	return after - before, err
}

// part is how often figures are measured that take long: once in so many rounds.
func part(rounds, once int) int { return (rounds + once - 1) / once }

// spends returns the CPU time that the process needs while f runs; none if there is none.
func (p *process) spends(f func() error) (time.Duration, error) {
	if p == nil {
		return 0, f()
	}
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return after - before, err
}

// dial logs in n clients, some at a time.
func dial(ctx context.Context, w way, n int) ([]*exchange.Client, error) {
	clients := make([]*exchange.Client, n)
	err := together(min(n, 16), func(first int) error {
		for i := first; i < n; i += min(n, 16) {
			c, err := exchange.Dial(ctx, w.addr, w.trust)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			clients[i] = c
		}
		return nil
	})
	if err != nil {
		closeAll(clients)
	}
	return clients, err
}

func closeAll(clients []*exchange.Client) {
	for _, c := range clients {
		if c != nil {
			_ = c.Close() // what was to be measured was measured
		}
	}
}

// ask has all clients ask for d, pace questions a second all together, and returns how
// long each question has waited. Without a pace they ask without a pause.
func ask(clients []*exchange.Client, pace int, d time.Duration) (waited []time.Duration, err error) {
	each := make([][]time.Duration, len(clients))
	end := time.Now().Add(d)
	err = together(len(clients), func(i int) error {
		mine := make([]time.Duration, 0, 1<<10)
		for {
			if pace > 0 { // nobody asks in step with another
				time.Sleep(rand.N(2 * time.Second * time.Duration(len(clients)) / time.Duration(pace)))
			}
			asked := time.Now()
			if !asked.Before(end) {
				break
			}
			if err := clients[i].Ask(); err != nil {
				return err
			}
			mine = append(mine, time.Since(asked))
		}
		each[i] = mine
		return nil
	})
	return slices.Concat(each...), err
}

// comeAndGo has n clients come and go again and again for d, and returns how often they
// did.
func comeAndGo(ctx context.Context, w way, n int, d time.Duration) (came int64, took time.Duration, err error) {
	var times atomic.Int64
	began := time.Now()
	end := began.Add(d)
	err = together(n, func(int) error {
		for time.Now().Before(end) {
			c, err := exchange.Dial(ctx, w.addr, w.trust)
			if err != nil {
				return err
			}
			_ = c.Close() // the server may have closed first, on hearing goodbye
			times.Add(1)
		}
		return nil
	})
	return times.Load(), time.Since(began), err
}

// together runs f n times side by side, and joins their errors.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errors.Join(errs...)
}
