package tcp

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UserTimeout is for the Control of a net.Dialer. It makes the kernel give a connection
// up when what was sent on it, keepalives included, stays unacknowledged for limit
// (TCP_USER_TIMEOUT, in whole milliseconds).
func UserTimeout(limit time.Duration) func(network, address string, conn syscall.RawConn) error {
	return func(_, _ string, conn syscall.RawConn) error {
		var set error
		err := conn.Control(func(fd uintptr) {
			set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
		})
		if err == nil {
			err = set
		}
		if err != nil {
			return fmt.Errorf("set tcp user timeout: %w", err)
		}
		return nil
	}
}
