package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/test/selfsigned"
)

// identity is a certificate for 127.0.0.1 that vouches for itself, and who trusts it.
func identity(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	cert, key, err := selfsigned.New("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair, selfsigned.Trust(cert)
}

// overTLS is the official driver, which trusts the door's certificate.
func overTLS(t *testing.T, g *Gateway, trust *x509.CertPool) neo4j.DriverWithContext {
	t.Helper()
	d, err := neo4j.NewDriverWithContext("bolt+s://"+g.opt.ReadWrite.Addr().String(), neo4j.BasicAuth("u", "p", ""), func(c *config.Config) {
		c.TlsConfig = &tls.Config{RootCAs: trust}
		c.MaxTransactionRetryTime = 15 * time.Second
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// encrypt has a database speak TLS.
func (d *database) encrypt(t *testing.T, own tls.Certificate) string {
	t.Helper()
	ln := listen(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{own}})
			d.mu.Lock()
			d.conns[c] = true
			d.mu.Unlock()
			wg.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		d.crash()
		wg.Wait()
	})
	return ln.Addr().String()
}

// Sessions over TLS, on either side or both, move like others.
func TestSessionsOverTLSMove(t *testing.T) {
	own, trust := identity(t)
	for name, upstream := range map[string]bool{"to the door": false, "to the door and on": true} {
		t.Run(name, func(t *testing.T) {
			a, b := newDatabase(t, "a"), newDatabase(t, "b")
			o := Options{TLS: &tls.Config{Certificates: []tls.Certificate{own}}}
			first, second := a.addr(), b.addr()
			if upstream {
				o.ServerTLS = &tls.Config{RootCAs: trust}
				first, second = a.encrypt(t, own), b.encrypt(t, own)
			}
			g := start(t, o)
			g.Follow(Route{Epoch: 1, Main: first, State: Open})
			d := overTLS(t, g, trust)
			asks(t, d, "one", "a")
			for epoch := uint64(2); epoch < 8; epoch += 2 {
				g.Follow(Route{Epoch: epoch, Main: second, State: Open})
				asks(t, d, "two", "b")
				g.Follow(Route{Epoch: epoch + 1, Main: first, State: Open})
				asks(t, d, "three", "a")
			}
			if st := g.Stats(); st.MovedTotal != 6 || st.ClientsTotal != 1 {
				t.Errorf("stats %+v; want one client, moved 6 times", st)
			}
			free := a.stall(bolt.Commit)
			defer free()
			go func() {
				<-a.reached
				g.Follow(Route{Epoch: 9, Main: second, State: Open})
			}()
			s := d.NewSession(t.Context(), neo4j.SessionConfig{})
			defer s.Close(t.Context())
			if _, err := s.ExecuteWrite(t.Context(), runs(t.Context(), "w")); err == nil || !strings.Contains(err.Error(), codeUnknown) {
				t.Errorf("a COMMIT in flight: %v; want %s", err, codeUnknown)
			}
			asks(t, d, "after", "b")
		})
	}
}

// What a pause has interrupted over TLS goes on where it stopped.
func TestPauseOverTLS(t *testing.T) {
	own, trust := identity(t)
	ln := tlsEcho(t, own)
	g := start(t, Options{ServerTLS: &tls.Config{RootCAs: trust}, MaxPause: time.Hour})
	g.Follow(Route{Epoch: 1, Main: ln, State: Open})
	c := connect(t, g.opt.ReadWrite)
	big := strings.Repeat("0123456789abcdef", 1<<18)
	go func() { _, _ = io.WriteString(c, big) }()
	got := make(chan string, 1)
	go func() {
		b := make([]byte, len(hail)+len(big))
		n, _ := io.ReadFull(c.in, b)
		got <- string(b[:n])
	}()
	for range 20 {
		time.Sleep(2 * time.Millisecond)
		g.Follow(Route{Epoch: 1, Main: ln, State: Paused})
		time.Sleep(2 * time.Millisecond)
		g.Follow(Route{Epoch: 1, Main: ln, State: Open})
	}
	if text := <-got; text != hail+big {
		t.Fatalf("%d of %d bytes came back whole", len(text), len(hail)+len(big))
	}
}

// tlsEcho echoes what clients say over TLS.
func tlsEcho(t *testing.T, own tls.Certificate) string {
	t.Helper()
	ln := listen(t)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			raw, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				c := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{own}})
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return ln.Addr().String()
}

// A client without TLS at a door that wants it, and the reverse, end cleanly, and a line
// of the log says what is wrong; a server that nobody vouches for gets no client.
func TestTLSOnTheWrongSide(t *testing.T) {
	own, trust := identity(t)
	var log lines
	logger := slog.New(slog.NewTextHandler(&log, nil))

	a := newDatabase(t, "a")
	g := start(t, Options{TLS: &tls.Config{Certificates: []tls.Certificate{own}}, Log: logger})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	if err := driver(t, g, "bolt").VerifyConnectivity(t.Context()); err == nil {
		t.Error("a driver without TLS was let in")
	}
	log.await(t, "speaks without TLS at a door that wants it")
	if n := g.Stats().InsecureTotal; n == 0 {
		t.Error("it was not counted")
	}
	asks(t, overTLS(t, g, trust), "other", "a") // others never notice

	plain := start(t, Options{Log: logger})
	echo := newServer(t, "e")
	plain.Follow(Route{Epoch: 1, Main: echo.addr(), State: Open})
	c, err := net.Dial("tcp", plain.opt.ReadWrite.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if err := tls.Client(c, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"}).Handshake(); err == nil {
		t.Error("TLS was spoken at a door that does not")
	}
	log.await(t, "speaks TLS at a door that does not")

	suspicious := start(t, Options{ServerTLS: &tls.Config{RootCAs: x509.NewCertPool()}, HoldTimeout: 300 * time.Millisecond, Log: logger})
	suspicious.Follow(Route{Epoch: 1, Main: a.encrypt(t, own), State: Open})
	if err := driver(t, suspicious, "bolt").VerifyConnectivity(t.Context()); err == nil {
		t.Error("a server that nobody vouches for got a client")
	}
	log.await(t, "has not come to terms about TLS")
}

// lines is a log that is written and read at once.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) await(t *testing.T, want string) {
	t.Helper()
	eventually(t, "log: "+want, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(l.text.String(), want)
	})
}
