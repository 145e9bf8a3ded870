//go:build !386

package tcp

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
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
// (TCP_INQ, 4.18), Stream spares the read in vain that otherwise ends each message. The price: while the kernel takes a write, which
// on a loopback includes what the receiver does with it, no other goroutine runs on that
// processor of the scheduler, and the race detector does not see what was read or written.
//
// It may be used by several goroutines at once, as any net.Conn.
type Conn struct {
	*net.TCPConn
	raw syscall.RawConn
	in  inward
	out half
}

// half is one direction.
type half struct {
	mu    sync.Mutex
	b     []byte // what is left to read into, or to write
	n     int    // bytes moved
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
}

// inward is how what arrives is asked for.
type inward struct {
	half
	told    bool // the kernel tells how much is left
	left    bool // there is more, or the end; known if told
	vector  syscall.Iovec
	message syscall.Msghdr
	control [controlSize]byte
}

// Brief returns conn as a Conn, or as it is if it is no connection of the kernel's.
func Brief(conn net.Conn) net.Conn {
	t, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return conn // it is closed
	}
	c := &Conn{TCPConn: t, raw: raw}
	c.in.try, c.out.try = c.in.read, c.out.write
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
		return c.TCPConn.Read(b)
	}
	n, err := c.in.move(b, c.raw.Read, c.fail, "read")
	if n == 0 && err == nil {
		return 0, io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return c.TCPConn.Write(b)
	}
	return c.out.move(b, c.raw.Write, c.fail, "write")
}

// move has wait try until something was done.
func (h *half) move(b []byte, wait func(func(uintptr) bool) error, fail func(string, error) error, op string) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b, h.n, h.errno = b, 0, 0
	err := wait(h.try)
	h.b = nil
	if err == nil && h.errno != 0 {
		err = fail(op, os.NewSyscallError(op, h.errno))
	}
	return h.n, err
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
func (c *Conn) stream(room func() []byte, each func(n int) Next) error {
	h := &c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errno = 0
	next := More
	try := func(fd uintptr) bool {
		h.b = room()
		if !h.read(fd) {
			return false
		}
		if h.errno != 0 || h.n == 0 {
			return true
		}
		next = each(h.n)
		h.b, h.vector.Base = nil, nil // it waits without them
		return next != Rest || !h.told || h.left
	}
	for {
		err := c.raw.Read(try) // anew for each: it looks at the deadline first
		h.b = nil
		switch {
		case err != nil:
			return err
		case h.errno != 0:
			return c.fail("read", os.NewSyscallError("recvmsg", h.errno))
		case h.n == 0:
			return io.EOF
		case next == Stop:
			return nil
		}
	}
}

// What the kernel tells beside the bytes (Linux 4.18): how many are left, and one when
// only the end of the stream is.
const (
	tcpInq      = 36
	controlSize = syscall.SizeofCmsghdr + 8
)

// tells reports whether this kernel tells how much is left, and counts the end of the
// stream: gVisor and Linux before 5.1 may not, and without that an end could be missed.
var tells = sync.OnceValue(func() bool {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return false
	}
	defer ln.Close()
	for range 3 { // once is not enough if the end comes after the byte
		if shows(ln.(*net.TCPListener)) {
			return true
		}
	}
	return false
})

// patience is how long a loopback may take: one that is filtered would take minutes.
const patience = 200 * time.Millisecond

// shows reports whether a connection to ln has told of its end with its last byte.
func shows(ln *net.TCPListener) bool {
	there, err := net.DialTimeout("tcp", ln.Addr().String(), patience)
	if err != nil {
		return false
	}
	defer there.Close()
	if err := ln.SetDeadline(time.Now().Add(patience)); err != nil {
		return false
	}
	here, err := ln.Accept()
	if err != nil {
		return false
	}
	defer here.Close()
	if _, err := there.Write([]byte("x")); err != nil {
		return false
	}
	there.Close()
	return told(here.(*net.TCPConn))
}

// told reports whether the end of the stream, which is there or about to be, is told with
// the byte before it.
func told(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil || conn.SetReadDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	h := inward{told: true, half: half{b: make([]byte, 8)}}
	ended := false
	err = raw.Read(func(fd uintptr) bool {
		if err := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInq, 1); err != nil {
			return true
		}
		time.Sleep(time.Millisecond) // a loopback delivers the end with the byte
		if !h.read(fd) {
			return false
		}
		ended = h.n == 1 && h.left
		return true
	})
	return err == nil && ended
}

// read reads once.
func (h *inward) read(fd uintptr) bool {
	h.n = 0
	h.vector.Base = unsafe.SliceData(h.b)
	h.vector.SetLen(len(h.b))
	h.message = syscall.Msghdr{Iov: &h.vector, Iovlen: 1}
	if h.told {
		h.message.Control = &h.control[0]
		h.message.SetControllen(controlSize)
	}
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&h.message)), syscall.MSG_DONTWAIT)
		switch errno {
		case 0:
			h.n = int(n)
			h.left = !h.empty()
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			h.errno = errno
			return true
		}
	}
}

// empty reports whether the kernel has said that nothing is left to read.
func (h *inward) empty() bool {
	if h.message.Controllen < syscall.SizeofCmsghdr+4 {
		return false
	}
	head := (*syscall.Cmsghdr)(unsafe.Pointer(&h.control[0]))
	return head.Level == syscall.IPPROTO_TCP && head.Type == tcpInq && binary.NativeEndian.Uint32(h.control[syscall.SizeofCmsghdr:]) == 0
}

// write writes all there is, as far as the kernel takes it.
func (h *half) write(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(h.b))), uintptr(len(h.b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			h.n += int(n)
			if h.b = h.b[n:]; len(h.b) == 0 || n == 0 {
				return true
			}
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			h.errno = errno
			return true
		}
	}
}
