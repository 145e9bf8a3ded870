package gateway

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
)

func TestBrokenGuardCutsHoldsAndConfirmsAgain(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{Confirmer: newWorld(a)})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)

	// Only the guard breaks: the session must go because of it alone.
	a.mu.Lock()
	a.main = false
	a.breakGuards()
	a.mu.Unlock()
	c.ended()
	next := connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 1)
	if g.Stats().Confirmed {
		t.Fatal("confirmed after the guard broke; want not")
	}
	a.setMain(true)
	next.greeted(a)
	if st := g.Stats(); !st.Confirmed || st.CutTotal != 1 {
		t.Fatalf("stats = %+v; want confirmed, 1 cut", st)
	}
}

// P5: a process that came back may be MAIN of a newer route than this gateway has
// heard of. Nobody asks before the first guard has broken.
func TestBrokenGuardAsksWhetherTheRouteIsCurrent(t *testing.T) {
	a := newServer(t, "a")
	var asked atomic.Int64
	var stale atomic.Bool
	g := start(t, Options{Confirmer: newWorld(a), Current: func(context.Context) error {
		asked.Add(1)
		if stale.Load() {
			return errors.New("there is a newer one")
		}
		return nil
	}})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)
	if n := asked.Load(); n != 0 {
		t.Fatalf("asked %d times before a guard has broken; want not at all", n)
	}
	stale.Store(true)
	a.mu.Lock()
	a.breakGuards()
	a.mu.Unlock()
	c.ended()
	next := connect(t, g.opt.ReadWrite)
	eventually(t, "asked again and again", func() bool { return asked.Load() >= 3 })
	if g.Stats().Confirmed {
		t.Fatal("confirmed though the route is not current")
	}
	stale.Store(false)
	next.greeted(a)
}

// P5: a gateway that is told of a newer route, before that has arrived, cuts everybody
// and lets nobody in until its own is the newest again. What is confirmed then still is
// the database of the route.
func TestDoubtHoldsUntilTheRouteIsCurrent(t *testing.T) {
	a := newServer(t, "a")
	w := newWorld(a)
	var stale atomic.Bool
	databases := make(chan string, 100)
	g := start(t, Options{
		Confirmer: confirmDatabase(func(ctx context.Context, addr, database string) (Guard, error) {
			databases <- database
			return w.Confirm(ctx, addr, database)
		}),
		Current: func(context.Context) error {
			if stale.Load() {
				return errors.New("there is a newer one")
			}
			return nil
		},
	})
	g.Doubt() // nobody is MAIN yet
	g.Follow(Route{Epoch: 1, Main: a.addr(), Database: "d", State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.greeted(a)
	stale.Store(true)
	g.Doubt()
	c.ended()
	next := connect(t, g.opt.ReadWrite)
	g.awaitHeld(t, 1)
	if st := g.Stats(); st.Confirmed || st.CutTotal != 1 {
		t.Fatalf("stats = %+v; want not confirmed, 1 cut", st)
	}
	stale.Store(false)
	next.greeted(a)
	for len(databases) > 0 {
		if d := <-databases; d != "d" {
			t.Errorf("asked whether it is MAIN of database %q, want d", d)
		}
	}
}

type confirmDatabase func(ctx context.Context, addr, database string) (Guard, error)

func (f confirmDatabase) Confirm(ctx context.Context, addr, database string) (Guard, error) {
	return f(ctx, addr, database)
}

// P5: a read/write client is never handed to a REPLICA.
func TestReplicaNamedByTheRouteGetsNoClient(t *testing.T) {
	a := newServer(t, "a")
	a.setMain(false)
	var asked atomic.Int64
	w := newWorld(a)
	g := start(t, Options{Confirmer: confirmFunc(func(ctx context.Context, addr string) (Guard, error) {
		asked.Add(1)
		return w.Confirm(ctx, addr, "")
	})})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	r := connect(t, g.opt.ReadOnly)
	eventually(t, "asked again and again", func() bool { return asked.Load() >= 4 })
	if n := a.open(); n != 0 || g.Stats().Held != 2 {
		t.Fatalf("connections at a = %d, held %d; want 0 and 2", n, g.Stats().Held)
	}
	a.setMain(true)
	c.greeted(a)
	r.greeted(a)
}

type confirmFunc func(context.Context, string) (Guard, error)

func (f confirmFunc) Confirm(ctx context.Context, addr, _ string) (Guard, error) { return f(ctx, addr) }

// The process dies while a client's connection to it is being made: the
// connection that comes up belongs to another process and is not used.
func TestGuardThatBreaksDuringDialHandsNobodyOver(t *testing.T) {
	a := newServer(t, "a")
	var dials atomic.Int64
	g := start(t, Options{
		Confirmer: newWorld(a),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if dials.Add(1) == 1 {
				a.mu.Lock()
				a.main = false
				a.breakGuards()
				a.mu.Unlock()
			}
			return c, err
		},
	})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	c.say("early")
	g.awaitHeld(t, 1)
	eventually(t, "the connection is given up", func() bool { return dials.Load() == 1 && a.open() == 0 })
	if got := a.received(); got != "" {
		t.Fatalf("a received %q from a client that was not handed over", got)
	}
	a.setMain(true)
	c.greeted(a)
	c.hear("early")
}

// A new epoch ends a dial and a question that are under way.
func TestNewEpochEndsDialAndQuestion(t *testing.T) {
	a := newServer(t, "a")
	w := newWorld(a)
	dialing, asking := make(chan struct{}, 1), make(chan struct{}, 1)
	g := start(t, Options{
		Confirmer: confirmFunc(func(ctx context.Context, addr string) (Guard, error) {
			if addr == "mute:1" {
				asking <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
			if addr == "hole:1" {
				return &guard{done: make(chan struct{}), closed: make(chan struct{})}, nil
			}
			return w.Confirm(ctx, addr, "")
		}),
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == "hole:1" {
				dialing <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
		DialTimeout: 1 << 40, ConfirmTimeout: 1 << 40, HoldTimeout: 1 << 41,
	})
	g.Follow(Route{Epoch: 1, Main: "hole:1", State: Open})
	c := connect(t, g.opt.ReadWrite)
	<-dialing
	g.Follow(Route{Epoch: 2, Main: "mute:1", State: Open})
	<-asking
	g.Follow(Route{Epoch: 3, Main: a.addr(), State: Open})
	c.greeted(a)
}

func TestGuardIsGivenUpWithItsEpoch(t *testing.T) {
	a := newServer(t, "a")
	given := make(chan *guard, 10)
	w := newWorld(a)
	g := start(t, Options{Confirmer: confirmFunc(func(ctx context.Context, addr string) (Guard, error) {
		gd, err := w.Confirm(ctx, addr, "")
		if err == nil {
			given <- gd.(*guard)
		}
		return gd, err
	})})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	first := <-given
	g.Follow(Route{Epoch: 2, Main: a.addr(), State: Open})
	<-first.closed
	second := <-given
	connect(t, g.opt.ReadWrite).greeted(a)
	g.Follow(Route{Epoch: 3, State: Closed})
	<-second.closed
	select {
	case <-given:
		t.Fatal("a closed route was confirmed")
	default:
	}
}

func TestDialFailureHoldsInsteadOfRefusing(t *testing.T) {
	a := newServer(t, "a")
	var up atomic.Bool
	var dials atomic.Int64
	g := start(t, Options{Confirmer: newWorld(a), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1); !up.Load() {
			return nil, net.ErrClosed
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := connect(t, g.opt.ReadWrite)
	eventually(t, "dialed several times", func() bool { return dials.Load() >= 3 })
	g.awaitHeld(t, 1)
	up.Store(true)
	c.greeted(a)
}
