package gateway

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/bolt"
)

func TestPauseHoldsBackBytesToMainOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial})
		open := Route{Epoch: 1, Main: "m:1", State: Open}
		paused := Route{Epoch: 1, Main: "m:1", State: Paused}
		g.Follow(open)
		c := p.connect(t)
		srv := p.server()
		defer srv.Close()

		g.Follow(paused)
		go func() { _, _ = io.WriteString(c, "first ") }()
		synctest.Wait()
		_ = srv.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, err := srv.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatalf("MAIN read %d bytes, %v during the pause; want none", n, err)
		}
		_ = srv.SetReadDeadline(time.Time{})
		go func() { _, _ = io.WriteString(srv, "result") }()
		if got := read(t, c, 6); got != "result" {
			t.Fatalf("client read %q during the pause; want what MAIN said", got)
		}
		go func() { _, _ = io.WriteString(c, "second") }()
		synctest.Wait()
		g.Follow(open)
		if got := read(t, srv, 12); got != "first second" {
			t.Fatalf("MAIN read %q after the pause; want all in order", got)
		}
	})
}

// A write that MAIN has taken half of stops there, and goes on from there.
func TestPauseInterruptsAWriteUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial, MaxPause: time.Hour})
		route := Route{Epoch: 1, Main: "m:1", State: Open}
		g.Follow(route)
		c := p.connect(t)
		srv := p.server()
		defer srv.Close()
		go func() { _, _ = io.WriteString(c, "abcdef") }()
		got := read(t, srv, 2)
		for i := range 3 { // paused, opened and paused again while the write hangs
			synctest.Wait()
			route.State = Paused
			g.Follow(route)
			_ = srv.SetReadDeadline(time.Now().Add(time.Second))
			if n, _ := srv.Read(make([]byte, 1)); n != 0 {
				t.Fatalf("MAIN read a byte in pause %d", i)
			}
			_ = srv.SetReadDeadline(time.Time{})
			route.State = Open
			g.Follow(route)
			got += read(t, srv, 1)
		}
		if got += read(t, srv, 1); got != "abcdef" {
			t.Fatalf("MAIN read %q; want abcdef", got)
		}
	})
}

func TestPauseEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		c := p.connect(t)
		srv := p.server()
		defer srv.Close()
		begin := time.Now()
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Paused})
		go func() { _, _ = io.WriteString(c, "late") }()
		p.connect(t)
		synctest.Wait()
		if held := g.Stats().Held; held != 1 {
			t.Fatalf("held during the pause = %d; want the new client", held)
		}
		time.Sleep(600 * time.Millisecond)
		// The same pause, told again with other readers, is not a new one.
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Paused, Readers: []string{"r:1"}})
		if got := read(t, srv, 4); got != "late" || time.Since(begin) != time.Second {
			t.Fatalf("MAIN read %q after %v; want it at the end of MaxPause, 1s", got, time.Since(begin))
		}
		(<-p.servers).Close() // the new client is let in as well (P9)
		if took := time.Since(begin); took != time.Second {
			t.Fatalf("new client handed over after %v; want 1s", took)
		}
	})
}

func TestCutReachesASessionThatIsPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial, MaxPause: time.Hour})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		c := p.connect(t)
		srv := p.server()
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Paused})
		go func() { _, _ = io.WriteString(c, "never") }()
		synctest.Wait()
		g.Follow(Route{Epoch: 2, Main: "n:1", State: Paused})
		got, took := readAll(srv)
		if got != "" || took != 0 {
			t.Fatalf("old MAIN read %q, end after %v; want nothing, at once", got, took)
		}
		if _, took := readAll(c); took != 0 {
			t.Fatalf("client closed after %v; want at once", took)
		}
	})
}

// A client that reads nothing is cut all the same.
func TestCutReachesAWriteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		g := start(t, Options{ReadWrite: p, Dial: p.dial})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		c := p.connect(t)
		srv := p.server()
		_, _ = io.WriteString(srv, "never")
		synctest.Wait()
		g.Follow(Route{Epoch: 2, Main: "n:1", State: Closed})
		synctest.Wait()
		if n := g.Stats().Clients; n != 0 {
			t.Fatalf("clients after the cut = %d; want 0", n)
		}
		if got, _ := readAll(c); got != "" {
			t.Fatalf("client read %q from the old MAIN after the cut", got)
		}
	})
}

// MAIN's process is replaced during a pause: its successor is confirmed, but
// the pause goes on.
func TestPauseOutlivesTheGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		guards := make(chan *guard, 10)
		g := start(t, Options{ReadWrite: p, Dial: p.dial, Confirmer: confirmFunc(
			func(context.Context, string) (Guard, error) {
				gd := &guard{done: make(chan struct{}), closed: make(chan struct{})}
				guards <- gd
				return gd, nil
			})})
		begin := time.Now()
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Paused})
		close((<-guards).done)
		p.connect(t)
		<-guards
		(<-p.servers).Close()
		if took := time.Since(begin); took != time.Second {
			t.Fatalf("client handed over after %v; want 1s, the end of the pause", took)
		}
	})
}

// A mild pause stops a session that has not agreed yet. Once it is understood the pause
// holds what begins something, and nothing else is to wait for it, or to spin.
func TestMildPauseLetsThroughWhatBeginsNothing(t *testing.T) {
	p := newPipes()
	g := start(t, Options{ReadWrite: p, Dial: p.dial, MaxPause: time.Hour})
	route := Route{Epoch: 1, Main: "m:1", State: Open}
	g.Follow(route)
	c := p.proposes(t)
	srv := <-p.servers
	defer srv.Close()
	_ = srv.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(srv, make([]byte, bolt.HelloSize)); err != nil {
		t.Fatal(err)
	}
	route.State = Draining
	g.Follow(route)
	if _, err := srv.Write([]byte{0, 0, 2, 5}); err != nil {
		t.Fatal(err)
	}
	read(t, c, 4)
	noop, hello := []byte{0, 0}, message(bolt.Hello, map[string]any{})
	go func() { _, _ = c.Write(slices.Concat(noop, hello)) }()
	if got := read(t, srv, 2); got != string(noop) {
		t.Fatalf("MAIN read %q; want the NOOP alone", got)
	}
	_ = srv.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, _ := srv.Read(make([]byte, 1)); n != 0 {
		t.Fatal("HELLO has not waited for the end of the pause")
	}
	_ = srv.SetReadDeadline(time.Now().Add(10 * time.Second))
	route.State = Open
	g.Follow(route)
	if got := read(t, srv, len(hello)); got != string(hello) {
		t.Fatalf("MAIN read %q after the pause; want HELLO", got)
	}
}
