//go:build linux

package server

import (
	"errors"
	"maps"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrClosed reports a start after Close.
var ErrClosed = errors.New("launcher is closed")

// ErrEnded reports a signal to a process that has ended.
var ErrEnded = errors.New("process has ended")

// Launcher starts processes that die with this one. Linux ties the parent-death
// signal to the thread that forked, so all of them are started from one
// goroutine that keeps its thread until Close. Close kills what still runs; if
// this process is killed instead, the kernel does it. Safe for concurrent use.
type Launcher struct {
	requests chan launch
	quit     chan struct{}
	done     chan struct{}

	mu      sync.Mutex
	running map[*exec.Cmd]<-chan struct{}
}

type launch struct {
	cmd   *exec.Cmd
	reply chan error
}

// NewLauncher starts the launching goroutine; Close ends it.
func NewLauncher() *Launcher {
	l := &Launcher{
		requests: make(chan launch), quit: make(chan struct{}), done: make(chan struct{}),
		running: map[*exec.Cmd]<-chan struct{}{},
	}
	go l.serve()
	return l
}

func (l *Launcher) serve() {
	defer close(l.done)
	runtime.LockOSThread() // for the thread to last as long as the goroutine
	for {
		select {
		case r := <-l.requests:
			r.reply <- r.cmd.Start()
		case <-l.quit:
			return
		}
	}
}

// Start starts cmd in a process group of its own, to be killed when this
// process ends, however it ends. The channel is closed once cmd has ended and
// was waited for.
func (l *Launcher) Start(cmd *exec.Cmd) (<-chan struct{}, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	r := launch{cmd: cmd, reply: make(chan error, 1)}
	select {
	case l.requests <- r:
	case <-l.done:
		return nil, ErrClosed
	}
	if err := <-r.reply; err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	l.mu.Lock()
	l.running[cmd] = exited
	l.mu.Unlock()
	go func() { // joined by Close
		defer close(exited)
		l.reap(cmd)
	}()
	return exited, nil
}

// reap waits for cmd to end. Its process id is given back only under the lock,
// so that Signal never reaches a stranger who got the same number.
func (l *Launcher) reap(cmd *exec.Cmd) {
	for {
		err := unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = cmd.Wait()
	delete(l.running, cmd)
}

// Signal sends sig to the process group of cmd. It returns ErrEnded if cmd has
// ended.
func (l *Launcher) Signal(cmd *exec.Cmd, sig syscall.Signal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.running[cmd]; !ok {
		return ErrEnded
	}
	return syscall.Kill(-cmd.Process.Pid, sig)
}

// Close ends the launching goroutine and kills every process that still runs,
// with its group. No Start may be under way.
func (l *Launcher) Close() {
	close(l.quit)
	<-l.done
	l.mu.Lock()
	left := maps.Clone(l.running)
	l.mu.Unlock()
	for cmd, exited := range left {
		_ = l.Signal(cmd, syscall.SIGKILL) // it may have ended meanwhile
		<-exited
	}
}
