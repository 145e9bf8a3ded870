//go:build !386

package tcp

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Conn is a TCP connection whose reads and writes are not announced to Go's scheduler.
//
// Package net announces them, because a system call may block. On a socket that does not
// block they last some microseconds, and after every moment without work the
// announcement wakes the scheduler's watchdog, a thread of its own: whoever passes on a
// short message pays for two wakeups and needs one (measured with Go 1.26 and perf:
// entersyscall and its futex). Waiting, deadlines and closing are package net's, whose
// errors name a raw-read or a raw-write. Where Linux tells beside the bytes how much is left
// (TCP_INQ, 4.18), Stream spares the read in vain that otherwise ends each message. The
// price: while the kernel takes a write, which on a loopback includes what the receiver does
// with it, no other goroutine runs on that processor of the scheduler, and the race detector
// does not see what was read or written.
//
// What package net does not promise: once Close has returned, or SetDeadline or
// SetWriteDeadline with a time that has passed, nothing is sent any more, not even by a
// write that had looked at its deadline before. They wait for a write that the kernel is
// taking, not for one that waits for its peer.
//
// It may be used by several goroutines at once, as any net.Conn.
type Conn struct {
	out outward
	in  inward
	raw syscall.RawConn
	tcp *net.TCPConn // not embedded: what it can do otherwise would go past all that
}

// inward is how what arrives is asked for: by Read into b, or for a stream.
type inward struct {
	mu     sync.Mutex
	told   bool // the kernel tells how much is left
	next   Next // what sink wants
	errno  syscall.Errno
	n      int // bytes read
	sink   Sink
	arrive func(fd uintptr) (done bool) // take
	b      []byte
	try    func(fd uintptr) (done bool) // read
}

// outward is how bytes are sent: one write at a time, held by mu. From before a look at the
// state until the kernel has taken what it takes, sending is set; whoever changes the state
// so that nothing may be sent waits until it is not. A mutex would have him wait for his
// turn, behind a writer who hardly ever lets go of it.
type outward struct {
	mu      sync.Mutex
	fd      uintptr // not to be used once it is closed: it may be another file then
	state   atomic.Int32
	sending atomic.Bool
	setting sync.Mutex // of the deadline and state together
	err     error
	n       int                          // bytes sent
	b       []byte                       // what is left to send
	try     func(fd uintptr) (done bool) // write
}

// The states: whether bytes may be sent.
const (
	free    = iota
	bounded // there is a deadline: package net looks at it
	shut    // it has passed
	closed  // for good
)

// Brief returns conn, which has no deadline, as a Conn, or as it is if it is no connection
// of the kernel's. It is not to be used otherwise from then on.
func Brief(conn net.Conn) net.Conn {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return conn // it is closed
	}
	c := &Conn{tcp: t, raw: raw}
	c.in.try, c.in.arrive, c.out.try = c.in.read, c.in.take, c.out.write
	if raw.Control(func(fd uintptr) { c.out.fd = fd }) != nil {
		return conn
	}
	if tells() {
		_ = raw.Control(func(fd uintptr) {
			c.in.told = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInq, 1) == nil
		})
	}
	return c
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return c.tcp.Read(b)
	}
	h := &c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b, h.n, h.errno = b, 0, 0
	err := c.raw.Read(h.try)
	h.b = nil
	switch {
	case err != nil:
		return 0, err
	case h.errno != 0:
		return 0, c.fail("read", os.NewSyscallError("read", h.errno))
	case h.n == 0:
		return 0, io.EOF
	}
	return h.n, nil
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	o := &c.out
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.sendFreely(b)
	if n == len(b) && n > 0 {
		return n, nil
	}
	if len(b) == 0 {
		return c.tcp.Write(b)
	}
	o.b, o.n, o.err = b[n:], n, nil
	err := c.raw.Write(o.try)
	o.b = nil
	if err == nil && o.err != nil {
		err = c.fail("write", o.err)
	}
	return o.n, err
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.out.bound(t, c.tcp.SetDeadline) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.out.bound(t, c.tcp.SetWriteDeadline) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.tcp.SetReadDeadline(t) }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.tcp.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.tcp.RemoteAddr() }

// CloseWrite ends what is sent: the peer reads to the end.
func (c *Conn) CloseWrite() error { return c.tcp.CloseWrite() }

// Close implements net.Conn.
func (c *Conn) Close() error {
	c.out.setting.Lock()
	c.out.state.Store(closed)
	c.out.settle()
	c.out.setting.Unlock()
	return c.tcp.Close()
}

// bound sets a deadline.
func (o *outward) bound(t time.Time, set func(time.Time) error) error {
	o.setting.Lock()
	defer o.setting.Unlock()
	if o.state.Load() == closed {
		return set(t) // it says so, unless it is being closed just now
	}
	if !t.IsZero() && time.Until(t) <= 0 {
		o.state.Store(shut)
		err := set(t)
		o.settle()
		return err
	}
	if err := set(t); err != nil {
		return err
	}
	if t.IsZero() {
		o.state.Store(free)
	} else {
		o.state.Store(bounded)
	}
	return nil
}

// settle waits until the kernel has taken what it is taking: microseconds. Nothing more is
// given to it.
func (o *outward) settle() {
	for o.sending.Load() {
		runtime.Gosched()
	}
}

func (c *Conn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// stream implements Stream.
//
// It waits within one raw read. Package net forgets that something has arrived when a read
// begins, not while it waits, and is told of each arrival once: so it is safe to wait
// without having asked in vain, if all that had arrived is known to be read. Of the end of
// the stream the kernel says one byte is left. Of a reset it does not.
func (c *Conn) stream(s Sink) error {
	h := &c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sink = s
	defer func() { h.sink = nil }()
	for {
		err := c.raw.Read(h.arrive) // anew for each: it looks at the deadline first
		switch {
		case err != nil:
			return err
		case h.errno != 0:
			return c.fail("read", os.NewSyscallError("recvmsg", h.errno))
		case h.n == 0:
			return io.EOF
		case h.next == Stop:
			return nil
		}
	}
}

// take gives the sink what has arrived. It reports false if more is to be waited for.
func (h *inward) take(fd uintptr) bool {
	n, left, errno := receive(fd, h.sink.Room(), h.told)
	if errno == syscall.EAGAIN {
		return false
	}
	var next Next
	if n > 0 {
		next = h.sink.Took(n)
		if next == Rest && h.told && !left {
			return false
		}
	}
	h.n, h.errno, h.next = n, errno, next
	return true
}

// read reads once.
func (h *inward) read(fd uintptr) bool {
	n, _, errno := receive(fd, h.b, false)
	h.n, h.errno = n, errno
	return errno != syscall.EAGAIN
}

// sendFreely writes what the kernel takes at once, if there is no deadline.
func (o *outward) sendFreely(b []byte) (n int) {
	for n < len(b) {
		k, err := o.send(o.fd, b[n:], free)
		if err != nil || k == 0 {
			break // package net tells what is the matter, or waits
		}
		n += k
	}
	return n
}

// send writes what the kernel takes, unless the state is beyond most. The errors
// are those of package net, and the kernel's as they are. mu is held.
func (o *outward) send(fd uintptr, b []byte, most int32) (int, error) {
	o.sending.Store(true)
	defer o.sending.Store(false)
	switch state := o.state.Load(); {
	case state <= most:
	case state == closed:
		return 0, net.ErrClosed
	default:
		return 0, os.ErrDeadlineExceeded
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// write writes all there is, as far as the kernel takes it. It reports false if it is to be
// waited for.
func (o *outward) write(fd uintptr) bool {
	for {
		n, err := o.send(fd, o.b, bounded)
		errno, kernel := err.(syscall.Errno) //nolint:errorlint // send wraps nothing
		switch {
		case err == nil:
			o.n += n
			if o.b = o.b[n:]; len(o.b) == 0 || n == 0 {
				return true
			}
		case !kernel:
			o.err = err // at once: who waited for room now might wait for ever
			return true
		case errno == syscall.EAGAIN:
			return false
		case errno != syscall.EINTR:
			o.err = os.NewSyscallError("write", errno)
			return true
		}
	}
}
