// Package machine is process 1 of one machine of the lab: a set of namespaces
// (mount, pid, uts, ipc, and a network namespace made beforehand) that stands
// for a computer. It mounts what is the machine's own, makes its root cgroup,
// and keeps the components of its [Spec] running until it is killed.
//
// Killing it is a power loss: the kernel ends every process of the machine and
// drops every mount with it, and nothing gets to say goodbye. What must survive
// that is on the disk, at the paths the Spec names.
//
// It knows nothing of Kubernetes. A component that ends is started again after
// a short pause, for ever, unless [Stop] was asked for. It does not shut down
// in order: a machine is only ever switched off.
package machine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what a machine is.
type Spec struct {
	// Name is the host name.
	Name string
	// Control is the path of the unix socket that Stop, Start and Status ask.
	Control string
	// Binds are directories of the disk that this machine alone sees at a path
	// which programs have built in. Both must exist.
	Binds []Bind
	// Tmpfs are directories whose content ends with the machine.
	Tmpfs []string
	// Sysctls are written in order to /proc/sys; names have slashes.
	Sysctls []Sysctl
	// Cgroup is the machine's root in every cgroup hierarchy, relative to the
	// top; empty for a machine that makes no cgroups.
	Cgroup string
	// Components are started at once, each as soon as what it waits for is there.
	Components []Component
}

// Bind shows From at To.
type Bind struct{ From, To string }

// Sysctl is one kernel setting.
type Sysctl struct{ Name, Value string }

// Component is a program that is kept running.
type Component struct {
	// Name is unique in the machine.
	Name string
	// Args is the command line; Args[0] is an absolute path or found in PATH.
	Args []string
	// Env is added to the machine's environment.
	Env []string
	// Log is the file that output is appended to.
	Log string
	// WaitFor is "unix:PATH" or "tcp:HOST:PORT", which must accept a
	// connection before each start; empty for nothing.
	WaitFor string
}

// Run is the life of a machine: it returns only when the machine could not be
// set up, or ctx ended. It must be process 1 of fresh namespaces.
func Run(ctx context.Context, spec Spec, log *slog.Logger) error {
	if os.Getpid() != 1 {
		return errors.New("a machine must be process 1 of its own namespaces: it is started by \"lab up\" alone")
	}
	if err := setUp(spec); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reaper := newReaper()
	supervisors := make(map[string]*supervisor, len(spec.Components))
	for _, c := range spec.Components {
		supervisors[c.Name] = newSupervisor(c, reaper, log)
	}
	control, err := listen(ctx, spec.Control, supervisors)
	if err != nil {
		return err
	}
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { reaper.run(ctx) })
	group.Go(control.serve)
	for _, s := range supervisors {
		group.Go(func() { s.run(ctx) })
	}
	log.Info("machine is on", "machine", spec.Name)
	<-ctx.Done()
	return nil
}

// Read reads a Spec from a file.
func Read(path string) (Spec, error) {
	var spec Spec
	b, err := os.ReadFile(path)
	if err != nil {
		return spec, fmt.Errorf("read machine: %w", err)
	}
	if err := json.Unmarshal(b, &spec); err != nil {
		return spec, fmt.Errorf("read machine %s: %w", path, err)
	}
	return spec, nil
}

// Write writes a Spec to a file, for Read.
func (s Spec) Write(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode machine %s: %w", s.Name, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write machine %s: %w", s.Name, err)
	}
	return nil
}

func setUp(spec Spec) error {
	// First nothing reaches the host; then mounts made here reach the pods.
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", unix.MS_REC | unix.MS_PRIVATE},
		{"proc", "/proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"", "/", "", unix.MS_REC | unix.MS_SHARED},
	} {
		if err := unix.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", cmp.Or(m.kind, m.target), err)
		}
	}
	if err := unix.Sethostname([]byte(spec.Name)); err != nil {
		return fmt.Errorf("set host name %s: %w", spec.Name, err)
	}
	for _, b := range spec.Binds {
		if err := unix.Mount(b.From, b.To, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s at %s: %w", b.From, b.To, err)
		}
	}
	for _, dir := range spec.Tmpfs {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount tmpfs at %s: %w", dir, err)
		}
	}
	for _, s := range spec.Sysctls {
		if err := os.WriteFile(filepath.Join("/proc/sys", s.Name), []byte(s.Value), 0); err != nil {
			return fmt.Errorf("set sysctl %s: %w", s.Name, err)
		}
	}
	if spec.Cgroup == "" {
		return nil
	}
	return makeCgroups("/sys/fs/cgroup", spec.Cgroup)
}

// makeCgroups makes the machine's root cgroup in every hierarchy under top, and
// takes away what an earlier life of the machine left below it.
func makeCgroups(top, path string) error {
	if isUnified(top) {
		return makeUnified(top, path)
	}
	hierarchies, err := filepath.Glob(filepath.Join(top, "*", "cgroup.procs"))
	if err != nil || len(hierarchies) == 0 {
		return fmt.Errorf("find cgroup hierarchies in %s: none is mounted", top)
	}
	for _, procs := range hierarchies {
		hierarchy := filepath.Dir(procs)
		if filepath.Base(hierarchy) == "unified" {
			continue // the second, empty hierarchy of a hybrid machine
		}
		if err := makeInherited(hierarchy, path); err != nil {
			return err
		}
	}
	return nil
}

// makeInherited makes a cgroup of one v1 hierarchy; a new cpuset is empty, and
// takes no process, until it is given what its parent has.
func makeInherited(hierarchy, path string) error {
	parent := hierarchy
	for _, element := range splitPath(path) {
		dir := filepath.Join(parent, element)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make cgroup: %w", err)
		}
		for _, setting := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, setting))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, setting), value, 0)
			}
			if err != nil {
				return fmt.Errorf("hand down %s: %w", setting, err)
			}
		}
		parent = dir
	}
	return removeLeftovers(parent)
}

// makeUnified makes a cgroup of the one v2 hierarchy, with every controller
// handed down to it.
func makeUnified(top, path string) error {
	parent := top
	for _, element := range splitPath(path) {
		for _, controller := range []string{"cpu", "cpuset", "memory", "io", "pids"} {
			// A controller that is missing is missed by who sets a limit with it.
			_ = os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+controller), 0)
		}
		parent = filepath.Join(parent, element)
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make cgroup: %w", err)
		}
	}
	return removeLeftovers(parent)
}

// removeLeftovers removes the cgroups of an earlier life. The kernel may count
// its dead as members for a moment.
func removeLeftovers(dir string) error {
	var err error
	for range 40 {
		if err = RemoveCgroups(dir, false); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func isUnified(top string) bool {
	_, err := os.Stat(filepath.Join(top, "cgroup.controllers"))
	return err == nil
}

func splitPath(path string) []string {
	var out []string
	for dir := filepath.Clean(path); dir != "." && dir != "/"; dir = filepath.Dir(dir) {
		out = append([]string{filepath.Base(dir)}, out...)
	}
	return out
}

// RemoveCgroups removes the empty cgroups below dir, deepest first, and dir
// itself if asked. A directory that is not there is no error; one with a
// process in it is.
func RemoveCgroups(dir string, itself bool) error {
	children, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read cgroup: %w", err)
	}
	var failed error
	for _, child := range children {
		if child.IsDir() {
			failed = errors.Join(failed, RemoveCgroups(filepath.Join(dir, child.Name()), true))
		}
	}
	if failed != nil || !itself {
		return failed
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", dir, err)
	}
	return nil
}
