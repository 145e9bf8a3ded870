package machine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// restartPause is between the end of a component and its next start.
	restartPause = 200 * time.Millisecond
	// longPause is the same for a component that ended young: its cause is
	// likely still there, and its log should stay readable.
	longPause = time.Second
	young     = 5 * time.Second
	// waitPause is between two looks at what a component waits for.
	waitPause = 50 * time.Millisecond
)

// supervisor keeps one component running while it is wanted.
type supervisor struct {
	component Component
	reaper    *reaper
	log       *slog.Logger

	mu      sync.Mutex
	wanted  bool
	changed chan struct{} // closed and replaced when wanted changes
	process *process      // nil while it does not run
}

func newSupervisor(c Component, r *reaper, log *slog.Logger) *supervisor {
	return &supervisor{component: c, reaper: r, log: log.With("component", c.Name), wanted: true, changed: make(chan struct{})}
}

// run starts the component again and again until ctx ends.
func (s *supervisor) run(ctx context.Context) {
	for s.untilWanted(ctx) && s.untilThere(ctx) {
		started := time.Now()
		p, err := s.start()
		if err != nil {
			s.log.Error("component not started", "err", err)
		}
		if p != nil {
			status := p.wait(ctx)
			s.forget(p)
			if ctx.Err() != nil {
				return
			}
			s.log.Warn("component ended", "how", status)
		}
		rest := restartPause
		if time.Since(started) < young {
			rest = longPause
		}
		s.rest(ctx, rest)
	}
}

// untilWanted waits until the component is wanted; false: ctx ended first.
func (s *supervisor) untilWanted(ctx context.Context) bool {
	for {
		s.mu.Lock()
		wanted, changed := s.wanted, s.changed
		s.mu.Unlock()
		if wanted {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// untilThere waits until what the component waits for accepts a connection.
func (s *supervisor) untilThere(ctx context.Context) bool {
	network, address, ok := strings.Cut(s.component.WaitFor, ":")
	if !ok {
		return ctx.Err() == nil
	}
	dialer := net.Dialer{Timeout: time.Second}
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			conn.Close()
			return true
		}
		select {
		case <-time.After(waitPause):
		case <-ctx.Done():
		}
	}
	return false
}

// rest lets d pass, or less if somebody starts or stops the component.
func (s *supervisor) rest(ctx context.Context, d time.Duration) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	select {
	case <-time.After(d):
	case <-changed:
	case <-ctx.Done():
	}
}

// start returns nil, nil if the component is not wanted any more.
func (s *supervisor) start() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wanted {
		return nil, nil
	}
	log, err := os.OpenFile(s.component.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open input: %w", err)
	}
	defer null.Close()
	program, err := exec.LookPath(s.component.Args[0])
	if err != nil {
		return nil, fmt.Errorf("find program: %w", err)
	}
	p, err := s.reaper.start(program, s.component.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   append(os.Environ(), s.component.Env...),
		Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	s.process = p
	return p, nil
}

func (s *supervisor) forget(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == p {
		s.process = nil
	}
}

// want says whether the component shall run; not wanted, it is killed.
func (s *supervisor) want(wanted bool) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted != wanted {
		s.wanted = wanted
		close(s.changed)
		s.changed = make(chan struct{})
	}
	if !wanted && s.process != nil {
		s.process.kill()
	}
	return s.process
}

// pid returns 0 while the component does not run.
func (s *supervisor) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.pid
}

// process is a child that the reaper waits for.
type process struct {
	pid    int
	ended  chan struct{}
	status syscall.WaitStatus // valid once ended is closed
}

func (p *process) kill() { _ = syscall.Kill(p.pid, syscall.SIGKILL) }

func (p *process) wait(ctx context.Context) string {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return "machine switched off"
	}
	if p.status.Signaled() {
		return "signal: " + p.status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", p.status.ExitStatus())
}

// reaper waits for every child: those it started, and the orphans that the
// kernel gives to process 1.
type reaper struct {
	mu       sync.Mutex
	children map[int]*process
}

func newReaper() *reaper { return &reaper{children: map[int]*process{}} }

// start holds the lock until the child is known, so that its end is not taken
// for an orphan's.
func (r *reaper) start(program string, args []string, attr *syscall.ProcAttr) (*process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(program, args, attr)
	if err != nil {
		return nil, err
	}
	p := &process{pid: pid, ended: make(chan struct{})}
	r.children[pid] = p
	return p, nil
}

func (r *reaper) run(ctx context.Context) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD)
	defer signal.Stop(signals)
	for {
		r.reap()
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
	}
}

// reap takes every child that has ended.
func (r *reaper) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		r.mu.Lock()
		p := r.children[pid]
		delete(r.children, pid)
		r.mu.Unlock()
		if p != nil {
			p.status = status
			close(p.ended)
		}
	}
}
