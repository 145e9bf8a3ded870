package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hail is what a client of these tests says first: not Bolt, so the gateway passes it on
// as it is. Who speaks Bolt is tested with the stand-in's clients.
const hail = "!"

// server is a database of these tests: it greets each client that has hailed it with
// its name and a newline, then echoes.
type server struct {
	name string
	ln   net.Listener
	wg   sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	got    strings.Builder
	main   bool
	guards []*guard
}

func newServer(t *testing.T, name string) *server {
	t.Helper()
	s := &server{name: name, ln: listen(t), conns: map[net.Conn]struct{}{}, main: true}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		s.ln.Close()
		s.crash()
		s.wg.Wait()
	})
	return s
}

func (s *server) addr() string { return s.ln.Addr().String() }

func (s *server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() { s.echo(c) })
	}
}

func (s *server) echo(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if _, err := io.ReadFull(c, make([]byte, len(hail))); err != nil {
		return
	}
	if _, err := io.WriteString(c, s.name+"\n"); err != nil {
		return
	}
	_, _ = io.Copy(io.MultiWriter(c, s), c) // the test judges what arrived
}

// Write records what clients have sent.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.Write(p)
}

func (s *server) received() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

func (s *server) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// crash ends the process: guards break, connections close. The next process
// listens at the same address at once.
func (s *server) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breakGuards()
	for c := range s.conns {
		c.Close()
	}
}

func (s *server) breakGuards() {
	for _, g := range s.guards {
		close(g.done)
	}
	s.guards = nil
}

func (s *server) setMain(is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.main = is
}

// guard is what the world's Confirm returns.
type guard struct {
	done   chan struct{}
	closed chan struct{}
}

func (g *guard) Done() <-chan struct{} { return g.done }
func (g *guard) Close() error          { close(g.closed); return nil }

// world confirms the servers it has.
type world map[string]*server

func newWorld(servers ...*server) world {
	w := world{}
	for _, s := range servers {
		w[s.addr()] = s
	}
	return w
}

func (w world) Confirm(_ context.Context, addr, _ string) (Guard, error) {
	s := w[addr]
	if s == nil {
		return nil, errors.New("no such server")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.main {
		return nil, errors.New("replica")
	}
	g := &guard{done: make(chan struct{}), closed: make(chan struct{})}
	s.guards = append(s.guards, g)
	return g, nil
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// start runs a gateway with both doors until the test ends.
func start(t testing.TB, o Options) *Gateway {
	t.Helper()
	if o.ReadWrite == nil && o.ReadOnly == nil {
		o.ReadWrite, o.ReadOnly = listen(t), listen(t)
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v; want nil after its context has ended", err)
		}
		if n := g.Stats().Clients; n != 0 {
			t.Errorf("clients after Run has returned = %d; want 0", n)
		}
	})
	return g
}

// client is one end of a connection through the gateway.
type client struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

// hailed reads what a client says first.
func hailed(t testing.TB, srv net.Conn) {
	t.Helper()
	if _, err := io.ReadFull(srv, make([]byte, len(hail))); err != nil {
		t.Fatal(err)
	}
}

func connect(t testing.TB, ln net.Listener) *client {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // a hung test fails instead
	if _, err := io.WriteString(c, hail); err != nil {
		t.Fatal(err)
	}
	return &client{Conn: c, t: t, in: bufio.NewReader(c)}
}

// greeted waits for the server's greeting and checks whose it is.
func (c *client) greeted(by *server) {
	c.t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil || line != by.name+"\n" {
		c.t.Fatalf("greeting = %q, %v; want the one of %s", line, err, by.name)
	}
}

func (c *client) say(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("say %q: %v", text, err)
	}
}

func (c *client) hear(want string) {
	c.t.Helper()
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(c.in, buf); err != nil || string(buf) != want {
		c.t.Fatalf("heard %q, %v; want %q", buf, err, want)
	}
}

// echoes checks that the connection carries bytes both ways.
func (c *client) echoes(text string) {
	c.t.Helper()
	c.say(text)
	c.hear(text)
}

// ended waits until the gateway has closed the connection.
func (c *client) ended() {
	c.t.Helper()
	rest, err := io.ReadAll(c.in)
	if errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
		c.t.Fatalf("heard %q, %v; want nothing but the end", rest, err)
	}
}

// eventually waits for a condition that nothing announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

func (g *Gateway) awaitHeld(t testing.TB, n int) {
	t.Helper()
	eventually(t, "clients held", func() bool { return g.Stats().Held == n })
}
