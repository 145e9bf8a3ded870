package tcp

import (
	"context"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen listens at a TCP address, host:port. The kernel gives every connection the
// keepalives of the listening socket (tcp(7)): package net would set them anew on each,
// at four system calls. They are probed after k.Idle, every k.Interval, k.Count times;
// durations are whole seconds.
func Listen(ctx context.Context, addr string, k net.KeepAliveConfig) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, conn syscall.RawConn) error {
		var set error
		err := conn.Control(func(fd uintptr) { set = keepAlive(int(fd), k) })
		if err == nil {
			err = set
		}
		if err != nil {
			return fmt.Errorf("set tcp keepalive: %w", err)
		}
		return nil
	}}
	config.SetMultipathTCP(false) // of which not every kernel takes these options
	return config.Listen(ctx, "tcp", addr)
}

func keepAlive(fd int, k net.KeepAliveConfig) error {
	if !k.Enable {
		return nil
	}
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, int(k.Idle.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, int(k.Interval.Seconds())},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, k.Count},
	} {
		if err := unix.SetsockoptInt(fd, option.level, option.name, option.value); err != nil {
			return err
		}
	}
	return nil
}
