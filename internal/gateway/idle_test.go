package gateway

import (
	"io"
	"net"
	"testing"
	"time"

	"memgraph-controller/internal/bolt"
)

// A session that asks nothing ends; one that waits for an answer does not, however long.
func TestIdleSessionsEnd(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{IdleTimeout: 200 * time.Millisecond})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	idle, busy := driver(t, g, "bolt"), driver(t, g, "bolt")
	free := a.stall(bolt.Pull)
	defer free()
	answered := inFlight(t, busy)
	<-a.reached
	if err := idle.VerifyConnectivity(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "the idle one has ended", func() bool { return g.Stats().ExpiredTotal == 1 })
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("ended after %s; want after 200ms", took)
	}
	time.Sleep(400 * time.Millisecond)
	free()
	if name := <-answered; name != "a" {
		t.Errorf("the busy one was answered: %s; want a", name)
	}
	if st := g.Stats(); st.CutTotal != 0 {
		t.Errorf("stats %+v; want none cut", st)
	}
}

// Whoever keeps asking stays, however short the timeout.
func TestSessionsThatAskStay(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{IdleTimeout: 300 * time.Millisecond})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	for range 20 {
		asks(t, d, "q", "a")
		time.Sleep(50 * time.Millisecond)
	}
	if st := g.Stats(); st.ClientsTotal != 1 || st.ExpiredTotal != 0 {
		t.Errorf("stats %+v; want one client, and none expired", st)
	}
}

// A client that receives nothing of a large result is given up; its server is free then.
func TestClientsThatStopReceivingAreCut(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	stopped := make(chan error, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			stopped <- err
			return
		}
		defer c.Close()
		if _, err = io.ReadFull(c, make([]byte, len(hail))); err == nil {
			for b := make([]byte, 64<<10); err == nil; {
				_, err = c.Write(b)
			}
		}
		stopped <- err
	}()
	g := start(t, Options{StallTimeout: 300 * time.Millisecond})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
	c, err := net.Dial("tcp", g.opt.ReadWrite.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, hail); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := io.CopyN(io.Discard, c, 256<<10); err != nil {
			t.Fatalf("cut while it received: %v", err)
		}
	}
	if st := g.Stats(); st.StalledTotal != 0 {
		t.Fatalf("stats %+v; a client that receives is not stalled", st)
	}
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Fatal("the server still writes to a client that receives nothing")
	}
	if st := g.Stats(); st.StalledTotal != 1 {
		t.Errorf("stats %+v; want one stalled", st)
	}
}
