package kube

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler)) // what client-go has to say
	// The second handler waits until a millisecond has passed since the last error: the
	// time of one test's bubble, which is minutes ahead of the next one's.
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
	os.Exit(m.Run())
}

// world is an API server behind a network that can be cut, and one controller's
// view of it. Time is virtual.
type world struct {
	*apiServer
	t    *testing.T
	line *line
	*Cluster
	log *diary
	ctx context.Context //nolint:containedctx // of the whole test
	wg  sync.WaitGroup
}

// inWorld runs a test in a world, and ends all it has begun.
func inWorld(t *testing.T, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		server := newAPIServer(t)
		l := &line{ends: make(chan net.Conn), closed: make(chan struct{})}
		h := &http.Server{Handler: server}
		w := &world{apiServer: server, t: t, line: l, log: &diary{}}
		var cancel context.CancelFunc
		w.ctx, cancel = context.WithCancel(t.Context())
		served := make(chan struct{})
		go func() {
			defer close(served)
			if err := h.Serve(l); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("the API server ends with %v", err)
			}
		}()
		defer func() {
			cancel()
			w.wg.Wait()
			l.cut()
			_ = l.Close()
			_ = h.Close()
			<-served
		}()
		w.Cluster = w.controller("controller-a")
		test(w)
	})
}

// controller returns another controller's view.
func (w *world) controller(name string) *Cluster {
	w.t.Helper()
	config := &rest.Config{Host: "http://api", Dial: w.line.dial}
	config.ContentType, config.AcceptContentTypes = "application/json", "application/json"
	c, err := connect(config, Options{
		Namespace: "ns", StatefulSet: "memgraph", Container: "memgraph", Nodes: 3, HTTPPort: 8080, Pod: name,
		Record: "state", Lease: "leader", App: "memgraph-controller", Version: "test", Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// begin runs what runs until the end of the test.
func (w *world) begin(run func(ctx context.Context)) {
	w.wg.Go(func() { run(w.ctx) })
}

// pass lets d of virtual time go by, and then all settle that can.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// asked returns how often the API server was asked that, and forgets it.
func (w *world) asked(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.requests)
	w.requests = slices.DeleteFunc(w.requests, func(s string) bool { return strings.HasPrefix(s, what) })
	return n - len(w.requests)
}

// down cuts everybody off, with connections reset and refused; up ends that.
func (w *world) down() { w.line.set(true); w.line.cut() }
func (w *world) up()   { w.line.set(false) }

// freeze stops the API server as SIGSTOP does; thaw lets it go on.
func (w *world) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = make(chan struct{})
}

func (w *world) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.frozen)
	w.frozen = nil
}

// deny takes a right away, allow gives it back: "patch pods/status".
func (w *world) deny(right string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.denied[right] = true
}

func (w *world) allow(right string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.denied, right)
}

// fail has every request answered with an HTTP status; 0 ends that.
func (w *world) fail(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails = code
}

// diary is a log that can be read.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(p)
}

// lines returns how many lines have that text.
func (d *diary) lines(with string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for l := range strings.Lines(d.b.String()) {
		if strings.Contains(l, with) {
			n++
		}
	}
	return n
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.String()
}

// line is a network of one server.
type line struct {
	ends   chan net.Conn
	closed chan struct{}

	mu     sync.Mutex
	refuse bool
	conns  []net.Conn
}

func (l *line) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	l.mu.Lock()
	refuse := l.refuse
	client, server := net.Pipe()
	if !refuse {
		l.conns = append(l.conns, client, server)
	}
	l.mu.Unlock()
	if refuse {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	select {
	case l.ends <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *line) set(refuse bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
}

// cut breaks all connections.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.conns = nil
}

// Accept implements net.Listener.
func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.ends:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

// Addr implements net.Listener.
func (l *line) Addr() net.Addr { return &net.UnixAddr{Name: "api", Net: "unix"} }
