package gateway

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/bolt"
)

// readDriver is the official driver at the read-only door.
func readDriver(t testing.TB, g *Gateway) neo4j.DriverWithContext {
	t.Helper()
	d, err := neo4j.NewDriverWithContext("bolt://"+g.opt.ReadOnly.Addr().String(), neo4j.BasicAuth("u", "p", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// inFlight asks a query and returns a channel that gets who has answered it, or why
// nobody has.
func inFlight(t *testing.T, d neo4j.DriverWithContext) <-chan string {
	answered := make(chan string, 1)
	go func() {
		name, err := ask(t.Context(), d, "r")
		if err != nil {
			name = err.Error()
		}
		answered <- name
	}()
	return answered
}

// What a replica has begun it ends when readers are not led there any more: a reader
// outside of a transaction could not repeat it.
func TestReadInFlightEndsAtAReplicaThatLeaves(t *testing.T) {
	m, a, b := newDatabase(t, "m"), newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	d := readDriver(t, g)
	free := a.stall(bolt.Pull)
	answered := inFlight(t, d)
	<-a.reached
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{b.addr()}})
	free()
	if name := <-answered; name != "a" {
		t.Fatalf("answered by %s; want a, who has begun it", name)
	}
	asks(t, d, "next", "b")
	if st := g.Stats(); st.MovedTotal != 1 || st.ClientsTotal != 1 {
		t.Errorf("stats %+v; want one client, moved once", st)
	}
}

// It may not go on for ever: the replica may have diverged. And not at all at a node
// that becomes MAIN: who reads there could write.
func TestReadInFlightIsCutInTheEnd(t *testing.T) {
	for name, main := range map[string]bool{"after its grace": false, "at once at a new MAIN": true} {
		t.Run(name, func(t *testing.T) {
			m, a := newDatabase(t, "m"), newDatabase(t, "a")
			g := start(t, Options{})
			g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
			defer a.stall(bolt.Pull)()
			answered := inFlight(t, readDriver(t, g))
			<-a.reached
			next, least := Route{Epoch: 1, Main: m.addr(), State: Open}, readerGrace
			if main {
				next, least = Route{Epoch: 2, Main: a.addr(), State: Open}, 0
			}
			began := time.Now()
			g.Follow(next)
			select {
			case <-answered:
			case <-time.After(readerGrace + 5*time.Second):
				t.Fatal("it goes on")
			}
			if took := time.Since(began); took < least || main && took > readerGrace/2 {
				t.Errorf("cut after %s; want %s", took, least)
			}
		})
	}
}

// A switchover takes readers from its target, and may be given up: the replica is back, and
// what it has begun has all the time it needs. Readers that were idle are led there again.
func TestReadInFlightGoesOnWhenItsReplicaIsBack(t *testing.T) {
	m, a, b := newDatabase(t, "m"), newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	d := readDriver(t, g)
	free := a.stall(bolt.Pull)
	answered := inFlight(t, d)
	<-a.reached
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Draining, Readers: []string{b.addr()}})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	time.Sleep(readerGrace + readerGrace/4)
	free()
	if name := <-answered; name != "a" {
		t.Fatalf("answered by %s; want a, who has begun it", name)
	}
	asks(t, d, "next", "a")
	if st := g.Stats(); st.CutTotal != 0 || st.ClientsTotal != 1 {
		t.Errorf("stats %+v; want one client, never cut", st)
	}
}

// A replica that has come gets its share of those who are idle, and of the others when
// they are; readers that are at MAIN for want of a replica all go.
func TestReadersMoveToAReplicaThatComes(t *testing.T) {
	m, a, b := newDatabase(t, "m"), newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open})
	var drivers []neo4j.DriverWithContext
	for range 4 {
		d := readDriver(t, g)
		asks(t, d, "r", "m")
		drivers = append(drivers, d)
	}
	sessions := func() (list [3]int) {
		for _, n := range g.Stats().Nodes {
			list[map[string]int{m.addr(): 0, a.addr(): 1, b.addr(): 2}[n.Addr]] = n.ReadOnly
		}
		return list
	}
	free := m.stall(bolt.Pull)
	answered := inFlight(t, drivers[0])
	<-m.reached
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	eventually(t, "the idle ones have moved", func() bool { return sessions() == [3]int{1, 3, 0} })
	free()
	if name := <-answered; name != "m" {
		t.Fatalf("answered by %s; want m, who has begun it", name)
	}
	eventually(t, "all have moved", func() bool { return sessions() == [3]int{0, 4, 0} })
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr(), b.addr()}})
	eventually(t, "both have half of them", func() bool { return sessions() == [3]int{0, 2, 2} })
	for _, d := range drivers {
		if name, err := ask(t.Context(), d, "r"); err != nil || name == "m" {
			t.Errorf("%q, %v; want a or b", name, err)
		}
	}
	if st := g.Stats(); st.ClientsTotal != 4 || st.CutTotal != 0 {
		t.Errorf("stats %+v; want 4 clients, none cut", st)
	}
}

// So does one that comes while the others are still on their way to the first.
func TestReadersOnTheirWayMoveToAReplicaThatComes(t *testing.T) {
	m, a, b := newDatabase(t, "m"), newDatabase(t, "a"), newDatabase(t, "b")
	dialing, route := make(chan struct{}, 2), make(chan struct{})
	g := start(t, Options{Dial: func(_ context.Context, network, addr string) (net.Conn, error) {
		if addr == a.addr() {
			dialing <- struct{}{}
			<-route
		}
		return net.Dial(network, addr)
	}})
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr()}})
	var answered []<-chan string
	for range 2 {
		answered = append(answered, inFlight(t, readDriver(t, g)))
		<-dialing
	}
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: []string{a.addr(), b.addr()}})
	close(route)
	for _, by := range answered {
		if name := <-by; name != "a" && name != "b" {
			t.Errorf("answered by %s; want a or b", name)
		}
	}
	eventually(t, "both have one of them", func() bool {
		nodes := g.Stats().Nodes
		return len(nodes) == 3 && nodes[1].ReadOnly == 1 && nodes[2].ReadOnly == 1
	})
}

// Readers that never stop asking are moved between two requests, without an error.
func TestBusyReadersMoveWithoutAnError(t *testing.T) {
	m, a, b := newDatabase(t, "m"), newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	routes := [][]string{{a.addr(), b.addr()}, {b.addr()}, {b.addr(), a.addr()}, {a.addr()}, nil}
	g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: routes[0]})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 4 {
		d := readDriver(t, g)
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := ask(t.Context(), d, "r"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 60 {
		time.Sleep(10 * time.Millisecond)
		g.Follow(Route{Epoch: 1, Main: m.addr(), State: Open, Readers: routes[i%len(routes)]})
	}
	stop()
	wg.Wait()
	if st := g.Stats(); st.MovedTotal < 20 {
		t.Errorf("moved %d times; the test has not tried it", st.MovedTotal)
	}
}

// When the gateway stops, who is idle goes at once, who is not when it is, or after
// DrainTimeout.
func TestDrainOfTheGateway(t *testing.T) {
	for name, patience := range map[string]time.Duration{"is answered": time.Minute, "is not": 300 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			a := newDatabase(t, "a")
			g, err := New(Options{ReadWrite: listen(t), DrainTimeout: patience})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- g.Run(ctx) }()
			g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
			idle, busy := driver(t, g, "bolt"), driver(t, g, "bolt")
			asks(t, idle, "before", "a")
			free := a.stall(bolt.Pull)
			defer free()
			answered := inFlight(t, busy)
			<-a.reached
			began := time.Now()
			stop()
			eventually(t, "the idle one has gone", func() bool { return g.Stats().Clients == 1 })
			if took := time.Since(began); took > patience {
				t.Errorf("the idle one went after %s, want it at once", took)
			}
			whole := patience == time.Minute
			if whole {
				free()
			}
			if got := <-answered; whole != (got == "a") {
				t.Errorf("answered: %s; want it by a: %t", got, whole)
			}
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Error("the gateway goes on")
			}
		})
	}
}

// TestDepartingSessionWhoseServerDies: its client is told, though the session was about to
// leave and nothing could be told apart by who woke it.
func TestDepartingSessionWhoseServerDies(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	for range 10 {
		c := knock(t, g).greets()
		c.send(message(bolt.Begin, map[string]any{}))
		c.hears(bolt.Success)
		free := a.stall(bolt.Run)
		c.send(run, pull)
		<-a.reached
		g.mu.Lock()
		for s := range g.main.sessions {
			s.depart()
		}
		g.mu.Unlock()
		a.crash()
		free()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		c.fails(codeMoved)
		c.Close()
	}
}
