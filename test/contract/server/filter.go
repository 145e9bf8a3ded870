//go:build linux

package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoFilter reports that this machine does not let us hang a filter on the
// sockets of our own children; some kernels want privileges for it.
var ErrNoFilter = errors.New("cutting links is not allowed on this machine")

// Cut makes every packet that others send to the node's replication port
// vanish, as a firewall that drops would: established connections fall silent
// and unacknowledged, attempts to connect hang. It borrows the sockets of the
// running process and hangs a filter on them, which works on any server and
// with most kernels needs no privileges. It returns ErrNoFilter, wrapped, where
// that is forbidden.
func (n *Node) Cut() error {
	if err := n.filter(dropAll); err != nil {
		return fmt.Errorf("cut off %s: %w", n.Name, err)
	}
	return nil
}

// Heal ends a Cut. What was unacknowledged arrives by retransmission.
func (n *Node) Heal() error {
	if err := n.filter(passAll); err != nil {
		return fmt.Errorf("heal %s: %w", n.Name, err)
	}
	return nil
}

func dropAll(fd int) error {
	prog := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &prog[0]})
}

func passAll(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// filter applies set to every socket of the process bound to the replication
// port. It goes over them twice: a connection accepted during the first round
// is met in the second.
func (n *Node) filter(set func(fd int) error) error {
	if !n.Running() {
		return errors.New("it does not run")
	}
	pid := n.cmd.Process.Pid
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoFilter, err)
	}
	defer func() { _ = unix.Close(pidfd) }()
	met := 0
	for range 2 {
		fds, err := socketsOf(pid)
		if err != nil {
			return err
		}
		for _, remote := range fds {
			mine, err := n.filterOne(pidfd, remote, set)
			if err != nil {
				return err
			}
			if mine {
				met++
			}
		}
	}
	if met == 0 {
		return fmt.Errorf("no socket on port %d", n.Repl)
	}
	return nil
}

// filterOne applies set to one of the process's sockets if it is bound to the
// replication port, and reports whether it was.
func (n *Node) filterOne(pidfd, remote int, set func(fd int) error) (bool, error) {
	fd, err := unix.PidfdGetfd(pidfd, remote, 0)
	switch {
	case errors.Is(err, unix.EBADF):
		return false, nil // closed meanwhile
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrNoFilter, err)
	}
	defer func() { _ = unix.Close(fd) }()
	sa, err := unix.Getsockname(fd)
	if err != nil || portOf(sa) != n.Repl {
		return false, nil
	}
	if err := set(fd); errors.Is(err, unix.EPERM) {
		return true, fmt.Errorf("%w: attach a socket filter: %w", ErrNoFilter, err)
	} else if err != nil {
		return true, fmt.Errorf("set a socket filter: %w", err)
	}
	return true, nil
}

func portOf(sa unix.Sockaddr) int {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return sa.Port
	case *unix.SockaddrInet6:
		return sa.Port
	}
	return 0
}

// socketsOf lists the descriptors of a process that are sockets.
func socketsOf(pid int) ([]int, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list descriptors: %w", err)
	}
	var fds []int
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || !strings.HasPrefix(target, "socket:") {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
