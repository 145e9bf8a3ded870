package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// within runs f on a thread in the network namespace of h. Sockets made and
// processes started by f itself, not by goroutines of it, belong to that
// namespace for ever. The thread is never used again.
func (h host) within(f func() error) error {
	result := make(chan error, 1)
	go func() { // joined by the receive below, which nothing cuts short
		// Without an unlock the thread ends with this goroutine.
		runtime.LockOSThread()
		result <- h.enter(f)
	}()
	return <-result
}

func (h host) enter(f func() error) error {
	file, err := os.Open(h.namespacePath())
	if err != nil {
		return fmt.Errorf("enter the network of %s: %w", h, err)
	}
	err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
	file.Close()
	if err != nil {
		return fmt.Errorf("enter the network of %s: %w", h, err)
	}
	return f()
}

// run runs a program and returns its output, which the error carries too.
func run(ctx context.Context, input, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	if input != "" {
		command.Stdin = strings.NewReader(input)
	}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		said := strings.TrimSpace(stderr.String() + stdout.String())
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said)
	}
	return stdout.String(), nil
}
