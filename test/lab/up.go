package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"memgraph-controller/test/lab/machine"
)

// Options say which lab to bring up.
type Options struct {
	// Nodes is the number of workers, 1 to [MaxNodes]; 0: 3. A running lab
	// can be given more, not fewer.
	Nodes int
	// NodeGrace is how long a silent node counts as ready; 0: 40 s.
	NodeGrace time.Duration
	// Source is a directory in the repository; empty: the working directory.
	Source string
	// Out is told what happens, a line each; required.
	Out io.Writer
}

// Up brings the lab up, or what is missing of it: Debian packages, programs,
// machines. It returns once all nodes are ready and names resolve. What it made
// before an error stays for the next Up or [Down].
func Up(ctx context.Context, o Options) error {
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.NodeGrace == 0 {
		o.NodeGrace = 40 * time.Second
	}
	if o.Nodes < 1 || o.Nodes > MaxNodes {
		return fmt.Errorf("a lab of %d nodes: it can have 1 to %d", o.Nodes, MaxNodes)
	}
	if o.NodeGrace < 5*time.Second {
		return fmt.Errorf("a node grace of %s: healthy nodes would count as lost; give 5s or more", o.NodeGrace)
	}
	if err := mustBeRoot(); err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	u := &upper{Options: o, start: time.Now()}
	return u.up(ctx)
}

// upper is one run of Up.
type upper struct {
	Options
	start time.Time
	state state
	mu    sync.Mutex // of the output
}

// say prints a line with the time since the start.
func (u *upper) say(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	fmt.Fprintf(u.Out, "%6.1fs  %s\n", time.Since(u.start).Seconds(), fmt.Sprintf(format, args...))
}

// lines is where functions that print whole lines print to.
type lines struct{ say func(string, ...any) }

func (l lines) Write(b []byte) (int, error) {
	l.say("%s", string(b[:max(0, len(b)-1)]))
	return len(b), nil
}

func (u *upper) up(ctx context.Context) error {
	if err := install(ctx, u.Source, lines{u.say}); err != nil {
		return err
	}
	if err := checkKernel(ctx); err != nil {
		return err
	}
	programs, err := Build(ctx, u.Source, lines{u.say})
	if err != nil {
		return err
	}
	if err := u.prepare(ctx, programs); err != nil {
		return err
	}
	fresh, err := u.switchOn(ctx)
	if err != nil {
		return err
	}
	lab := &Lab{state: u.state}
	if err := u.load(ctx, lab, fresh); err != nil {
		return err
	}
	if err := lab.waitForAPI(ctx); err != nil {
		return err
	}
	u.say("API server answers")
	if err := lab.applyCluster(ctx); err != nil {
		return err
	}
	if err := lab.waitForNodes(ctx); err != nil {
		return err
	}
	u.say("%d nodes ready", u.state.Nodes)
	if err := lab.waitForDNS(ctx); err != nil {
		return err
	}
	u.say("cluster DNS answers: the lab is up; next: make lab-install, or kubectl by \"bin/lab kubectl get pods -A\"")
	return nil
}

// prepare writes all that the machines find when they are switched on.
func (u *upper) prepare(ctx context.Context, programs string) error {
	if err := os.MkdirAll(runDir, 0o755); err != nil {
		return fmt.Errorf("prepare the lab: %w", err)
	}
	old, err := readState()
	switch {
	case errors.Is(err, errNotRunning):
		u.state = state{Nodes: u.Nodes, NodeGrace: u.NodeGrace, Sysctls: readSysctls(), Directories: absent(builtInPaths, builtInState)}
	case err != nil:
		return err
	default:
		if old.NodeGrace != u.NodeGrace && host(controlPlane).pid() != 0 {
			return fmt.Errorf("the running lab has a node grace of %s: take it down first (make lab-down) to give it %s", old.NodeGrace, u.NodeGrace)
		}
		u.state = old
		u.state.NodeGrace = u.NodeGrace
		u.state.Nodes = max(old.Nodes, u.Nodes)
	}
	u.state.Programs = programs
	if err := u.state.write(); err != nil {
		return err
	}
	if err := makeIdentities(); err != nil {
		return err
	}
	if err := installSelf(); err != nil {
		return err
	}
	return makeFabric(ctx)
}

// installSelf copies this program to where the machines and [Lab.Command] find
// it: it may be gone when "go run" ends.
func installSelf() error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("copy the lab's program: %w", err)
	}
	defer self.Close()
	fresh := binaryPath + ".new"
	copied, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return fmt.Errorf("copy the lab's program: %w", err)
	}
	_, err = io.Copy(copied, self)
	if err := errors.Join(err, copied.Close()); err != nil {
		return fmt.Errorf("copy the lab's program: %w", err)
	}
	return os.Rename(fresh, binaryPath)
}

// switchOn starts the machines that are off, and returns the nodes among them.
func (u *upper) switchOn(ctx context.Context) ([]host, error) {
	var fresh []host
	for _, h := range hosts(u.state.Nodes) {
		if h.pid() != 0 {
			continue
		}
		if err := u.state.powerOn(ctx, h); err != nil {
			return nil, err
		}
		if h.nodeNumber() > 0 {
			fresh = append(fresh, h)
		}
	}
	u.say("%d machines are on", len(hosts(u.state.Nodes)))
	return fresh, nil
}

// powerOn starts one machine that is off.
func (s state) powerOn(ctx context.Context, h host) error {
	if err := s.prepare(h); err != nil {
		return err
	}
	if err := h.connect(ctx); err != nil {
		return err
	}
	// Before the first packet.
	if err := applyCuts(ctx, []host{h}); err != nil {
		return err
	}
	return h.boot(ctx)
}

// boot starts process 1 of the machine.
func (h host) boot(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(h.logs(), "machine.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("switch on %s: %w", h, err)
	}
	defer log.Close()
	command := exec.Command(binaryPath, "machine", h.spec()) //nolint:noctx // a machine outlives every command
	command.Dir, command.Stdout, command.Stderr = "/", log, log
	command.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if err := os.Remove(h.control()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("switch on %s: %w", h, err)
	}
	if err := h.within(command.Start); err != nil {
		return fmt.Errorf("switch on %s: %w", h, err)
	}
	ended := make(chan struct{})
	// It outlives this call, and this process too: as long as that is the
	// parent, it buries the dead machine.
	go func() { _ = command.Wait(); close(ended) }()
	if err := writeFile(h.pidFile(), []byte(strconv.Itoa(command.Process.Pid)), 0o600); err != nil {
		return err
	}
	return h.waitForBoot(ctx, ended)
}

// bootPatience is for mounts and cgroups, some milliseconds of work.
const bootPatience = 20 * time.Second

// waitForBoot returns when the machine answers questions.
func (h host) waitForBoot(ctx context.Context, ended <-chan struct{}) error {
	deadline := time.After(bootPatience)
	for {
		_, err := machine.Status(ctx, h.control())
		if err == nil {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
			continue
		case <-ended:
			err = errors.New("its first process ended")
		case <-deadline:
		case <-ctx.Done():
		}
		log, _ := os.ReadFile(filepath.Join(h.logs(), "machine.log")) // the error is told without it, too
		return fmt.Errorf("switch on %s: %w: %s", h, err, tail(string(log), 500))
	}
}

// load gives fresh nodes the lab's own images, several nodes at a time.
func (u *upper) load(ctx context.Context, lab *Lab, fresh []host) error {
	tars, err := filepath.Glob(filepath.Join(u.state.Programs, "images", "*.tar"))
	if err != nil {
		return fmt.Errorf("find the lab's images: %w", err)
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := lab.importInto(ctx, fresh, tars); err != nil {
		return err
	}
	u.say("images loaded into %d nodes", len(fresh))
	return nil
}

// absent are the directories that do not exist yet, and their absent parents,
// outermost first.
func absent(lists ...[]string) []string {
	var out []string
	for _, list := range lists {
		for _, path := range list {
			var chain []string
			for ; !exists(path); path = filepath.Dir(path) {
				chain = append([]string{path}, chain...)
			}
			out = append(out, chain...)
		}
	}
	return out
}

// parallel is how many nodes are worked on at a time.
var parallel = max(2, runtime.NumCPU())
