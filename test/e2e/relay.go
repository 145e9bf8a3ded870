package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
)

// relay is a door on this host's loopback to an address of the cluster's network,
// for drivers that cannot be told how to dial. A connection that cannot be made is
// closed at once, and a client counts that as an error.
type relay struct {
	listener net.Listener
	sessions sync.WaitGroup
	end      context.CancelFunc
}

func (p *Place) relay(ctx context.Context, address string) (*relay, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a door to %s: %w", address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &relay{listener: listener, end: cancel}
	l.sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // it was closed
			}
			l.sessions.Go(func() { p.join(ctx, conn, address) })
		}
	})
	return l, nil
}

// Door is an address on this host's loopback (host:port) that leads to one of the
// cluster's network until shut is called, for drivers that cannot be told how to
// dial. A connection that cannot be made is closed at once.
func (p *Place) Door(ctx context.Context, address string) (addr string, shut func(), err error) {
	l, err := p.relay(ctx, address)
	if err != nil {
		return "", nil, err
	}
	return l.addr(), l.close, nil
}

// Through calls f with a door to an address that is shut afterwards.
func (p *Place) Through(ctx context.Context, address string, f func(addr string) error) error {
	addr, shut, err := p.Door(ctx, address)
	if err != nil {
		return err
	}
	defer shut()
	return f(addr)
}

func (l *relay) addr() string { return l.listener.Addr().String() }

// close ends all sessions and waits for them.
func (l *relay) close() {
	l.end()
	l.listener.Close()
	l.sessions.Wait()
}

// join copies both ways until one side ends.
func (p *Place) join(ctx context.Context, near net.Conn, address string) {
	defer near.Close()
	far, err := p.Dial(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	defer context.AfterFunc(ctx, func() {
		near.Close()
		far.Close()
	})()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far) // the end of either is the end of both
		near.Close()
		far.Close()
	})
	_, _ = io.Copy(far, near)
	near.Close()
	far.Close()
	back.Wait()
}
