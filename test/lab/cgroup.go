package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupMount = "/sys/fs/cgroup"

// hierarchies are the directories that cgroups are made in: one for each
// controller of version 1, or the only one of version 2.
func hierarchies(top string) []string {
	if exists(filepath.Join(top, "cgroup.controllers")) {
		return []string{top}
	}
	found, _ := filepath.Glob(filepath.Join(top, "*", "cgroup.procs")) // the pattern is well-formed
	for i, procs := range found {
		found[i] = filepath.Dir(procs)
	}
	return found
}

// freezer is a cgroup directory that can be frozen, and how.
type freezer struct {
	dir     string
	unified bool
}

// freezerOf returns the freezer for a cgroup path relative to the top.
func freezerOf(top, path string) freezer {
	if exists(filepath.Join(top, "cgroup.controllers")) {
		return freezer{dir: filepath.Join(top, path), unified: true}
	}
	return freezer{dir: filepath.Join(top, "freezer", path)}
}

// set freezes or thaws every process in the cgroup. The kernel stops what runs
// in user space within a scheduler tick; set waits until it says so.
func (f freezer) set(frozen bool) error {
	file, value, state := "freezer.state", "THAWED", "THAWED"
	if frozen {
		value, state = "FROZEN", "FROZEN"
	}
	if f.unified {
		file, value = "cgroup.freeze", "0"
		if frozen {
			value = "1"
		}
	}
	path := filepath.Join(f.dir, file)
	for range 100 {
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("set %s to %s: %w", path, state, err)
		}
		is, err := f.frozen()
		if err != nil {
			return err
		}
		if is == frozen {
			return nil
		}
		// Version 1 can need several attempts when processes are being made.
		if err := unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for %s: %w", path, err)
		}
	}
	return fmt.Errorf("set %s to %s: the kernel does not get there within 100 ms: a process in it waits for the disk", path, state)
}

func (f freezer) frozen() (bool, error) {
	if f.unified {
		events, err := os.ReadFile(filepath.Join(f.dir, "cgroup.events"))
		if err != nil {
			return false, fmt.Errorf("read freezer: %w", err)
		}
		return bytes.Contains(events, []byte("frozen 1")), nil
	}
	state, err := os.ReadFile(filepath.Join(f.dir, "freezer.state"))
	if err != nil {
		return false, fmt.Errorf("read freezer: %w", err)
	}
	return strings.TrimSpace(string(state)) == "FROZEN", nil
}

// thawAll thaws everything of a node.
func thawAll(h host) error {
	if h.cgroup() == "" {
		return nil
	}
	root := freezerOf(cgroupMount, h.cgroup())
	err := filepath.WalkDir(root.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed while we looked
		}
		if err != nil || !entry.IsDir() {
			return err
		}
		f := freezer{dir: path, unified: root.unified}
		if frozen, err := f.frozen(); err != nil || !frozen {
			return nil // version 2 has none at the top; what is gone is not frozen
		}
		if err := f.set(false); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("thaw %s: %w", h, err)
	}
	return nil
}

// processes are those in the cgroup now, in the host's numbering; none if the
// cgroup is gone.
func processes(top, path string) ([]int, error) {
	dir := freezerOf(top, path).dir
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return parsePIDs(b)
}

func parsePIDs(b []byte) ([]int, error) {
	var pids []int
	for field := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(field)
		if err != nil || pid <= 0 {
			return nil, fmt.Errorf("list processes: %q is no process id", field)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
