package memgraph

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/test/selfsigned"
)

func done(g *Guard) bool {
	select {
	case <-g.Done():
		return true
	default:
		return false
	}
}

func TestGuardSeesTheEndAtOnce(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	g, err := n.Confirm(t.Context(), f.addr, "")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if done(g) {
		t.Fatal("done before the end")
	}
	began := time.Now()
	f.kill()
	<-g.Done()
	if d := time.Since(began); d > time.Second {
		t.Errorf("end noticed after %s", d)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestGuardOutlivesItsContextAndEndsWithClose(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	ctx, cancel := context.WithCancel(t.Context())
	g, err := n.Confirm(ctx, f.addr, "")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if done(g) {
		t.Error("the guard ended with the context of Confirm")
	}
	_ = g.Close()
	if !done(g) {
		t.Error("not done after close")
	}
	_ = g.Close()
}

func TestConfirmRefusesAnotherDatabase(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	g, err := n.Confirm(t.Context(), f.addr, "9281dd9a-3198-448e-8da2-cbc6e4be9aea")
	if err != nil {
		t.Fatalf("main with the right database: %v", err)
	}
	_ = g.Close()
	g, err = n.Confirm(t.Context(), f.addr, "somebody else's")
	if err == nil {
		_ = g.Close()
	}
	if !errors.Is(err, ErrOtherDatabase) {
		t.Errorf("main with another database: %v, want ErrOtherDatabase", err)
	}
	f.say(storageOfCurrent, fails("no"))
	f.say(storageOfAll, fails("no"))
	if g, err := n.Confirm(t.Context(), f.addr, "x"); err == nil {
		_ = g.Close()
		t.Error("a main that does not say what it holds was confirmed")
	}
}

func TestConfirmRefusesWhatIsNotMain(t *testing.T) {
	replica, locked, broken := newFake(t), newFake(t), newFake(t)
	replica.say("SHOW REPLICATION ROLE", roleReply("replica"))
	locked.badAuth = true
	broken.say("SHOW REPLICATION ROLE", fails("no"))
	n := newNodes(t, Options{})
	for name, addr := range map[string]string{
		"replica": replica.addr, "bad login": locked.addr, "broken": broken.addr,
		"closed": closedPort(t), "black hole": mute(t), "http": speaks(t, []byte("HTTP/1.1 400\r\n\r\n")),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		g, err := n.Confirm(ctx, addr, "")
		cancel()
		if err == nil {
			_ = g.Close()
			t.Errorf("%s was confirmed as main", name)
		}
		if got := errors.Is(err, ErrNotMain); got != (name == "replica") {
			t.Errorf("%s: %v; is ErrNotMain: %t", name, err, got)
		}
	}
}

func TestConfirmLogsIn(t *testing.T) {
	f := newFake(t)
	n, err := New(nil, Credentials{User: "u", Password: "p"}, Options{Version: "1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := n.Confirm(t.Context(), f.addr, "")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if got := f.hellos[0]["user_agent"]; got != "memgraph-controller/1" {
		t.Errorf("user agent %v", got)
	}
}

// peer is the far end of a guarded pipe: it answers the role as long as it is
// asked, and counts.
func peer(conn net.Conn, role func(asked int) string) {
	w := &wire{conn: conn, in: bufio.NewReader(conn)}
	for asked := 1; ; asked++ {
		if _, err := w.receive(bolt.Run); err != nil {
			return
		}
		if _, err := w.receive(bolt.Pull); err != nil {
			return
		}
		said := role(asked)
		if said == "" {
			return
		}
		success(w, map[string]any{"fields": []any{"replication role"}})
		_ = w.send(message{bolt.Record, []any{[]any{said}}})
		success(w, map[string]any{})
	}
}

func TestGuardAsksBeforeTheServerHangsUpOnIdlers(t *testing.T) {
	for name, c := range map[string]struct {
		role func(int) string
		want time.Duration
	}{
		"no longer main": {func(n int) string { return map[bool]string{true: "main", false: "replica"}[n < 5] }, 5 * heartbeat},
		"hangs":          {func(n int) string { return map[bool]string{true: "main", false: ""}[n < 3] }, 3*heartbeat + answerLimit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				go peer(far, c.role)
				g := &Guard{wire: &wire{conn: near, in: bufio.NewReader(near)}, want: cluster.RoleMain, done: make(chan struct{})}
				began := time.Now()
				go g.watch()
				<-g.Done()
				if got := time.Since(began); got != c.want {
					t.Errorf("done after %s, want %s", got, c.want)
				}
				_ = g.Close()
				_ = far.Close()
			})
		})
	}
}

func TestGuardEndsWhenThePeerSpeaksUnasked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		g := &Guard{wire: &wire{conn: near, in: bufio.NewReader(near)}, done: make(chan struct{})}
		go g.watch()
		_, _ = far.Write([]byte{0, 0, 0, 0}) // empty chunks keep a connection alive
		synctest.Wait()
		if done(g) {
			t.Fatal("ended by an empty chunk")
		}
		_, _ = far.Write([]byte{7})
		<-g.Done()
		_ = far.Close()
	})
}

func TestWatchCallsWhenANodeComesAndGoes(t *testing.T) {
	f := newFake(t)
	n := newNodes(t, Options{}, f.addr)
	var calls atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Watch(ctx, 0, func() { calls.Add(1) }) }()
	soon(t, "called when it came up", func() bool { return calls.Load() == 1 })
	addr := f.addr
	f.kill()
	soon(t, "called when it broke, and when it refused", func() bool { return calls.Load() == 3 })
	attempts := f.connections()
	f.listen(addr)
	soon(t, "called when it came back", func() bool { return calls.Load() == 4 && f.connections() > attempts })
	f.cut()
	soon(t, "called for a restart too short to refuse", func() bool { return calls.Load() == 6 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if calls.Load() != 6 {
		t.Errorf("%d calls, the last one after the end", calls.Load())
	}
	if err := n.Watch(t.Context(), 9, func() {}); err == nil {
		t.Error("watching a node that does not exist is no error")
	}
}

// overTLS is a fake behind TLS with a certificate for name, and that certificate.
func overTLS(t *testing.T, name string) (f *fake, cert []byte) {
	t.Helper()
	cert, key, err := selfsigned.New(name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	f = newFake(t)
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	_ = f.ln.Close()
	f.ln, f.addr = front, front.Addr().String()
	f.wg.Go(func() {
		for {
			conn, err := front.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[conn] = true
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(conn) })
		}
	})
	return f, cert
}

func TestWatchAndLookOverTLS(t *testing.T) {
	f, cert := overTLS(t, "127.0.0.1")
	n := newNodes(t, Options{TLS: &tls.Config{RootCAs: selfsigned.Trust(cert)}}, f.addr)
	if s := n.Look(t.Context(), 0); s.Contact != cluster.Answered {
		t.Errorf("look over tls = %+v", s)
	}
	g, err := n.Confirm(t.Context(), f.addr, "")
	if err != nil {
		t.Fatal(err)
	}
	f.cut()
	<-g.Done()
	_ = g.Close()
	plain := newNodes(t, Options{}, f.addr)
	if s := plain.Look(t.Context(), 0); s.Contact == cluster.Answered {
		t.Error("plain connection to a tls port answered")
	}
}

// A pod is dialed by its IP address, and shows a certificate for its name. What is wrong
// with that is told: such a node is not silent.
func TestCertificatesAreForNamesNotForAddresses(t *testing.T) {
	f, cert := overTLS(t, "mg-0.mg.shop.svc")
	_, other := overTLS(t, "mg-0.mg.shop.svc")
	for name, c := range map[string]struct {
		host, at string
		trusted  []byte
		contact  cluster.Contact
		fault    string
	}{
		"as it is called": {"mg-0.mg.shop.svc", f.addr, cert, cluster.Answered, ""},
		"another name":    {"mg-1.mg.shop.svc", f.addr, cert, cluster.Foreign, "mg-1.mg.shop.svc"},
		"nobody vouches":  {"mg-0.mg.shop.svc", f.addr, other, cluster.Foreign, "mg-0.mg.shop.svc"},
		"no TLS there":    {"mg-0.mg.shop.svc", speaks(t, []byte{0, 0, 0, 0, 0}), cert, cluster.Foreign, "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNodes(t, Options{TLS: &tls.Config{RootCAs: selfsigned.Trust(c.trusted)}, Address: func(string) string { return c.at }}, c.host+":7687")
			if s := n.Look(t.Context(), 0); s.Contact != c.contact || !strings.Contains(s.Fault, c.fault) {
				t.Errorf("%s %q; want %s and %q", s.Contact, s.Fault, c.contact, c.fault)
			}
		})
	}
}
