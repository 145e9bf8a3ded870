package memgraph

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout makes the kernel give a connection up when what was sent on it,
// keepalives included, stays unacknowledged for silenceLimit.
func userTimeout(_, _ string, conn syscall.RawConn) error {
	var set error
	err := conn.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silenceLimit.Milliseconds()))
	})
	if err == nil {
		err = set
	}
	if err != nil {
		return fmt.Errorf("set tcp user timeout: %w", err)
	}
	return nil
}
