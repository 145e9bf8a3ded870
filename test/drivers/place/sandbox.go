package place

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox"
	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/drivers/judge"
)

const (
	healing  = time.Minute      // until the sandbox is whole after anything
	handOver = 15 * time.Second // for a switchover
	requests = 3                // for one, at most
	draining = 3 * time.Second  // of a controller that stops; the chart's default is longer
)

// Sandbox is a place in this process: its nodes are stand-ins.
type Sandbox struct {
	s           *sandbox.Sandbox
	write, read *service
	cancel      context.CancelFunc
	ended       chan error
}

var _ Place = (*Sandbox)(nil)

// StartSandbox starts one on ports nobody knows, in a directory of its own, or a temporary
// one if that is "".
func StartSandbox(ctx context.Context, dir string) (*Sandbox, error) {
	p := &Sandbox{ended: make(chan error, 1)}
	var err error
	p.write, err = open(ctx, first(func() []string {
		var doors []string
		for _, d := range p.s.Doors() {
			doors = append(doors, d.Addr)
		}
		return doors
	}))
	if err != nil {
		return nil, err
	}
	p.read, err = open(ctx, first(func() []string { return p.s.ReadDoors() }))
	if err != nil {
		p.write.close()
		return nil, err
	}
	p.s, err = sandbox.Open(ctx, sandbox.Options{
		Dir: dir, FirstPort: 20000 + rand.N(8000), ReplaceAfter: 2 * time.Second, AdvertisedReadOnly: p.read.addr(), DrainTimeout: draining, Version: "drivers",
	})
	if err != nil {
		p.write.close()
		p.read.close()
		return nil, err
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() { p.ended <- p.s.Run(ctx) }()
	return p, nil
}

// Close implements Place.
func (p *Sandbox) Close(context.Context) error {
	p.write.close()
	p.read.close()
	p.cancel()
	return <-p.ended
}

// Doors implements Place.
func (p *Sandbox) Doors() (write, read string) { return p.write.addr(), p.read.addr() }

// Lacks implements Place.
func (p *Sandbox) Lacks(judge.Event) string { return "" }

// Settle implements Place.
func (p *Sandbox) Settle(ctx context.Context) error {
	return until(ctx, healing, "the sandbox to be whole", lacks(p.s.Lacks))
}

// Recover implements Place.
func (p *Sandbox) Recover(ctx context.Context) error {
	return until(ctx, healing, "the nodes of the sandbox to be in step", lacks(p.s.OutOfStep))
}

// lacks makes an error of what is missing.
func lacks(missing func() string) func() error {
	return func() error {
		if what := missing(); what != "" {
			return errors.New(what)
		}
		return nil
	}
}

// Held implements Place.
func (p *Sandbox) Held(ctx context.Context) ([]map[int64]int, error) {
	nodes := p.s.Nodes()
	held := make([]map[int64]int, len(nodes))
	reads, ctx := errgroup.WithContext(ctx)
	for i, addr := range nodes {
		reads.Go(func() (err error) {
			held[i], err = bench.Read(ctx, addr)
			return err
		})
	}
	return held, reads.Wait()
}

// Strike implements Place.
func (p *Sandbox) Strike(ctx context.Context, e judge.Event) (judge.Strike, error) {
	epoch := p.s.Epoch()
	strike, err := p.happen(ctx, e)
	if err == nil && e == judge.MainCrash {
		err = until(ctx, healing, "another reign", func() error {
			if now := p.s.Epoch(); now == epoch {
				return fmt.Errorf("it is epoch %d still", now)
			}
			return nil
		})
	}
	return strike, err
}

func (p *Sandbox) happen(ctx context.Context, e judge.Event) (judge.Strike, error) {
	return during(func() error {
		switch e {
		case judge.None:
			return nil
		case judge.Switchover:
			return p.switchover(ctx)
		case judge.MainCrash:
			main, serves := p.s.Main()
			if !serves {
				return errors.New("crash MAIN of the sandbox: there is none")
			}
			return p.s.Kill(main)
		case judge.LeaderCrash:
			_, err := p.s.CrashLeader()
			return err
		case judge.RollingRestart:
			return p.restart(ctx)
		case judge.GatewayRollout:
			return p.rollOut(ctx)
		}
		return fmt.Errorf("event %q: the sandbox does not know it", e)
	})
}

// switchover asks for one, and again if the controllers have given it up: they do where
// MAIN is too busy to tell in time how far its replicas are.
func (p *Sandbox) switchover(ctx context.Context) error {
	before, _ := p.s.Main()
	var err error
	for range requests {
		if _, err = p.s.Do(ctx, "switchover"); err != nil {
			return err
		}
		err = until(ctx, handOver, "another MAIN", func() error {
			if main, serves := p.s.Main(); !serves || main == before {
				return fmt.Errorf("%s is MAIN, serving: %t; %s", main, serves, p.s.Snapshot().Reign)
			}
			return nil
		})
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// restart restarts all nodes, the last one first as a StatefulSet does.
func (p *Sandbox) restart(ctx context.Context) error {
	for n := len(p.s.Nodes()) - 1; n >= 0; n-- {
		if err := p.Recover(ctx); err != nil {
			return err
		}
		if err := p.s.RestartNode(ctx, cluster.Ordinal(n)); err != nil {
			return err
		}
	}
	return p.Recover(ctx)
}

// rollOut replaces all controllers.
func (p *Sandbox) rollOut(ctx context.Context) error {
	for i := range sandbox.Size {
		if err := p.Recover(ctx); err != nil {
			return err
		}
		if err := p.s.Renew(i); err != nil {
			return err
		}
	}
	return p.Recover(ctx)
}
