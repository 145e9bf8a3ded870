package faults

import (
	"net"
	"sync"
)

// listener is a TCP port that can be closed and opened again.
type listener struct {
	link   *Link
	addr   net.Addr
	reopen func() (*net.TCPListener, error)

	mu     sync.Mutex
	tcp    *net.TCPListener // nil while refused
	ready  chan struct{}    // closed when tcp is there, or the listener closed for good
	closed bool
	cut    bool
}

// apply brings the port in line with a fault. It needs the link's lock.
func (ln *listener) apply(f Fault) error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		return nil
	}
	armed := f.AfterBytes == 0
	if refused := armed && f.Mode == Refuse; refused != (ln.tcp == nil) {
		if err := ln.toggle(refused); err != nil {
			return err
		}
	}
	cut := armed && f.Mode == Cut
	if ln.tcp == nil || cut == ln.cut {
		return nil
	}
	ln.cut = cut
	return setFilter(ln.tcp, cut)
}

func (ln *listener) toggle(refused bool) error {
	if refused {
		_ = ln.tcp.Close()
		ln.tcp, ln.ready, ln.cut = nil, make(chan struct{}), false
		return nil
	}
	tcp, err := ln.reopen()
	if err != nil {
		return err
	}
	ln.tcp = tcp
	close(ln.ready)
	return nil
}

// Accept waits for a connection, and while the port is refused for its return.
func (ln *listener) Accept() (net.Conn, error) {
	for {
		ln.mu.Lock()
		tcp, ready, closed := ln.tcp, ln.ready, ln.closed
		ln.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		if tcp == nil {
			<-ready
			continue
		}
		peer, err := tcp.AcceptTCP()
		if err != nil {
			if ln.replaced(tcp) {
				continue
			}
			return nil, err
		}
		host, _, err := net.SplitHostPort(peer.RemoteAddr().String())
		if err != nil {
			_ = peer.Close()
			continue
		}
		c, err := ln.link.adopt(peer, host)
		if err != nil {
			continue
		}
		return c, nil
	}
}

// replaced reports whether the port was closed by a fault since Accept began.
func (ln *listener) replaced(tcp *net.TCPListener) bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return !ln.closed && ln.tcp != tcp
}

// Close closes the port for good.
func (ln *listener) Close() error {
	ln.link.mu.Lock()
	delete(ln.link.listeners, ln)
	ln.link.mu.Unlock()
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed {
		return net.ErrClosed
	}
	ln.closed = true
	if ln.tcp == nil {
		close(ln.ready)
		return nil
	}
	return ln.tcp.Close()
}

// Addr is the address of the port.
func (ln *listener) Addr() net.Addr { return ln.addr }
