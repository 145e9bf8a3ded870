package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Gateway carries clients to the servers that the current Route names.
// Make one with New, tell it routes with Follow at any time, and Run it once.
type Gateway struct {
	opt Options

	toServer, toClient atomic.Uint64 // bytes carried so far

	mu      sync.Mutex
	route   Route
	main    *node            // nil while the route names no Main
	readers map[string]*node // by address, as in route.Readers
	turn    int              // where the search for the least busy reader begins
	changed chan struct{}    // closed and replaced when route, guard or pause change
	clients int              // accepted and not yet closed
	held    map[*visitor]struct{}
	counts  counts
	said    map[string]time.Time // complaint → when it was last logged
}

// New returns a Gateway that holds every client until Follow brings an open
// Route. The listeners belong to it from then on: Run closes them.
func New(o Options) (*Gateway, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Gateway{
		opt:     o,
		readers: map[string]*node{},
		changed: make(chan struct{}),
		held:    map[*visitor]struct{}{},
		said:    map[string]time.Time{},
	}, nil
}

// Run serves clients until ctx ends, then stops accepting, turns away those
// that are held, gives sessions DrainTimeout to end by themselves and cuts the
// rest. It returns after all its goroutines have: nil if ctx ended, the error
// of the listener if one broke.
func (g *Gateway) Run(ctx context.Context) error {
	// Guards and pauses are kept until the last session has ended.
	live, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var keepers, acceptors, clients sync.WaitGroup
	keepers.Go(func() { g.keepGuard(live) })
	keepers.Go(func() { g.boundPauses(live) })

	open, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	listeners := map[Door]net.Listener{ReadWrite: g.opt.ReadWrite, ReadOnly: g.opt.ReadOnly}
	maps.DeleteFunc(listeners, func(_ Door, ln net.Listener) bool { return ln == nil })
	for door, ln := range listeners {
		acceptors.Go(func() { stop(g.accept(open, door, ln, &clients)) })
	}
	<-open.Done()
	for _, ln := range listeners {
		ln.Close()
	}
	acceptors.Wait()
	g.drain(&clients)
	end()
	keepers.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(open)
}

// drain waits for the sessions, at most DrainTimeout, then cuts them.
func (g *Gateway) drain(clients *sync.WaitGroup) {
	gone := make(chan struct{})
	go func() {
		clients.Wait()
		close(gone)
	}()
	patience := time.NewTimer(g.opt.DrainTimeout)
	defer patience.Stop()
	select {
	case <-gone:
	case <-patience.C:
	}
	g.cutAll()
	<-gone
}

// accept serves one door until ctx ends or the listener breaks. Errors that
// pass, such as too many open files, are waited out.
func (g *Gateway) accept(ctx context.Context, door Door, ln net.Listener, clients *sync.WaitGroup) error {
	delay := retryMin
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			delay = retryMin
			if g.enter(door) {
				clients.Go(func() { g.serve(ctx, door, conn) })
			} else {
				conn.Close()
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept at the %s door %s: %w", door, ln.Addr(), err)
		default:
			g.complain("accepting clients", "door", door, "err", err)
			sleep(ctx, delay, nil)
			delay = min(2*delay, retryMax)
		}
	}
}

// enter counts a client in, or reports false if there are too many.
func (g *Gateway) enter(door Door) bool {
	g.mu.Lock()
	ok := g.clients < g.opt.MaxConnections
	if ok {
		g.clients++
	} else {
		g.counts.refused++
	}
	g.mu.Unlock()
	if !ok {
		g.complain("client refused: too many connections", "door", door, "limit", g.opt.MaxConnections)
	}
	return ok
}

// serve is the whole visit of one client.
func (g *Gateway) serve(ctx context.Context, door Door, client net.Conn) {
	defer func() {
		client.Close()
		g.mu.Lock()
		g.clients--
		g.mu.Unlock()
	}()
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.SetKeepAliveConfig(keepAlive) // fails only on a connection that is already dead
	}
	s, err := g.admit(ctx, door, client)
	if err != nil {
		g.turnedAway(door, err)
		return
	}
	s.carry(&g.toServer, &g.toClient)
	g.leave(s)
}

// complain logs a condition that clients may repeat at will: a line a minute.
func (g *Gateway) complain(msg string, args ...any) {
	now := time.Now()
	g.mu.Lock()
	last, known := g.said[msg]
	news := !known || now.Sub(last) >= time.Minute
	if news {
		g.said[msg] = now
	}
	g.mu.Unlock()
	if news {
		g.opt.Log.Warn(msg, args...) //nolint:sloglint // the callers pass constants
	}
}

// sleep waits for d, for early or for the end of ctx, whichever comes first.
func sleep(ctx context.Context, d time.Duration, early <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-early:
	case <-ctx.Done():
	}
}
