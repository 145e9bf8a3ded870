package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Enter becomes a program on the client machine: it replaces this process, so
// signals, exit status and terminal are the program's own. It returns only with
// an error. [Lab.Command] runs it.
func Enter(args []string) error {
	if len(args) == 0 {
		return errors.New("no program named: lab exec -- PROGRAM ARGUMENTS")
	}
	if err := mustBeRoot(); err != nil {
		return err
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return fmt.Errorf("run %s in the lab: %w", args[0], err)
	}
	// What follows holds for this thread, and the program inherits it.
	runtime.LockOSThread()
	return host(client).enter(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("enter the lab: %w", err)
		}
		// The host's later mounts come in, ours stay in.
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
			return fmt.Errorf("enter the lab: %w", err)
		}
		if err := unix.Mount(resolvPath, "/etc/resolv.conf", "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("show the cluster's DNS: %w", err)
		}
		return fmt.Errorf("run %s in the lab: %w", program, unix.Exec(program, args, os.Environ()))
	})
}
