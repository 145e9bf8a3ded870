package faults

import (
	"errors"
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
		opErr = attach(int(fd))
	})
	if err != nil {
		return nil // the socket is closed: nothing left to filter
	}
	if !drop && errors.Is(opErr, unix.ENOENT) { // there was none
		return nil
	}
	return explain(opErr)
}

// attach makes the kernel drop every packet for the socket.
func attach(fd int) error {
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
}

// explain says what is missing when the kernel does not let us filter.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("filter socket: %w: %w", ErrNotPermitted, err)
	}
	return fmt.Errorf("filter socket: %w", err)
}

// canFilter tries a filter on a socket that is good for nothing else.
func canFilter() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("filter socket: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // it was never connected
	return explain(attach(fd))
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
