package faults

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echo serves a port of the link that sends back what it gets.
func echo(t *testing.T, l *Link) string {
	t.Helper()
	ln, err := l.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = ln.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	return ln.Addr().String()
}

func dial(t *testing.T, l *Link, addr string) net.Conn {
	t.Helper()
	c, err := l.Dial(t.Context(), addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends one byte and waits for it at most d.
func ask(c net.Conn, d time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{7}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func set(t *testing.T, l *Link, peer string, f Fault) {
	t.Helper()
	switch err := l.Set(peer, f); {
	case errors.Is(err, ErrNotPermitted):
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

const moment = 100 * time.Millisecond

func TestCutIsSilentAndHeals(t *testing.T) {
	for _, d := range []Direction{Both, In, Out} {
		for _, side := range []string{"server", "client"} {
			t.Run(side+" "+string(d), func(t *testing.T) {
				server, client := NewLink(), NewLink()
				addr := echo(t, server)
				c := dial(t, client, addr)
				if err := ask(c, 5*time.Second); err != nil {
					t.Fatal(err)
				}
				broken := server
				if side == "client" {
					broken = client
				}
				set(t, broken, "", Fault{Mode: Cut, Direction: d})
				if err := ask(c, moment); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("during the cut: %v", err)
				}
				if _, err := client.Dial(t.Context(), addr, moment); err == nil && (side == "client" || d != Out) {
					t.Error("connected during the cut")
				}
				if err := broken.Heal(); err != nil {
					t.Fatal(err)
				}
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
					t.Errorf("what was sent during the cut did not arrive: %v", err)
				}
				if err := ask(c, 5*time.Second); err != nil {
					t.Error(err)
				}
				if err := ask(dial(t, client, addr), 5*time.Second); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestUserTimeoutEndsACutConnection(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		server, client := NewLink(), NewLink()
		client.UserTimeout = 300 * time.Millisecond
		addr := echo(t, server)
		c := dial(t, client, addr)
		if err := ask(c, 5*time.Second); err != nil { // so that it has been accepted
			t.Fatal(err)
		}
		if side == "server" {
			set(t, server, "", Fault{Mode: Cut})
		} else {
			set(t, client, addr, Fault{Mode: Cut})
		}
		start := time.Now()
		if err := ask(c, 10*time.Second); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("%s: %v", side, err)
		}
		if took := time.Since(start); took < 250*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: gave up after %v", side, took)
		}
	}
}

func TestRefuse(t *testing.T) {
	server, client := NewLink(), NewLink()
	addr := echo(t, server)
	c := dial(t, client, addr)
	set(t, server, "", Fault{Mode: Refuse})
	if err := ask(c, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an open connection: %v", err)
	}
	if _, err := client.Dial(t.Context(), addr, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	if err := server.Heal(); err != nil {
		t.Fatal(err)
	}
	if err := ask(dial(t, client, addr), 5*time.Second); err != nil {
		t.Error(err)
	}
	set(t, client, addr, Fault{Mode: Refuse})
	if _, err := client.Dial(t.Context(), addr, 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("refused at the client: %v", err)
	}
}

func TestOnePeerOnly(t *testing.T) {
	server, client := NewLink(), NewLink()
	first, second := echo(t, server), echo(t, server)
	a, b := dial(t, client, first), dial(t, client, second)
	set(t, client, first, Fault{Mode: Cut})
	if err := ask(a, moment); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the cut peer: %v", err)
	}
	if err := ask(b, 5*time.Second); err != nil {
		t.Errorf("the other peer: %v", err)
	}
}

func TestCutAfterBytes(t *testing.T) {
	server, client := NewLink(), NewLink()
	addr := echo(t, server)
	c := dial(t, client, addr)
	set(t, client, "", Fault{Mode: Cut, Direction: Out, AfterBytes: 3})
	_ = c.SetDeadline(time.Now().Add(2 * moment))
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != "hel" || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", got[:n], err)
	}
	if f := client.Faults()[""]; f.Mode != Cut || f.AfterBytes != 0 {
		t.Errorf("fault is now %+v", f)
	}
}

func TestDelay(t *testing.T) {
	server, client := NewLink(), NewLink()
	c := dial(t, client, echo(t, server))
	set(t, client, "", Fault{DelayMS: 30})
	start := time.Now()
	if err := ask(c, 5*time.Second); err != nil || time.Since(start) < 60*time.Millisecond {
		t.Errorf("%v, %v", time.Since(start), err)
	}
}

func TestSetRefusesNonsense(t *testing.T) {
	l := NewLink()
	for _, f := range []Fault{{Mode: "bend"}, {Mode: Cut, Direction: "up"}, {DelayMS: -1}, {AfterBytes: -1}} {
		if err := l.Set("", f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}
