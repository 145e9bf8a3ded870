package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"memgraph-controller/test/lab/machine"
)

// cgroupPatience bounds the wait for cgroups to become empty: the kernel
// reaps what was in them a moment after it died.
const cgroupPatience = 10 * time.Second

// Down removes the lab: processes, mounts, network namespaces, cgroups, kernel
// settings, files. With keep, the disk stays (etcd, images, volumes) and the
// next [Up] starts from it. Downing what is not up removes what is left of it.
func Down(ctx context.Context, keep bool, out io.Writer) error {
	if err := mustBeRoot(); err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	start := time.Now()
	s, stateErr := readState()
	if errors.Is(stateErr, errNotRunning) {
		stateErr = nil
	}
	failed := errors.Join(stateErr, switchOffAll(), removeNamespaces(ctx), removeAllCgroups(ctx), writeSysctls(s.Sysctls))
	if failed != nil {
		return fmt.Errorf("take the lab down: %w", failed)
	}
	gone := []string{runDir, lockPath}
	if !keep {
		gone = append(gone, diskDir)
	}
	for _, path := range gone {
		failed = errors.Join(failed, os.RemoveAll(path))
	}
	for _, dir := range slices.Backward(s.Directories) {
		// Not empty: somebody else uses it by now.
		_ = unix.Rmdir(dir)
	}
	if failed != nil {
		return fmt.Errorf("take the lab down: %w", failed)
	}
	fmt.Fprintf(out, "the lab is down, after %.1f s\n", time.Since(start).Seconds())
	return nil
}

// switchOffAll takes the power from every machine there may be.
func switchOffAll() error {
	var failed error
	for _, h := range hosts(MaxNodes) {
		failed = errors.Join(failed, h.kill())
	}
	return failed
}

// kill ends process 1 of the machine, and with it everything in the machine,
// and returns when all of it is gone. A machine that is off is left alone.
func (h host) kill() error {
	pid := h.pid()
	if pid == 0 {
		return nil
	}
	handle, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("switch off %s: %w", h, err)
	}
	defer func() { _ = unix.Close(handle) }() // it was only looked at
	if h.pid() != pid {
		// The number was given away in between.
		return nil
	}
	if err := unix.PidfdSendSignal(handle, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("switch off %s: %w", h, err)
	}
	// A frozen process does not even die.
	if err := thawAll(h); err != nil {
		return err
	}
	poll := []unix.PollFd{{Fd: int32(handle), Events: unix.POLLIN}}
	deadline := time.Now().Add(cgroupPatience)
	for {
		n, err := unix.Poll(poll, int(time.Until(deadline).Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			return fmt.Errorf("switch off %s: process %d does not end: %w", h, pid, err)
		}
		return os.Remove(h.pidFile())
	}
}

func removeNamespaces(ctx context.Context) error {
	found, err := namespaces()
	for _, h := range found {
		err = errors.Join(err, h.disconnect(ctx))
	}
	// ip(8) made it and mounted it onto itself, and does so again when it must.
	if others, readErr := os.ReadDir(netnsDir); readErr == nil && len(others) == 0 {
		_ = unix.Unmount(netnsDir, 0)
		_ = unix.Rmdir(netnsDir)
	}
	return err
}

// removeAllCgroups removes the lab's cgroups from every hierarchy.
func removeAllCgroups(ctx context.Context) error {
	deadline := time.Now().Add(cgroupPatience)
	for {
		var failed error
		for _, hierarchy := range hierarchies(cgroupMount) {
			failed = errors.Join(failed, machine.RemoveCgroups(filepath.Join(hierarchy, cgroupTop), true))
		}
		if failed == nil || time.Now().After(deadline) {
			return failed
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sysctls are what the kubelet changes for the whole kernel.
var sysctls = []string{
	"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

func readSysctls() map[string]string {
	values := map[string]string{}
	for _, name := range sysctls {
		if b, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			values[name] = strings.TrimSpace(string(b))
		}
	}
	return values
}

// writeSysctls puts back what differs.
func writeSysctls(values map[string]string) error {
	now := readSysctls()
	var failed error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if now[name] != values[name] {
			failed = errors.Join(failed, os.WriteFile(filepath.Join("/proc/sys", name), []byte(values[name]), 0))
		}
	}
	return failed
}
