//go:build linux

package server

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// WithHosts is the first argument that makes this program a launcher: it mounts
// a private /etc/hosts and becomes the program that follows.
const WithHosts = "__with-hosts"

// ErrNoHosts is what a server says as its last words when the machine does not
// allow a private /etc/hosts.
var ErrNoHosts = errors.New("no private /etc/hosts for the server")

// privately rewrites cmd so that the process sees the file as its /etc/hosts.
// Whoever is not root gets a user namespace for it.
func privately(cmd *exec.Cmd, hosts string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	cmd.Args = append([]string{self, WithHosts, hosts, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = self
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return nil
}

// Become mounts args[0] over /etc/hosts and turns the process into args[1:]. It
// returns only if that failed, with ErrNoHosts, wrapped.
func Become(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("%w: want a file and a program", ErrNoHosts)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: make mounts private: %w", ErrNoHosts, err)
	}
	if err := unix.Mount(args[0], "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%w: mount %s: %w", ErrNoHosts, args[0], err)
	}
	return fmt.Errorf("%w: become %s: %w", ErrNoHosts, args[1], syscall.Exec(args[1], args[1:], os.Environ()))
}
