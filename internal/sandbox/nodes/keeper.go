package nodes

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"memgraph-controller/internal/cluster"
)

// keeper runs one node. Its goroutine alone starts and reaps; others only send
// signals and leave wishes, under mu.
type keeper struct {
	s    *Supervisor
	n    cluster.Ordinal
	node Node
	log  *slog.Logger
	wake chan struct{} // capacity 1: cuts the delay before the next start short

	mu    sync.Mutex
	info  Info
	run   *run   // the process that runs; nil if none does
	asked bool   // its end was asked for: no crash loop
	now   bool   // start again without delay
	aside string // move the data aside under this kind before the next start
}

// run is one process. Signals may be sent while it is its keeper's run: it is
// taken back from there before it is reaped, so its number is still its own.
type run struct {
	cmd     *exec.Cmd
	pid     int
	process cluster.Process
	began   time.Time
	dead    chan struct{} // closed by the keeper when no signal can reach it any more
}

func newKeeper(s *Supervisor, n cluster.Ordinal) *keeper {
	node := s.opts.Nodes[n]
	return &keeper{s: s, n: n, node: node, log: s.opts.Log.With("node", node.Name), wake: make(chan struct{}, 1)}
}

// keep keeps the node running until ctx ends.
func (k *keeper) keep(ctx context.Context) {
	var failures int // ends in a row that nobody asked for
	var last cluster.Process
	for ctx.Err() == nil {
		r, err := k.start(last)
		if err != nil {
			failures++
			k.fault(err)
			k.rest(ctx, failures)
			continue
		}
		last = r.process
		asked, now := k.watch(ctx, r)
		if asked || time.Since(r.began) >= k.s.opts.SteadyAfter {
			failures = 0
		} else {
			failures++
		}
		if !now {
			k.rest(ctx, failures)
		}
	}
}

// rest waits out the delay before the next start.
func (k *keeper) rest(ctx context.Context, failures int) {
	delay := time.NewTimer(backoff(k.s.opts.RestartAfter, k.s.opts.RestartMax, failures))
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-k.wake:
	case <-ctx.Done():
	}
}

// backoff is how long to wait after so many failures in a row: first for the
// first, doubling up to most.
func backoff(first, most time.Duration, failures int) time.Duration {
	d := min(first, most)
	for range failures - 1 {
		if d > most/2 {
			return most
		}
		d *= 2
	}
	return d
}

// start prepares the data directory and starts a process.
func (k *keeper) start(last cluster.Process) (*run, error) {
	if err := k.prepare(last); err != nil {
		return nil, err
	}
	out, err := OpenLog(k.node.Log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	cmd := exec.Command(k.node.Program, k.node.Args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = filepath.Dir(k.node.Data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := k.s.fork(cmd); err != nil {
		return nil, fmt.Errorf("start its process: %w", err)
	}
	return k.begin(cmd), nil
}

// begin makes a process that was just started the current one.
func (k *keeper) begin(cmd *exec.Cmd) *run {
	k.mu.Lock()
	k.info.Starts++
	starts := k.info.Starts
	r := &run{
		cmd: cmd, pid: cmd.Process.Pid, began: time.Now(), dead: make(chan struct{}),
		process: cluster.Process{ID: fmt.Sprintf("%d-%d", cmd.Process.Pid, starts), Boot: k.s.opts.Boot},
	}
	k.run, k.asked, k.now = r, false, false
	k.info.PID, k.info.Process = r.pid, r.process
	k.info.Paused, k.info.Leaving, k.info.Gone, k.info.Fault = false, false, false, ""
	if k.aside != "" { // asked for after prepare had looked
		k.asked, k.now = true, true
		_ = syscall.Kill(-r.pid, syscall.SIGKILL)
	}
	k.mu.Unlock()
	select {
	case <-k.wake: // meant the delay before this start
	default:
	}
	k.log.Info("node started", "pid", r.pid, "starts", starts)
	k.s.changed(k.n)
	return r
}

// watch waits for the end of r, which it brings about when ctx ends. It returns
// what was asked for while r ran.
func (k *keeper) watch(ctx context.Context, r *run) (asked, now bool) {
	exited := make(chan error, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() { exited <- awaitExit(r.pid) })
	var err error
	select {
	case err = <-exited:
	case <-ctx.Done():
		err = k.stop(r, exited)
	}
	waiting.Wait()
	if err != nil {
		k.log.Warn("cannot wait for the node's process", "pid", r.pid, "err", err)
	}
	return k.reap(ctx, r)
}

// stop asks r to end, and ends it when it does not.
func (k *keeper) stop(r *run, exited <-chan error) error {
	_ = k.signal(syscall.SIGTERM) // ErrNotRunning only if it has ended already
	_ = k.signal(syscall.SIGCONT)
	grace := time.NewTimer(k.s.opts.StopGrace)
	defer grace.Stop()
	select {
	case err := <-exited:
		return err
	case <-grace.C:
	}
	k.log.Warn("node does not stop, killing it", "pid", r.pid, "after", k.s.opts.StopGrace)
	_ = k.signal(syscall.SIGKILL)
	return <-exited
}

// reap takes r, which has ended, out of service, with all it may have left
// behind in its process group.
func (k *keeper) reap(ctx context.Context, r *run) (asked, now bool) {
	k.mu.Lock()
	_ = syscall.Kill(-r.pid, syscall.SIGKILL) // ESRCH: it left nothing behind
	asked, now = k.asked, k.now
	k.run, k.asked, k.now = nil, false, false
	k.mu.Unlock()

	_ = r.cmd.Wait() // the way it ended is in ProcessState

	k.mu.Lock()
	k.info.PID, k.info.Process, k.info.Paused, k.info.Leaving, k.info.Gone = 0, cluster.Process{}, false, false, true
	k.info.LastExit = r.cmd.ProcessState.String()
	k.mu.Unlock()
	close(r.dead)
	switch {
	case ctx.Err() != nil: // the sandbox ends: no news
	case asked:
		k.log.Info("node ended", "pid", r.pid, "exit", r.cmd.ProcessState.String())
	default:
		k.log.Warn("node ended by itself", "pid", r.pid, "exit", r.cmd.ProcessState.String(), "log", k.node.Log)
	}
	k.s.changed(k.n)
	return asked, now
}

// fault notes why the node cannot be started. A repeated fault is logged once.
func (k *keeper) fault(err error) {
	k.mu.Lock()
	known := k.info.Fault == err.Error()
	k.info.Fault = err.Error()
	k.info.Gone = true
	k.mu.Unlock()
	if !known {
		k.log.Error("node cannot be started", "err", err)
		k.s.changed(k.n)
	}
}

// signal sends sig to the node's process group.
func (k *keeper) signal(sig syscall.Signal) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == nil {
		return ErrNotRunning
	}
	if err := syscall.Kill(-k.run.pid, sig); err != nil {
		return fmt.Errorf("signal process %d: %w", k.run.pid, err)
	}
	switch sig {
	case syscall.SIGKILL:
		k.asked = true
	case syscall.SIGSTOP:
		k.info.Paused = true
	case syscall.SIGCONT:
		k.info.Paused = false
	}
	return nil
}

// leave notes that the process will be stopped.
func (k *keeper) leave() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == nil {
		return ErrNotRunning
	}
	k.info.Leaving = true
	return nil
}

// terminate asks the process to end. The channel it returns is closed when it is dead.
func (k *keeper) terminate() (<-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.run == nil {
		return nil, ErrNotRunning
	}
	if err := syscall.Kill(-k.run.pid, syscall.SIGTERM); err != nil {
		return nil, fmt.Errorf("ask process %d to end: %w", k.run.pid, err)
	}
	k.asked = true
	return k.run.dead, nil
}

// replace ends the process and has it started again at once, after its data
// were moved aside under kind, if that is not empty. The channel it returns is
// closed when the process is dead.
func (k *keeper) replace(kind string) (<-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if kind != "" {
		k.aside = kind
	}
	if k.run == nil { // it is being started anyway
		select {
		case k.wake <- struct{}{}:
		default:
		}
		dead := make(chan struct{})
		close(dead)
		return dead, nil
	}
	if err := syscall.Kill(-k.run.pid, syscall.SIGKILL); err != nil {
		return nil, fmt.Errorf("kill process %d: %w", k.run.pid, err)
	}
	k.asked, k.now = true, true
	return k.run.dead, nil
}
