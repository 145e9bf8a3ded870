package tcp

import (
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestUserTimeoutIsSet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the option is of Linux")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := (&net.Dialer{Control: UserTimeout(1234 * time.Millisecond)}).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const userTimeout = 18 // TCP_USER_TIMEOUT, tcp(7)
	if err := raw.Control(func(fd uintptr) {
		if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, userTimeout); err != nil || got != 1234 {
			t.Errorf("TCP_USER_TIMEOUT is %d, %v; want 1234", got, err)
		}
	}); err != nil {
		t.Fatal(err)
	}
}
