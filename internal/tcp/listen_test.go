//go:build linux

package tcp

import (
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAcceptedConnectionsHaveTheKeepalives(t *testing.T) {
	ln, err := Listen(t.Context(), "127.0.0.1:0", net.KeepAliveConfig{Enable: true, Idle: 17 * time.Second, Interval: 6 * time.Second, Count: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	there, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	here, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	raw, err := here.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for _, want := range []struct{ level, name, value int }{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 17},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 6},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
		} {
			if got, err := unix.GetsockoptInt(int(fd), want.level, want.name); err != nil || got != want.value {
				t.Errorf("option %d of level %d is %d, %v; want %d", want.name, want.level, got, err, want.value)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
