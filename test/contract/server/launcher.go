//go:build linux

package server

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
)

// ErrClosed reports a start after Close.
var ErrClosed = errors.New("launcher is closed")

// Launcher starts processes that die with this one. Linux ties the parent-death
// signal to the thread that forked, so all of them are started from one
// goroutine that keeps its thread until Close; when the thread ends, whatever
// still runs is killed.
type Launcher struct {
	requests chan launch
	quit     chan struct{}
	done     chan struct{}
}

type launch struct {
	cmd   *exec.Cmd
	reply chan error
}

// NewLauncher starts the launching goroutine; Close ends it.
func NewLauncher() *Launcher {
	l := &Launcher{requests: make(chan launch), quit: make(chan struct{}), done: make(chan struct{})}
	go l.serve()
	return l
}

func (l *Launcher) serve() {
	defer close(l.done)
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
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
// process ends, however it ends.
func (l *Launcher) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, syscall.SIGKILL
	r := launch{cmd: cmd, reply: make(chan error, 1)}
	select {
	case l.requests <- r:
		return <-r.reply
	case <-l.done:
		return ErrClosed
	}
}

// Close ends the launching goroutine and, with its thread, every process that
// was started and is still running.
func (l *Launcher) Close() {
	close(l.quit)
	<-l.done
}
