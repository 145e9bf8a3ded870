package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/tcp"
)

// Gateway carries clients to the servers that the current Route names.
// Make one with New, tell it routes with Follow at any time, and Run it once.
type Gateway struct {
	opt Options

	toServer, toClient atomic.Uint64 // bytes carried so far
	pace               pace          // of the read/write door

	mu      sync.Mutex
	route   Route
	main    *node                 // nil while the route names no Main
	readers map[string]*node      // by address, as in route.Readers
	retired map[*node]*time.Timer // readers that the route does not name any more, until they are dismissed
	turn    int                   // where the search for the least busy reader begins
	changed chan struct{}         // closed and replaced when route, guard or pause change
	clients int                   // accepted and not yet closed
	sources sources
	held    map[*visitor]struct{}
	counts  counts
	version bolt.Version         // that a server has agreed upon last
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
		retired: map[*node]*time.Timer{},
		changed: make(chan struct{}),
		held:    map[*visitor]struct{}{},
		said:    map[string]time.Time{},
		sources: sources{},
		pace:    pace{began: time.Now()},
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
	keepers.Go(func() { g.endIdle(live) })

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

// drain ends the sessions in which nothing is open, waits for the others, at most
// DrainTimeout, then cuts them.
func (g *Gateway) drain(clients *sync.WaitGroup) {
	g.departAll()
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
			if g.letIn(door, conn) {
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

// letIn counts a client in, or reports false if it is one too many.
func (g *Gateway) letIn(door Door, client net.Conn) bool {
	from := origin(client)
	g.mu.Lock()
	g.counts.clients++
	err := g.enter(from)
	if err != nil {
		g.counts.refused++
	}
	g.mu.Unlock()
	if err != nil {
		g.complain("client refused: "+err.Error(), "door", door, "from", from)
	}
	return err == nil
}

// serve is the whole visit of one client.
func (g *Gateway) serve(ctx context.Context, door Door, client net.Conn) {
	from := origin(client)
	defer func() {
		client.Close()
		g.mu.Lock()
		g.exit(from)
		g.mu.Unlock()
	}()
	client = tcp.Brief(client)
	secured, err := g.secure(ctx, door, client)
	if err != nil {
		return // told in the log
	}
	client = secured
	t, first, err := g.greet(ctx, client)
	if err != nil {
		return // it has said nothing that anybody could answer
	}
	if g.opt.TLS == nil && speaksTLS(first) {
		g.complain("a client speaks TLS at a door that does not: it is led to the server as it is", "door", door, "from", from)
	}
	v := &visitor{door: door, conn: client, talk: t, first: first, comes: time.Now()}
	if t != nil {
		defer t.forget()
	}
	for g.visit(ctx, v) {
	}
}

// visit leads a client to a server, and stays until that visit is over. It reports
// whether the client wants another one.
func (g *Gateway) visit(ctx context.Context, v *visitor) bool {
	s, err := g.admit(ctx, v)
	if err != nil {
		g.turnedAway(v.door, err)
		g.apologise(ctx, v)
		return false
	}
	if v.talk == nil {
		defer g.leave(s)
		g.count(func(c *counts) { c.plain++ })
		s.carry()
		return false
	}
	understood, err := g.agree(s)
	switch {
	case err != nil:
		return g.anew(ctx, s, err)
	case !understood:
		defer g.leave(s)
		s.first = nil // it was passed on
		g.count(func(c *counts) { c.plain++ })
		s.carry()
		return false
	}
	late := time.AfterFunc(g.opt.HandshakeTimeout, func() {
		if v.talk.standing() == bolt.Early {
			v.talk.giveUp()
			_ = v.conn.SetReadDeadline(past)
		}
	})
	began := time.Now()
	s.converse()
	late.Stop()
	g.free(s)
	if s.expired && v.talk.asksNothing() {
		g.count(func(c *counts) { c.expired++ })
		return false
	}
	again := g.goOn(ctx, v, s.node.reader)
	if again && time.Since(began) < retryMax { // a server that lets nobody stay is not asked all the time
		sleep(ctx, retryMax, nil)
	}
	v.comes = time.Now()
	return again
}

// agree has the client and its server agree on how they speak, within HandshakeTimeout.
func (g *Gateway) agree(s *session) (understood bool, err error) {
	agreed := false // guarded by g.mu
	timer := time.AfterFunc(g.opt.HandshakeTimeout, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !agreed {
			_ = s.server.SetDeadline(past)
			_ = s.client.SetDeadline(past)
		}
	})
	understood, err = s.agree()
	g.mu.Lock()
	defer g.mu.Unlock()
	agreed = true
	if !timer.Stop() && err == nil { // in the last moment: its deadlines are there to stay
		err = os.ErrDeadlineExceeded
	}
	if s.understood = understood && err == nil; s.understood {
		g.version = s.talk.version
		s.node.unhush(s)
	}
	return understood, err
}

// anew reports whether a client may try the next server after one has not come to terms
// with it: the client has heard nothing of that.
func (g *Gateway) anew(ctx context.Context, s *session, err error) bool {
	s.gone.raise()
	s.server.Close()
	g.free(s)
	t := s.talk
	if t.standing() == bolt.Opaque || errors.Is(err, errOtherVersion) || errors.Is(err, errNoLogin) {
		return false
	}
	sleep(ctx, retryMax, nil)
	return ctx.Err() == nil
}

// free takes a session from its node: from then on nothing cuts it, and its client may
// be read from again.
func (g *Gateway) free(s *session) {
	g.leave(s)
	_ = s.client.SetDeadline(time.Time{}) // fails only on a closed connection
}

// goOn does what becomes of a session whose server, or client, has gone. It reports
// whether it goes on at another server.
func (g *Gateway) goOn(ctx context.Context, v *visitor, replica bool) bool {
	t := v.talk
	verdict := t.judge(replica)
	if ctx.Err() != nil || verdict == ended {
		return false
	}
	t.down = bolt.Scanner{}
	if verdict == moves {
		g.count(func(c *counts) { c.moved++ })
		return true
	}
	code, text := codeMoved, textMoved
	if verdict == doubts {
		code, text = codeUnknown, textUnknown
	}
	g.count(func(c *counts) { c.failed++ })
	defer context.AfterFunc(ctx, func() { _ = v.conn.SetDeadline(past) })()
	return t.limbo(v.conn, code, text) == nil && t.standing() == bolt.Idle
}

// apologise tells a client that was held in vain that it may try again, if it has begun
// to speak Bolt.
func (g *Gateway) apologise(ctx context.Context, v *visitor) {
	if v.talk == nil || ctx.Err() != nil {
		return
	}
	free := bound(ctx, v.conn, g.opt.HandshakeTimeout)
	defer free()
	v.talk.refuse(v.conn, g.spoken())
}

// spoken is the best version of Bolt that a server has agreed upon.
func (g *Gateway) spoken() bolt.Version {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.version == (bolt.Version{}) {
		return bolt.Version{Major: 5, Minor: 2} // of every Memgraph from 2.19 on
	}
	return g.version
}

func (g *Gateway) count(change func(*counts)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.counts)
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
