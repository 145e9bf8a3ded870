package tcp

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// Conn is a TCP connection whose reads and writes are not announced to Go's scheduler.
//
// Package net announces them, because a system call may block. On a socket that does not
// block they last some microseconds, and after every moment without work the
// announcement wakes the scheduler's watchdog, a thread of its own: whoever passes on a
// short message pays for two wakeups and needs one (measured with Go 1.26 and perf:
// entersyscall and its futex). Waiting, deadlines and closing are package net's, whose
// errors name a raw-read or a raw-write. The price: while the kernel takes a write, which
// on a loopback includes what the receiver does with it, no other goroutine runs on that
// processor of the scheduler, and the race detector does not see what was read or written.
//
// It may be used by several goroutines at once, as any net.Conn.
type Conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out half
}

// half is one direction.
type half struct {
	mu    sync.Mutex
	b     []byte // what is left to read into, or to write
	n     int    // bytes moved
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
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

// read reads once.
func (h *half) read(fd uintptr) (done bool) {
	h.n, done = h.call(syscall.SYS_READ, fd)
	return done
}

// write writes all there is, as far as the kernel takes it.
func (h *half) write(fd uintptr) bool {
	for {
		n, done := h.call(syscall.SYS_WRITE, fd)
		h.n += n
		h.b = h.b[n:]
		if !done || h.errno != 0 || len(h.b) == 0 || n == 0 {
			return done
		}
	}
}

// call makes one system call on h.b, which is not empty. It is not done if the kernel
// would have to wait.
func (h *half) call(trap, fd uintptr) (n int, done bool) {
	for {
		n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(h.b))), uintptr(len(h.b)))
		switch errno {
		case 0:
			return int(n), true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false
		default:
			h.errno = errno
			return 0, true
		}
	}
}
