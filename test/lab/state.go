package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// state is what a running lab needs to know of itself.
type state struct {
	// Programs is the directory of kubectl, helm and the components.
	Programs string
	// Nodes is how many workers there are.
	Nodes int
	// NodeGrace is --node-monitor-grace-period of kube-controller-manager.
	NodeGrace time.Duration
	// Sysctls are the values to put back.
	Sysctls map[string]string
	// Directories are those made on the host as mount points, outermost first.
	Directories []string
}

// errNotRunning says what to do.
var errNotRunning = errors.New("no lab runs on this machine: start one with \"make lab-up\"")

func readState() (state, error) {
	var s state
	b, err := os.ReadFile(statePath)
	if errors.Is(err, fs.ErrNotExist) {
		return s, errNotRunning
	}
	if err != nil {
		return s, fmt.Errorf("read lab: %w", err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("read lab %s: %w", statePath, err)
	}
	return s, nil
}

func (s state) write() error { return writeJSON(statePath, s) }

// writeJSON replaces the file as a whole.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return writeFile(path, b, 0o600)
}

func writeFile(path string, content []byte, mode fs.FileMode) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// lock keeps two commands from making, changing or removing the lab at the
// same time; call the function to let go.
func lock() (func(), error) { return lockFile(lockPath) }

func lockFile(path string) (func(), error) {
	for {
		unlock, err := flock(path)
		if err != nil {
			return nil, err
		}
		if unlock != nil {
			return unlock, nil
		}
	}
}

// flock returns nil if the file was removed while it waited: then its lock
// holds nobody off.
func flock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	held, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(held, there) {
		f.Close()
		return nil, nil
	}
	return func() { f.Close() }, nil
}

func mustBeRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	return errors.New("the lab needs root: run the command with sudo, or as root in a virtual machine of its own")
}

// pid returns the process of the machine, 0 if it is off. A number that the
// kernel gave to another program since is not believed.
func (h host) pid() int {
	b, err := os.ReadFile(h.pidFile())
	if err != nil {
		return 0
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil || pid <= 1 {
		return 0
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.HasSuffix(string(line), "\x00machine\x00"+h.spec()+"\x00") {
		return 0
	}
	return pid
}
