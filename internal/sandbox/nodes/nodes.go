package nodes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Keep is how many data directories of one kind (diverged, wiped) are kept
// beside that of each node; the oldest above that are removed.
const Keep = 3

// ErrNotRunning reports that a node has no process at the moment.
var ErrNotRunning = errors.New("no process runs at the moment")

// Node is one server to keep running.
type Node struct {
	Name    string
	Program string
	Args    []string
	Data    string // its data directory
	Log     string // the file that gets its output, opened by OpenLog at every start
}

// Options say what to run and how. Nodes, Boot and Log are required.
type Options struct {
	Nodes []Node // by Ordinal
	Boot  string // identifies this boot of the machine, see BootID

	// RestartAfter is the delay before a process that has ended is started
	// again, 1s if zero. It doubles with every further end that nobody asked for
	// within SteadyAfter, up to RestartMax.
	RestartAfter time.Duration
	RestartMax   time.Duration // if zero 10s, or RestartAfter where that is longer
	SteadyAfter  time.Duration // a process that lived so long is no crash loop; 10s if zero
	StopGrace    time.Duration // how long a process may take to end by itself when Run ends; 3s if zero

	// Prepare runs before every start, with the process that ran last (zero for
	// the first start). If it returns a kind ("diverged-4"), the data directory
	// is moved aside under it. An error counts as an end of the process.
	// Nil prepares nothing.
	Prepare func(n cluster.Ordinal, last cluster.Process) (kind string, err error)
	// Changed is called after every change of a node's Info, from the goroutine
	// that made it. It must not block. Nil tells nobody.
	Changed func(n cluster.Ordinal)
	Log     *slog.Logger
}

// Info is what the supervisor knows of one node.
type Info struct {
	Process  cluster.Process // zero if none runs
	PID      int             // 0 if none runs
	Starts   int             // starts so far
	Paused   bool            // stopped by Pause, not yet resumed
	Leaving  bool            // told by Leave that it will be stopped
	Gone     bool            // it has run, and no process runs now
	LastExit string          // how the last process ended, e.g. "signal: killed"; "" if none has
	Fault    string          // why it cannot be started; "" otherwise
}

// Restarts is how often the node was started again.
func (i Info) Restarts() int { return max(0, i.Starts-1) }

// Supervisor keeps nodes running. It is a controller.Platform. Its methods may
// be called by anyone, also before Run and after it.
type Supervisor struct {
	opts    Options
	keepers []*keeper
	forks   chan forkRequest // to the one thread that starts children
}

var _ controller.Platform = (*Supervisor)(nil)

// New returns a Supervisor that runs nothing yet.
func New(opts Options) (*Supervisor, error) {
	if len(opts.Nodes) == 0 {
		return nil, errors.New("supervise nodes: there are none")
	}
	for i, n := range opts.Nodes {
		if n.Program == "" || n.Data == "" || n.Log == "" {
			return nil, fmt.Errorf("supervise node %d (%s): program, data directory and log file are required", i, n.Name)
		}
	}
	setDefault(&opts.RestartAfter, time.Second)
	setDefault(&opts.RestartMax, max(10*time.Second, opts.RestartAfter))
	setDefault(&opts.SteadyAfter, 10*time.Second)
	setDefault(&opts.StopGrace, 3*time.Second)
	s := &Supervisor{opts: opts, forks: make(chan forkRequest)}
	for i := range opts.Nodes {
		s.keepers = append(s.keepers, newKeeper(s, cluster.Ordinal(i)))
	}
	return s, nil
}

func setDefault(d *time.Duration, to time.Duration) {
	if *d <= 0 {
		*d = to
	}
}

// Run starts the nodes and keeps them running until ctx ends; then it stops
// them and returns nil once all are gone. It is called once.
func (s *Supervisor) Run(ctx context.Context) error {
	stop := make(chan struct{})
	var thread, keepers sync.WaitGroup
	thread.Go(func() { serveForks(s.forks, stop) })
	for _, k := range s.keepers {
		keepers.Go(func() { k.keep(ctx) })
	}
	keepers.Wait()
	close(stop)
	thread.Wait()
	return nil
}

func (s *Supervisor) keeper(n cluster.Ordinal) (*keeper, error) {
	if n < 0 || int(n) >= len(s.keepers) {
		return nil, fmt.Errorf("there is no node %d; the nodes are 0 to %d", int(n), len(s.keepers)-1)
	}
	return s.keepers[n], nil
}

// Info tells what is known of node n, the zero value for a node that does not
// exist.
func (s *Supervisor) Info(n cluster.Ordinal) Info {
	k, err := s.keeper(n)
	if err != nil {
		return Info{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.info
}

// State implements controller.Platform.
func (s *Supervisor) State(n cluster.Ordinal) controller.NodeState {
	info := s.Info(n)
	return controller.NodeState{Process: info.Process, AsOf: time.Now(), Gone: info.Gone, Leaving: info.Leaving}
}

// Refresh implements controller.Platform: State is never old.
func (s *Supervisor) Refresh(_ context.Context, n cluster.Ordinal) error {
	_, err := s.keeper(n)
	return err
}

// Restart ends the process of node n, which is then started again without
// delay. It returns when the process is dead. It implements
// controller.Platform.
func (s *Supervisor) Restart(ctx context.Context, n cluster.Ordinal) error {
	return s.replace(ctx, n, "")
}

// Wipe ends the process of node n, moves its data directory aside and starts it
// empty. It returns when the process is dead.
func (s *Supervisor) Wipe(ctx context.Context, n cluster.Ordinal) error {
	return s.replace(ctx, n, "wiped")
}

func (s *Supervisor) replace(ctx context.Context, n cluster.Ordinal, kind string) error {
	k, err := s.keeper(n)
	if err != nil {
		return err
	}
	dead, err := k.replace(kind)
	if err != nil {
		return fmt.Errorf("restart %s: %w", s.opts.Nodes[n].Name, err)
	}
	select {
	case <-dead:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("restart %s: %w", s.opts.Nodes[n].Name, context.Cause(ctx))
	}
}

// Leave has State tell that the process of node n will be stopped, as that of a pod
// which is being deleted. ErrNotRunning if there is none.
func (s *Supervisor) Leave(n cluster.Ordinal) error {
	k, err := s.keeper(n)
	if err != nil {
		return err
	}
	if err := k.leave(); err != nil {
		return fmt.Errorf("announce the end of %s: %w", s.opts.Nodes[n].Name, err)
	}
	s.changed(n)
	return nil
}

// Stop asks the process of node n to end, and ends it after StopGrace. It returns
// when the process is dead; it is started again after the usual delay. ErrNotRunning
// if there is none.
func (s *Supervisor) Stop(ctx context.Context, n cluster.Ordinal) error {
	k, err := s.keeper(n)
	if err != nil {
		return err
	}
	dead, err := k.terminate()
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.opts.Nodes[n].Name, err)
	}
	grace := time.NewTimer(s.opts.StopGrace)
	defer grace.Stop()
	for {
		select {
		case <-dead:
			return nil
		case <-grace.C:
			_ = k.signal(syscall.SIGKILL) // ErrNotRunning only if it has just ended
		case <-ctx.Done():
			return fmt.Errorf("stop %s: %w", s.opts.Nodes[n].Name, context.Cause(ctx))
		}
	}
}

// Kill ends the process of node n with SIGKILL; it is started again after the
// usual delay. ErrNotRunning if there is none.
func (s *Supervisor) Kill(n cluster.Ordinal) error {
	return s.signal(n, "kill", syscall.SIGKILL)
}

// Pause stops the process of node n with SIGSTOP: it keeps its connections and
// answers nobody. ErrNotRunning if there is none.
// It returns when every thread of it has stopped, which takes the kernel a moment.
func (s *Supervisor) Pause(n cluster.Ordinal) error {
	if err := s.signal(n, "pause", syscall.SIGSTOP); err != nil {
		return err
	}
	pid := s.Info(n).PID
	for began := time.Now(); !stopped(pid); {
		if time.Since(began) > time.Second {
			return fmt.Errorf("pause %s: process %d has not stopped within a second", s.opts.Nodes[n].Name, pid)
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Resume lets a paused process go on. ErrNotRunning if there is none.
func (s *Supervisor) Resume(n cluster.Ordinal) error {
	return s.signal(n, "resume", syscall.SIGCONT)
}

func (s *Supervisor) signal(n cluster.Ordinal, what string, sig syscall.Signal) error {
	k, err := s.keeper(n)
	if err != nil {
		return err
	}
	if err := k.signal(sig); err != nil {
		return fmt.Errorf("%s %s: %w", what, s.opts.Nodes[n].Name, err)
	}
	s.changed(n)
	return nil
}

func (s *Supervisor) changed(n cluster.Ordinal) {
	if s.opts.Changed != nil {
		s.opts.Changed(n)
	}
}
