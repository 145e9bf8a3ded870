package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestClientIsHeldUntilTheRouteOpens(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{Confirmer: newWorld(a)})
	early := connect(t, g.opt.ReadWrite)
	early.say("sent while held")
	g.awaitHeld(t, 1)

	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Closed})
	late := connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 2)
	if n := a.open(); n != 0 {
		t.Fatalf("connections at a while the route is closed = %d; want 0", n)
	}

	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	early.greeted(a)
	early.hear("sent while held")
	late.greeted(a)
	late.echoes("hello")
	if st := g.Stats(); st.Held != 0 || st.HeldTotal != 2 || st.LongestHold <= 0 {
		t.Fatalf("stats after release = %+v; want nobody held, 2 in total, some longest hold", st)
	}
}

// P5: sessions of older epochs are cut at once.
func TestNewEpochCutsSessionsAndHoldsNewOnes(t *testing.T) {
	a, b := newServer(t, "a"), newServer(t, "b")
	g := start(t, Options{Confirmer: newWorld(a, b)})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)
	c.echoes("one")

	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Closed})
	c.ended()
	eventually(t, "a has lost its client", func() bool { return a.open() == 0 })
	next := connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 1)
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	next.greeted(b)

	// The same node again is another reign all the same.
	g.Follow(Route{Epoch: 3, Main: b.addr(), State: Open})
	next.ended()
	connect(t, g.opt.ReadWrite).greeted(b)
	if st := g.Stats(); st.CutTotal != 2 || st.Epoch != 3 || st.Main != b.addr() || st.State != Open {
		t.Fatalf("stats = %+v; want 2 cut, epoch 3 open at b", st)
	}
}

// A switchover may close the door first: work that is under way goes on.
func TestClosingWithinAnEpochKeepsSessions(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{Confirmer: newWorld(a)})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Closed})
	c.echoes("still here")
	connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 1)
	g.Follow(Route{Epoch: 1, State: Closed}) // no MAIN at all
	c.ended()
}

func TestStaleRouteIsIgnored(t *testing.T) {
	a, b := newServer(t, "a"), newServer(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open, Readers: []string{a.addr()}})
	c, r := connect(t, g.opt.ReadWrite), connect(t, g.opt.ReadOnly)
	c.greeted(b)
	r.greeted(a)
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Closed})
	c.echoes("kept")
	r.echoes("kept")
	connect(t, g.opt.ReadWrite).greeted(b)
	if st := g.Stats(); st.Epoch != 2 || st.CutTotal != 0 {
		t.Fatalf("stats after a stale route = %+v; want epoch 2, nothing cut", st)
	}
}

// P9: nothing arrives any more; the last route serves.
func TestLastRouteServesAfterSessionsEnd(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{Confirmer: newWorld(a)})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	for range 20 {
		c := connect(t, g.opt.ReadWrite)
		c.greeted(a)
		c.echoes("x")
		c.Close()
	}
	eventually(t, "sessions forgotten", func() bool { return g.Stats().Clients == 0 && a.open() == 0 })
}

func TestHalfCloseIsHonouredBothWays(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})

	c := connect(t, g.opt.ReadWrite)
	srv, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	hailed(t, srv)
	c.say("question")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if q, err := io.ReadAll(srv); string(q) != "question" || err != nil {
		t.Fatalf("server read %q, %v; want the question and its end", q, err)
	}
	if _, err := io.WriteString(srv, "answer"); err != nil {
		t.Fatal(err)
	}
	c.hear("answer")
	srv.Close()
	c.ended()

	c = connect(t, g.opt.ReadWrite)
	if srv, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	hailed(t, srv)
	if err := srv.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.ended()
	c.say("after your end")
	c.Close()
	if q, err := io.ReadAll(srv); string(q) != "after your end" || err != nil {
		t.Fatalf("server read %q, %v; want what was said after its own end", q, err)
	}
}

func TestLimitsCloseAtOnce(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{HoldQueue: 2, MaxConnections: 3})
	for range 2 {
		connect(t, g.opt.ReadWrite)
	}
	g.awaitHeld(t, 2)
	connect(t, g.opt.ReadWrite).ended() // the hold queue is full
	eventually(t, "the refused client is forgotten", func() bool { return g.Stats().Clients == 2 })

	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	connect(t, g.opt.ReadWrite).greeted(a)
	connect(t, g.opt.ReadOnly).ended() // the fourth connection
	if st := g.Stats(); st.RefusedTotal != 2 || st.Clients != 3 {
		t.Fatalf("stats = %+v; want 2 refused, 3 clients", st)
	}
}

func TestManyConcurrentClients(t *testing.T) {
	a, b := newServer(t, "a"), newServer(t, "b")
	g := start(t, Options{Confirmer: newWorld(a, b)})
	const clients = 500
	conns := make([]*client, clients)
	for i := range conns {
		conns[i] = connect(t, g.opt.ReadWrite)
	}
	g.awaitHeld(t, clients)
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	payload := strings.Repeat("0123456789abcdef", 512)
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() {
			greeting := make([]byte, 2)
			_, _ = io.ReadFull(c.in, greeting)
			text := fmt.Sprint(i, payload)
			back := make([]byte, len(text))
			if _, err := io.WriteString(c, text); err != nil {
				t.Errorf("client %d: %v", i, err)
			} else if _, err := io.ReadFull(c.in, back); err != nil || string(back) != text {
				t.Errorf("client %d: echo differs, %v", i, err)
			}
		})
	}
	wg.Wait()
	eventually(t, "all bytes are counted", func() bool {
		st, want := g.Stats(), uint64(clients*len(payload))
		return st.BytesToServer >= want && st.BytesToClient >= want
	})
	st := g.Stats()
	if len(st.Nodes) != 1 || st.Nodes[0].ReadWrite != clients {
		t.Errorf("nodes = %+v; want %d sessions at a", st.Nodes, clients)
	}
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Closed})
	for _, c := range conns {
		c.ended()
	}
}

func TestShutdownCutsHeldAndServedAndJoins(t *testing.T) {
	a := newServer(t, "a")
	g, err := New(Options{ReadWrite: listen(t), Confirmer: newWorld(a)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	served := connect(t, g.opt.ReadWrite)
	served.greeted(a)
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Closed})
	held := connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 1)
	stop()
	if err := <-ended; err != nil {
		t.Fatalf("Run = %v; want nil", err)
	}
	served.ended()
	held.ended()
	if st := g.Stats(); st.Clients != 0 || st.Held != 0 {
		t.Fatalf("stats after Run = %+v; want nobody", st)
	}
	g.Follow(Route{Epoch: 2, Main: a.addr(), State: Open}) // harmless afterwards
}

func TestDrainLetsSessionsEnd(t *testing.T) {
	a := newServer(t, "a")
	g, err := New(Options{ReadWrite: listen(t), DrainTimeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)
	stop()
	eventually(t, "the door is closed", func() bool {
		probe, err := net.Dial("tcp", g.opt.ReadWrite.Addr().String())
		if err == nil {
			probe.Close()
		}
		return err != nil
	})
	c.echoes("draining")
	c.Close()
	if err := <-ended; err != nil {
		t.Fatalf("Run = %v; want nil", err)
	}
}

func TestBrokenListenerEndsRun(t *testing.T) {
	g, err := New(Options{ReadWrite: listen(t), ReadOnly: listen(t)})
	if err != nil {
		t.Fatal(err)
	}
	g.opt.ReadOnly.Close()
	if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "accept at the read door") {
		t.Fatalf("Run = %v; want the error of the read door", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	for name, o := range map[string]Options{
		"no listener": {},
		"HoldTimeout": {ReadWrite: ln, HoldTimeout: -1},
		"HoldQueue":   {ReadWrite: ln, HoldQueue: -1},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("New = %v; want an error that names %s", err, name)
		}
	}
}
