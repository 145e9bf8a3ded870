//go:build !386

package tcp

import (
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// What the kernel tells beside the bytes (Linux 4.18): how many are left, and one when
// only the end of the stream is.
const tcpInq = 36

// note is how it tells.
type note struct {
	head syscall.Cmsghdr
	left int32
	_    int32
}

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
	b, ended := make([]byte, 8), false
	err = raw.Read(func(fd uintptr) bool {
		if err := syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpInq, 1); err != nil {
			return true
		}
		time.Sleep(time.Millisecond) // a loopback delivers the end with the byte
		n, left, errno := receive(fd, b, true)
		ended = n == 1 && left
		return errno != syscall.EAGAIN
	})
	return err == nil && ended
}

// receive reads once into b. If told, it also returns whether something is left to read, or
// the end is; otherwise, and where the kernel does not say, that is true.
func receive(fd uintptr, b []byte, told bool) (n int, left bool, errno syscall.Errno) {
	var said note
	vector := syscall.Iovec{Base: unsafe.SliceData(b)}
	vector.SetLen(len(b))
	message := syscall.Msghdr{Iov: &vector, Iovlen: 1}
	if told {
		message.Control = (*byte)(unsafe.Pointer(&said))
		message.SetControllen(int(unsafe.Sizeof(said)))
	}
	for {
		k, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&message)), syscall.MSG_DONTWAIT)
		runtime.KeepAlive(&vector)
		runtime.KeepAlive(&said)
		switch errno {
		case 0:
			return int(k), said.head.Level != syscall.IPPROTO_TCP || said.head.Type != tcpInq || said.left != 0, 0
		case syscall.EINTR:
		default:
			return 0, true, errno
		}
	}
}
