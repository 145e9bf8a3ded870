package gateway

import (
	"context"
	"net"
	"testing"
)

func TestReadersAreBalancedByOpenSessions(t *testing.T) {
	m, a, b, c := newServer(t, "m"), newServer(t, "a"), newServer(t, "b"), newServer(t, "c")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr(), b.addr()}})
	var conns []*client
	read := func() {
		r := connect(t, g.opt.ReadOnly)
		if _, err := r.in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, r)
	}
	for range 10 {
		read()
	}
	if a.open() != 5 || b.open() != 5 {
		t.Fatalf("sessions at a, b = %d, %d; want 5 and 5", a.open(), b.open())
	}
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{c.addr(), b.addr(), a.addr()}})
	for range 5 {
		read()
	}
	if a.open() != 5 || b.open() != 5 || c.open() != 5 || m.open() != 0 {
		t.Fatalf("sessions at a, b, c, m = %d, %d, %d, %d; want 5, 5, 5, 0", a.open(), b.open(), c.open(), m.open())
	}
	for _, r := range conns {
		r.echoes("kept")
	}
}

func TestReaderThatLeavesLosesItsSessionsOnly(t *testing.T) {
	m, a, b := newServer(t, "m"), newServer(t, "a"), newServer(t, "b")
	g := start(t, Options{Confirmer: newWorld(m, a)})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	atA := connect(t, g.opt.ReadOnly)
	atA.greeted(a)
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr(), b.addr()}})
	atB := connect(t, g.opt.ReadOnly)
	atB.greeted(b)

	// a becomes MAIN. It is listed as a reader still; that does not count.
	g.Follow(Route{Epoch: 2, Main: a.addr(), State: Closed, Readers: []string{a.addr(), b.addr()}})
	atA.ended()
	atB.echoes("a new epoch is nothing to a reader")
	next := connect(t, g.opt.ReadOnly)
	next.greeted(b)
	g.Follow(Route{Epoch: 2, Main: a.addr(), State: Open})
	atB.ended()
	next.ended()
}

func TestReadersThatCannotBeReachedArePassedOver(t *testing.T) {
	m, a := newServer(t, "m"), newServer(t, "a")
	dead := listen(t)
	dead.Close()
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{dead.Addr().String(), a.addr()}})
	for range 4 {
		connect(t, g.opt.ReadOnly).greeted(a)
	}
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{dead.Addr().String()}})
	connect(t, g.opt.ReadOnly).greeted(m)
	if n := g.Stats().Nodes[0]; n.ReadOnly != 1 || !n.Main {
		t.Fatalf("nodes = %+v; want 1 read-only session at MAIN", g.Stats().Nodes)
	}
}

// A dial that no abort reaches any more, because it is about to return.
func TestReaderStillDialingGoesElsewhere(t *testing.T) {
	m, a, b := newServer(t, "m"), newServer(t, "a"), newServer(t, "b")
	dialing, route := make(chan struct{}, 1), make(chan struct{})
	g := start(t, Options{Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
		if addr == a.addr() {
			dialing <- struct{}{}
			<-route
		}
		return net.Dial(network, addr)
	}})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	r := connect(t, g.opt.ReadOnly)
	<-dialing
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{b.addr()}})
	close(route)
	r.greeted(b)
	if n := a.open(); n != 0 {
		t.Errorf("%d sessions at a, which is no reader any more", n)
	}
}

func TestReadersAreHeldWithoutFallback(t *testing.T) {
	m, a := newServer(t, "m"), newServer(t, "a")
	g := start(t, Options{NoReadFallback: true})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open})
	r := connect(t, g.opt.ReadOnly)
	g.awaitHeld(t, 1)
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	r.greeted(a)
}

// Reading by fallback is talking to MAIN: it ends with the epoch and keeps
// still during a pause.
func TestFallbackSessionBelongsToMain(t *testing.T) {
	m, b := newServer(t, "m"), newServer(t, "b")
	g := start(t, Options{Confirmer: newWorld(m), MaxPause: 1 << 40})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open})
	r := connect(t, g.opt.ReadOnly)
	r.greeted(m)
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Paused, Readers: []string{b.addr()}})
	r.say("late")
	connect(t, g.opt.ReadOnly).greeted(b)
	if got := m.received(); got != "" {
		t.Fatalf("m received %q during the pause", got)
	}
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{b.addr()}})
	r.hear("late")
	g.Follow(Route{Epoch: 2, Main: m.addr(), State: Closed, Readers: []string{b.addr()}})
	r.ended()
}

func TestReadDoorAloneServes(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{ReadOnly: listen(t), ReadWrite: net.Listener(nil)})
	g.Follow(Route{Epoch: 1, State: Closed, Readers: []string{a.addr()}})
	connect(t, g.opt.ReadOnly).greeted(a)
}
