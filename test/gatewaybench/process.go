package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout is how long a process may take to listen, and to end.
const startTimeout = 10 * time.Second

// process is a program that was started and listens.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

// launch starts a program. It dies with this one.
func launch(ctx context.Context, name string, stdout io.Writer, path string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s (%s): %w", name, path, err)
	}
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it has ended is in its state
		close(p.ended)
	}()
	return p, nil
}

// self starts this program with another command, which prints where it listens: as many
// addresses as are wanted, each on a line.
func self(ctx context.Context, addresses int, args ...string) (*process, []string, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	defer r.Close()
	p, err := launch(ctx, args[0], w, program, args...)
	w.Close()
	if err != nil {
		return nil, nil, err
	}
	if err := r.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return nil, nil, errors.Join(err, p.stop())
	}
	var listens []string
	for lines := bufio.NewScanner(r); len(listens) < addresses; {
		if !lines.Scan() {
			return nil, nil, errors.Join(fmt.Errorf("%s does not say where it listens: %w", args[0], lines.Err()), p.stop())
		}
		listens = append(listens, lines.Text())
	}
	return p, listens, nil
}

// stop ends the process and waits for that.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it has ended already if this fails
	select {
	case <-p.ended:
		return nil
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s (process %d) did not end within %v of SIGTERM and was killed", p.name, p.cmd.Process.Pid, startTimeout)
	}
}

func (p *process) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), file)
}

// resident is how many bytes of memory the process has.
func (p *process) resident() (int64, error) {
	b, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return residentIn(string(b))
}

// residentIn reads /proc/PID/status.
func residentIn(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %q: want a number of kB: %w", line, err)
			}
			return kib << 10, nil
		}
	}
	return 0, errors.New("no VmRSS in /proc/PID/status: the process has ended")
}

// cpu is the time that all threads of the process have run. Those that have ended do not
// count: proxies keep theirs.
func (p *process) cpu() (time.Duration, error) {
	threads, err := filepath.Glob(p.proc("task/*/schedstat"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("read the CPU time of %s: no %s", p.name, p.proc("task/*/schedstat"))
	}
	var sum time.Duration
	for _, file := range threads {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read the CPU time of %s: %w", p.name, err)
		}
		ran, err := ranIn(string(b))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", file, err)
		}
		sum += ran
	}
	return sum, nil
}

// ranIn reads the first number of a schedstat, in nanoseconds.
func ranIn(schedstat string) (time.Duration, error) {
	first, _, _ := strings.Cut(schedstat, " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: want nanoseconds first: %w", schedstat, err)
	}
	return time.Duration(n), nil
}

// unusedPort is one on which nobody listens now.
func unusedPort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port for HAProxy: %w", err)
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// reachable waits until somebody listens at addr.
func (p *process) reachable(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended before it listened at %s, its words are above: %v", p.name, addr, p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s at %s: %w", p.name, addr, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
