//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	standin "memgraph-controller/internal/standin/control"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

// control injects faults through the stand-in's control port.
type control struct{}

var _ judge.Faults = control{}

var points = map[judge.Point]standin.Point{
	judge.AfterWAL:       standin.AfterWAL,
	judge.AfterShip:      standin.AfterShip,
	judge.BeforeFinalize: standin.AfterLocalCommit,
	judge.AfterFinalize:  standin.AfterFinalize,
	judge.AfterPromotion: standin.AfterPromotion,
}

func port(n *server.Node) standin.Client {
	return standin.Client{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Control))}
}

func (control) Crash(ctx context.Context, n *server.Node, p judge.Point) error {
	at, ok := points[p]
	if !ok {
		return fmt.Errorf("crash %s: the stand-in knows no point %q", n.Name, p)
	}
	return port(n).CrashAt(ctx, at)
}

func (control) LoseFinalize(ctx context.Context, main *server.Node) error {
	c := port(main)
	s, err := c.State(ctx)
	if err != nil {
		return err
	}
	s.Faults.LoseFinalize = 1
	return c.Set(ctx, s.Faults)
}

func (control) PowerLoss(ctx context.Context, n *server.Node) error { return port(n).PowerLoss(ctx) }
