package faults

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Link is a kind of connection of this process, such as "replication" or "bolt". Its methods may
// be called concurrently.
type Link struct {
	// UserTimeout is how long sent data may stay unacknowledged before a connection fails; 0
	// means as long as the kernel tries. Set it before the first use.
	UserTimeout time.Duration

	counting atomic.Bool // some fault counts bytes

	mu        sync.Mutex
	faults    map[string]Fault // by peer; "" is everybody
	conns     map[*conn]bool
	listeners map[*listener]bool
	changed   chan struct{} // closed and replaced by every change
}

// NewLink returns a link without faults.
func NewLink() *Link {
	return &Link{
		faults: map[string]Fault{}, conns: map[*conn]bool{}, listeners: map[*listener]bool{},
		changed: make(chan struct{}),
	}
}

// Set puts a fault on the connections with a peer, or on all for "". Of outgoing connections the
// peer is the address as dialled, of incoming ones the host. A zero Fault heals. A cut that this
// process cannot make changes nothing and fails with ErrNotPermitted or ErrUnsupported, wrapped.
func (l *Link) Set(peer string, f Fault) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if f.Mode == Cut && f.Direction != Out {
		if err := canFilter(); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f == (Fault{}) {
		delete(l.faults, peer)
	} else {
		l.faults[peer] = f
	}
	return l.apply()
}

// Heal removes all faults.
func (l *Link) Heal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.faults)
	return l.apply()
}

// Faults returns the faults by peer.
func (l *Link) Faults() map[string]Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]Fault, len(l.faults))
	for peer, f := range l.faults {
		out[peer] = f
	}
	return out
}

// fault returns what applies to a peer: what was set for it, or for everybody.
func (l *Link) fault(peer string) (key string, f Fault) {
	if f, ok := l.faults[peer]; ok {
		return peer, f
	}
	return "", l.faults[""]
}

// apply brings every socket in line with the faults. It needs the lock.
func (l *Link) apply() error {
	close(l.changed)
	l.changed = make(chan struct{})
	counting := false
	for _, f := range l.faults {
		counting = counting || f.AfterBytes > 0
	}
	l.counting.Store(counting)
	var failed error
	for ln := range l.listeners {
		_, f := l.fault("")
		failed = errors.Join(failed, ln.apply(f))
	}
	for c := range l.conns {
		_, f := l.fault(c.peer)
		failed = errors.Join(failed, c.apply(f))
	}
	return failed
}

// spend takes n bytes off what a fault lets pass before it applies, and returns how many of them
// may pass. If that was the last of them, the caller lets them pass and then calls trip.
func (l *Link) spend(peer string, d Direction, n int) (allowed int, last bool) {
	if !l.counting.Load() {
		return n, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key, f := l.fault(peer)
	if f.AfterBytes == 0 || f.Direction != Both && f.Direction != d {
		return n, false
	}
	allowed = int(min(int64(n), f.AfterBytes))
	f.AfterBytes -= int64(allowed)
	l.faults[key] = f
	return allowed, f.AfterBytes == 0
}

// trip makes the faults apply that have counted to their end.
func (l *Link) trip() {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A filter that cannot be set was refused by Set already.
	_ = l.apply()
}

// Dial connects to a TCP address. During a cut it takes the whole timeout.
func (l *Link) Dial(ctx context.Context, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		l.mu.Lock()
		_, f := l.fault(address)
		changed := l.changed
		l.mu.Unlock()
		if f.AfterBytes == 0 && f.Mode == Refuse {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}
		if f.AfterBytes > 0 || f.Mode != Cut {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}
	}
	var d net.Dialer
	peer, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return l.adopt(peer.(*net.TCPConn), address)
}

// adopt makes a socket a connection of the link.
func (l *Link) adopt(tcp *net.TCPConn, peer string) (net.Conn, error) {
	c := &conn{Conn: tcp, socket: tcp, link: l, peer: peer}
	c.drained = sync.NewCond(&c.mu)
	if l.UserTimeout > 0 {
		if err := setUserTimeout(tcp, int(l.UserTimeout.Milliseconds())); err != nil {
			_ = tcp.Close()
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = true
	_, f := l.fault(peer)
	if err := c.apply(f); err != nil {
		delete(l.conns, c)
		_ = tcp.Close()
		return nil, err
	}
	return c, nil
}

func (l *Link) forget(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Listen opens a TCP port. While it is refused the port is closed; Accept then waits.
func (l *Link) Listen(ctx context.Context, address string) (net.Listener, error) {
	tcp, err := listenTCP(ctx, address)
	if err != nil {
		return nil, err
	}
	addr := tcp.Addr()
	reopen := func() (*net.TCPListener, error) { return listenTCP(context.WithoutCancel(ctx), addr.String()) }
	ln := &listener{link: l, tcp: tcp, addr: addr, reopen: reopen, ready: make(chan struct{})}
	close(ln.ready)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listeners[ln] = true
	_, f := l.fault("")
	if err := ln.apply(f); err != nil {
		delete(l.listeners, ln)
		_ = tcp.Close()
		return nil, err
	}
	return ln, nil
}

func listenTCP(ctx context.Context, address string) (*net.TCPListener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // such sockets take no filter
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln.(*net.TCPListener), nil
}
