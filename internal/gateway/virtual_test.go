package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/bolt"
)

// pipes is a network in memory, for virtual time: a listener whose clients
// are ends of net.Pipe, and a Dial whose servers are.
type pipes struct {
	clients chan net.Conn
	servers chan net.Conn
	gone    chan struct{}
}

func newPipes() *pipes {
	return &pipes{clients: make(chan net.Conn), servers: make(chan net.Conn, 10), gone: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.clients:
		return c, nil
	case <-p.gone:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.gone); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.servers <- theirs
	return ours, nil
}

func (p *pipes) connect(t *testing.T) net.Conn {
	ours, theirs := net.Pipe()
	p.clients <- theirs
	t.Cleanup(func() { ours.Close() })
	_, _ = io.WriteString(ours, hail) // one that is refused is told so when it reads
	return ours
}

// proposes returns the client's end of a connection whose client has proposed Bolt 5.2.
func (p *pipes) proposes(t *testing.T) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	p.clients <- theirs
	proposals := bolt.Only(bolt.Version{Major: 5, Minor: 2})
	if _, err := ours.Write(proposals[:]); err != nil {
		t.Fatal(err)
	}
	return ours
}

// server returns the server's end of the next session, once bytes may flow.
func (p *pipes) server() net.Conn {
	c := <-p.servers
	_, _ = io.ReadFull(c, make([]byte, len(hail))) // a pipe that was cut says so to whoever reads next
	synctest.Wait()
	return c
}

// readAll reads to the end and says how long that took.
func readAll(c net.Conn) (string, time.Duration) {
	begin := time.Now()
	b, _ := io.ReadAll(c) // a pipe that was cut ends like one that was closed
	return string(b), time.Since(begin)
}

func read(t *testing.T, c net.Conn, n int) string {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("read %d bytes: got %q, %v", n, b, err)
	}
	return string(b)
}

func TestHoldEndsAfterItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial, HoldTimeout: 7 * time.Second})
		c := p.connect(t)
		synctest.Wait()
		time.Sleep(3 * time.Second)
		if st := g.Stats(); st.Held != 1 || st.LongestHold != 3*time.Second {
			t.Fatalf("stats after 3s = %+v; want 1 held for 3s", st)
		}
		if got, took := readAll(c); got != "" || took != 4*time.Second {
			t.Fatalf("client closed after further %v with %q; want 4s, nothing", took, got)
		}
		synctest.Wait()
		if st := g.Stats(); st.TimedOutTotal != 1 || st.Held != 0 || st.LongestHold != 7*time.Second {
			t.Fatalf("stats = %+v; want 1 timed out after 7s", st)
		}
	})
}

// A server that accepts nobody uses up the client's patience, not more.
func TestHoldBudgetIncludesDialing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, dials := newPipes(), 0
		g := start(t, Options{ReadWrite: p, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials++
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		if _, took := readAll(p.connect(t)); took != 10*time.Second {
			t.Fatalf("client closed after %v; want the default of 10s", took)
		}
		synctest.Wait()
		if dials != 5 {
			t.Fatalf("dials = %d; want 5 of 2s each", dials)
		}
	})
}

func TestConfirmIsRetriedWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, begin := newPipes(), time.Now()
		var asked []time.Duration
		g := start(t, Options{ReadWrite: p, Dial: p.dial, Confirmer: confirmFunc(
			func(ctx context.Context, _ string) (Guard, error) {
				asked = append(asked, time.Since(begin)/time.Millisecond)
				if len(asked) == 9 { // a server that hangs
					<-ctx.Done()
				}
				return nil, errors.New("replica")
			})})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		time.Sleep(5555 * time.Millisecond)
		synctest.Wait()
		want := []time.Duration{0, 5, 15, 35, 75, 155, 255, 355, 455, 5455 + 100}
		if !slices.Equal(asked, want) {
			t.Fatalf("asked at %v ms; want %v", asked, want)
		}
	})
}

func TestClosedRouteIsNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Confirmer: confirmFunc(
			func(context.Context, string) (Guard, error) {
				t.Error("asked while the route is closed")
				return nil, errors.New("replica")
			})})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Closed})
		time.Sleep(time.Minute)
	})
}

// slowGuard takes a second to close.
type slowGuard struct{ guard }

func (g *slowGuard) Close() error {
	time.Sleep(time.Second)
	return g.guard.Close()
}

func TestRunReturnsAfterItsGuardIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gd := &slowGuard{guard{done: make(chan struct{}), closed: make(chan struct{})}}
		g, err := New(Options{ReadWrite: newPipes(), Confirmer: confirmFunc(
			func(context.Context, string) (Guard, error) { return gd, nil })})
		if err != nil {
			t.Fatal(err)
		}
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		synctest.Wait()
		stop()
		if err := <-ended; err != nil || !closed(gd.closed) {
			t.Fatalf("Run = %v, guard closed %v; want nil after the guard is closed", err, closed(gd.closed))
		}
	})
}

// A server whose connections break as soon as they are made is asked no more
// often than every retryMin.
func TestGuardThatBreaksAtOnceIsNotASpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, asked := newPipes(), 0
		g := start(t, Options{ReadWrite: p, Dial: p.dial, Confirmer: confirmFunc(
			func(context.Context, string) (Guard, error) {
				asked++
				gd := &guard{done: make(chan struct{}), closed: make(chan struct{})}
				close(gd.done)
				return gd, nil
			})})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if asked > 21 {
			t.Fatalf("asked %d times in 100ms; want at most 21", asked)
		}
	})
}

func TestLogsAreNewsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		var out bytes.Buffer
		lines := func() []string {
			synctest.Wait()
			text := strings.TrimSpace(out.String())
			out.Reset()
			if text == "" {
				return nil
			}
			return strings.Split(text, "\n")
		}
		g := start(t, Options{ReadWrite: p, Dial: p.dial, MaxConnections: 1, Log: slog.New(slog.NewTextHandler(&out, nil))})
		route := Route{Epoch: 1, Main: "m:1", State: Open}
		g.Follow(route)
		c := p.connect(t)
		srv := p.server()
		if got := lines(); len(got) != 1 || !strings.Contains(got[0], "epoch=1 main=m:1 state=open readers=0 cut=0") {
			t.Fatalf("log of the first route = %q; want one line", got)
		}
		for range 50 {
			g.Follow(route)
			_, _ = io.WriteString(c, "x")
			read(t, srv, 1)
		}
		time.Sleep(time.Hour)
		if got := lines(); got != nil {
			t.Fatalf("log in steady state = %q; want silence", got)
		}
		for range 2 {
			for range 50 {
				readAll(p.connect(t))
			}
			if got := lines(); len(got) != 1 || !strings.Contains(got[0], "too many connections") {
				t.Fatalf("log of 50 refusals within a minute = %q; want one line", got)
			}
			time.Sleep(time.Minute)
		}
		g.Follow(Route{Epoch: 2, State: Closed})
		if got, want := lines(), fmt.Sprintf("epoch=2 main=%q state=closed readers=0 cut=1", ""); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Fatalf("log of a new epoch = %q; want one line with %s", got, want)
		}
	})
}

// A client that has gone leaves nothing behind, however short its visit was.
func TestShortVisitEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		go func() { repeats(<-p.servers, run, message(bolt.Success, map[string]any{})) }()
		ours, theirs := net.Pipe()
		p.clients <- theirs
		(&raw{Conn: ours, t: t, gate: g}).greets().Close()
		synctest.Wait()
		if st := g.Stats(); st.Clients != 0 {
			t.Errorf("%d clients, the only one has gone", st.Clients)
		}
	})
}
