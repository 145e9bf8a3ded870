package nodes

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// forkRequest asks for one child to be started.
type forkRequest struct {
	cmd  *exec.Cmd
	done chan<- error // capacity 1
}

// fork starts cmd from the thread that serveForks holds.
func (s *Supervisor) fork(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s.forks <- forkRequest{cmd, done}
	return <-done
}

// serveForks starts children, all from one thread that lives until stop is
// closed: the kernel sends a child its parent-death signal when the thread that
// started it ends, not only when the process does.
func serveForks(forks <-chan forkRequest, stop <-chan struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		select {
		case f := <-forks:
			f.done <- f.cmd.Start()
		case <-stop:
			return
		}
	}
}

// awaitExit returns when the child has ended, and leaves it to be reaped: until
// then its number, and that of its group, belong to nobody else.
func awaitExit(pid int) error {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			if err != nil {
				return fmt.Errorf("wait for process %d: %w", pid, err)
			}
			return nil
		}
	}
}

// BootID identifies this boot of the machine.
func BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the machine's boot id: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}
