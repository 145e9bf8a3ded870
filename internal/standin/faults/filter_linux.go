package faults

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// setFilter makes the kernel drop every packet for the socket, or no longer.
func setFilter(socket syscall.Conn, drop bool) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("filter socket: %w", err)
	}
	var opErr error
	err = raw.Control(func(fd uintptr) {
		if !drop {
			opErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
			return
		}
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
		opErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: 1, Filter: &nothing})
	})
	if err != nil {
		return nil // the socket is closed: nothing left to filter
	}
	if opErr != nil && (drop || opErr != unix.ENOENT) {
		return fmt.Errorf("filter socket: %w", opErr)
	}
	return nil
}

// setUserTimeout makes the kernel give a connection up when sent data are unacknowledged for ms.
func setUserTimeout(socket syscall.Conn, ms int) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("set TCP user timeout: %w", err)
	}
	var opErr error
	if err := raw.Control(func(fd uintptr) {
		opErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	}); err != nil {
		return fmt.Errorf("set TCP user timeout: %w", err)
	}
	if opErr != nil {
		return fmt.Errorf("set TCP user timeout: %w", opErr)
	}
	return nil
}
