package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// truth is what the gateway has been told for certain: Follow has returned.
type truth struct {
	version int
	epoch   uint64
	paused  bool
	readers string
}

// lab is a cluster whose addresses say what they are good for: "main 2 @7" is
// node 2 as MAIN of epoch 7, "reader 1" is node 1 as a reader. It watches
// every write of the gateway to a server.
type lab struct {
	t     *testing.T
	nodes []*labNode
	truth atomic.Pointer[truth]
	moved atomic.Int64 // bytes that have reached a server
	bare  bool         // the gateway has its connections as they are, and writes to them as it always does
}

// labNode is one server with its present process.
type labNode struct {
	addr string

	mu        sync.Mutex
	process   int
	confirmed map[int]bool // processes that the gateway holds or held a guard to
	guards    []*guard
	conns     map[*labConn]struct{}
	accepted  map[net.Conn]struct{}
}

func (l *lab) node(addr string) *labNode {
	var n int
	var epoch uint64
	if _, err := fmt.Sscanf(addr, "main %d @%d", &n, &epoch); err != nil {
		if _, err := fmt.Sscanf(addr, "reader %d", &n); err != nil {
			l.t.Errorf("gateway dials %q", addr)
		}
	}
	return l.nodes[n]
}

func (l *lab) Confirm(_ context.Context, addr, _ string) (Guard, error) {
	n := l.node(addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	if rand.IntN(3) == 0 {
		return nil, errors.New("replica")
	}
	g := &guard{done: make(chan struct{}), closed: make(chan struct{})}
	n.confirmed[n.process] = true
	n.guards = append(n.guards, g)
	return g, nil
}

func (l *lab) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n := l.node(addr)
	if rand.IntN(10) == 0 {
		return nil, errors.New("unlucky")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, n.addr)
	if err != nil {
		return nil, err
	}
	c := &labConn{TCPConn: conn.(*net.TCPConn), lab: l, node: n, addr: addr}
	_, _ = fmt.Sscanf(addr, "main %d @%d", new(int), &c.epoch) // a reader has no epoch
	n.mu.Lock()
	defer n.mu.Unlock()
	c.process = n.process
	if l.bare {
		return c.TCPConn, nil // it is closed where it was accepted
	}
	n.conns[c] = struct{}{}
	return c, nil
}

// crash replaces the node's process by another one.
func (n *labNode) crash() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, g := range n.guards {
		close(g.done)
	}
	n.guards = nil
	n.process++
	for c := range n.conns {
		c.Close()
	}
	clear(n.conns)
	for c := range n.accepted {
		c.Close()
	}
	clear(n.accepted)
}

// accept notes a connection, which ends with the node's process if the gateway has it as
// it is.
func (n *labNode) accept(c net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.accepted[c] = struct{}{}
}

// arrivals counts what servers have read.
type arrivals struct{ *lab }

func (a arrivals) Write(p []byte) (int, error) {
	if a.bare {
		a.moved.Add(int64(len(p)))
	}
	return len(p), nil
}

// labConn is the gateway's connection to a server.
type labConn struct {
	*net.TCPConn
	lab     *lab
	node    *labNode
	addr    string
	epoch   uint64 // zero: to a reader
	process int
}

// Write judges each write by what was certain when it began.
func (c *labConn) Write(p []byte) (int, error) {
	before := c.lab.truth.Load()
	n, err := c.TCPConn.Write(p)
	if n == 0 {
		return n, err
	}
	c.lab.moved.Add(int64(n))
	if c.epoch == 0 {
		if !strings.Contains(before.readers, c.addr) {
			c.lab.t.Errorf("%d bytes to %s; readers were %s", n, c.addr, before.readers)
		}
		return n, err
	}
	if c.epoch < before.epoch {
		c.lab.t.Errorf("%d bytes to %s in epoch %d", n, c.addr, before.epoch)
	}
	if before.paused && c.lab.truth.Load().version == before.version {
		c.lab.t.Errorf("%d bytes to %s during a pause", n, c.addr)
	}
	c.node.mu.Lock()
	if !c.node.confirmed[c.process] {
		c.lab.t.Errorf("%d bytes to %s, process %d, which was never confirmed", n, c.addr, c.process)
	}
	c.node.mu.Unlock()
	return n, err
}

// follow tells the gateway and notes what is certain before and after.
func (l *lab) follow(g *Gateway, r Route) {
	next := *l.truth.Load()
	next.version++
	next.paused = false // not for certain while Follow is under way
	l.truth.Store(&truth{version: next.version, epoch: next.epoch, readers: "any reader 0 reader 1 reader 2"})
	g.Follow(r)
	next.version++
	next.epoch, next.paused, next.readers = r.Epoch, r.State == Paused, strings.Join(r.Readers, ", ")
	l.truth.Store(&next)
}

// stream is what every client sends, over and over, and what every server
// expects. Its prime length makes a lost, doubled or foreign buffer show.
var stream = func() []byte {
	const period = 65521
	b := make([]byte, 2*period)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range period {
		b[i] = byte(rnd.Uint32())
		b[period+i] = b[i]
	}
	return b
}()

// piece returns the n bytes of the stream that begin at byte at.
func piece(at, n int) []byte {
	begin := at % (len(stream) / 2)
	return stream[begin : begin+n]
}

// checkStream reads until the end and checks that it has got a prefix.
func checkStream(t *testing.T, who string, r io.Reader, w io.Writer) {
	buf := make([]byte, 4096)
	for at := 0; ; {
		n, err := r.Read(buf)
		if !bytes.Equal(buf[:n], piece(at, n)) {
			t.Errorf("%s: bytes %d to %d are not those of the stream", who, at, at+n)
			return
		}
		at += n
		if err != nil {
			return
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return
		}
	}
}

// sendStream writes the stream in pieces of many sizes until it cannot.
func sendStream(w io.Writer, rnd *rand.Rand) {
	for at := 0; ; {
		n, err := w.Write(piece(at, 1+rnd.IntN(1<<rnd.IntN(16))))
		if err != nil {
			return
		}
		at += n
	}
}

// visit connects again and again, and echoes the stream each time.
func visit(ctx context.Context, t *testing.T, ln net.Listener, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return // the gateway is closing
		}
		stop := context.AfterFunc(ctx, func() { c.Close() })
		var sender sync.WaitGroup
		sender.Go(func() { sendStream(c, rnd) })
		checkStream(t, "client", c, io.Discard)
		stop()
		c.Close()
		sender.Wait()
	}
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t}
	l.truth.Store(&truth{})
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait) // last, when listeners and connections are closed
	for range 3 {
		ln := listen(t)
		l.nodes = append(l.nodes, &labNode{addr: ln.Addr().String(), confirmed: map[int]bool{}, conns: map[*labConn]struct{}{}, accepted: map[net.Conn]struct{}{}})
		n := l.nodes[len(l.nodes)-1]
		serving.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				n.accept(c)
				serving.Go(func() {
					checkStream(t, "server", c, io.MultiWriter(c, arrivals{l}))
					c.Close()
				})
			}
		})
		t.Cleanup(func() { ln.Close() })
	}
	t.Cleanup(func() {
		for _, n := range l.nodes {
			n.crash()
		}
	})
	return l
}

// P5, and the promise that streams are passed whole and in order, while
// routes, processes, pauses and readers change at random.
func TestRandomRoutesNeverMisleadOrCorrupt(t *testing.T) {
	t.Run("watched", func(t *testing.T) { randomRoutes(t, newLab(t)) })
	t.Run("bare", func(t *testing.T) {
		l := newLab(t)
		l.bare = true
		randomRoutes(t, l)
	})
}

func randomRoutes(t *testing.T, l *lab) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	g := start(t, Options{Confirmer: l, Dial: l.dial, MaxPause: 1 << 50, HoldTimeout: 1 << 50})
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range 6 {
		ln := g.opt.ReadWrite
		if i%3 == 2 {
			ln = g.opt.ReadOnly
		}
		clients.Go(func() { visit(ctx, t, ln, seed+uint64(i)) })
	}
	route := Route{Epoch: 1, Main: "main 0 @1", State: Open}
	for range 100 {
		switch rnd.IntN(6) {
		case 0, 1: // a failover, in two steps
			route.Epoch++
			n := rnd.IntN(3)
			route.Main, route.State = fmt.Sprintf("main %d @%d", n, route.Epoch), Closed
			l.follow(g, route)
			route.State = Open
		case 2: // a quiesce
			route.State = Paused
			l.follow(g, route)
			route.State = Open
		case 3:
			l.node(route.Main).crash()
		case 4:
			stale := Route{Epoch: route.Epoch - 1, Main: "main 0 @0", State: Open}
			g.Follow(stale)
		case 5:
			route.Readers = nil
			for i := range rnd.IntN(4) {
				route.Readers = append(route.Readers, fmt.Sprintf("reader %d", i))
			}
		}
		l.follow(g, route)
		if rnd.IntN(2) == 0 {
			goal := l.moved.Load() + int64(rnd.IntN(10_000))
			eventually(t, "bytes move while the route is open", func() bool { return l.moved.Load() >= goal })
		}
	}
	stop()
	clients.Wait()
	st := g.Stats()
	t.Logf("moved %d bytes, cut %d sessions, held %d clients", l.moved.Load(), st.CutTotal, st.HeldTotal)
	if st.CutTotal == 0 || st.HeldTotal == 0 {
		t.Errorf("stats = %+v; want cuts and holds, or the test proves nothing", st)
	}
}
