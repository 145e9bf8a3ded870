//go:build linux

// Package server owns the Memgraph processes the contract suite judges: it
// starts them on free loopback ports with Memgraph's own flags, restarts,
// kills, stops, continues and wipes them, and leaves none behind.
//
// It never judges and never speaks Cypher. It runs on Linux only, because only
// there does the kernel promise that a child dies with its parent.
package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"memgraph-controller/test/contract/wire"
)

// Program says what to run as a server.
type Program struct {
	Path    string // of the binary
	StandIn bool   // takes the stand-in's own flags too
	Version string // for --standin-version; empty for a real server
}

// Node is one server: its ports, its directory and, while it runs, its process.
// It is used by one goroutine at a time, except Addr, Name and the ports.
type Node struct {
	Name    string
	Bolt    int // Bolt port
	Repl    int // replication port, used once the node is told to be a replica
	Control int // the stand-in's control port; 0 on a real server
	Dir     string
	Flags   []string // extra flags; a later one of the same name wins
	Hosts   string   // a file the process sees as /etc/hosts; empty for the machine's own

	prog     Program
	launcher *Launcher
	extra    []string // ports a real server would otherwise share with others
	cmd      *exec.Cmd
	exited   <-chan struct{}
}

// startTimeout bounds how long a server may take to answer on Bolt. A MAIN with
// a replica behind a black hole took 10.4 s (recorded on 3.6.2).
const startTimeout = 40 * time.Second

// Addr returns host:port of Bolt.
func (n *Node) Addr() string { return "127.0.0.1:" + strconv.Itoa(n.Bolt) }

// ReplAddr returns host:port of replication.
func (n *Node) ReplAddr() string { return "127.0.0.1:" + strconv.Itoa(n.Repl) }

// DataDir returns the data directory.
func (n *Node) DataDir() string { return filepath.Join(n.Dir, "data") }

// LogFile returns the file that holds everything the processes printed.
func (n *Node) LogFile() string { return filepath.Join(n.Dir, n.Name+".log") }

// InitFile writes lines to a file and returns the flag that names it.
func (n *Node) InitFile(lines ...string) (string, error) {
	path := filepath.Join(n.Dir, "init.cypherl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("write init file of %s: %w", n.Name, err)
	}
	return "--init-file=" + path, nil
}

// Args returns the command line without the program.
func (n *Node) Args() []string {
	args := []string{
		"--bolt-address=127.0.0.1",
		"--bolt-port=" + strconv.Itoa(n.Bolt),
		"--data-directory=" + n.DataDir(),
		"--storage-wal-enabled=true",
		"--storage-snapshot-interval-sec=300",
		"--storage-snapshot-on-exit=false",
		"--storage-wal-file-flush-every-n-tx=100000",
		"--data-recovery-on-startup=true",
		"--replication-restore-state-on-startup=true",
		"--telemetry-enabled=false",
		"--also-log-to-stderr=true",
		"--log-level=INFO",
	}
	args = append(args, n.extra...)
	if n.prog.StandIn {
		args = append(args, "--standin-control-port="+strconv.Itoa(n.Control))
		if n.prog.Version != "" {
			args = append(args, "--standin-version="+n.prog.Version)
		}
	}
	return MergeFlags(args, n.Flags)
}

// MergeFlags returns base with every flag of over added, those of the same name
// replaced in place.
func MergeFlags(base, over []string) []string {
	out := slices.Clone(base)
	for _, f := range over {
		name, _, _ := strings.Cut(f, "=")
		i := slices.IndexFunc(out, func(b string) bool { return b == name || strings.HasPrefix(b, name+"=") })
		if i >= 0 {
			out[i] = f
			continue
		}
		out = append(out, f)
	}
	return out
}

// Launch starts the process and returns at once, before Bolt opens.
func (n *Node) Launch() error {
	if n.Running() {
		return fmt.Errorf("start %s: it runs already", n.Name)
	}
	if err := os.MkdirAll(n.DataDir(), 0o755); err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	log, err := os.OpenFile(n.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(n.prog.Path, n.Args()...)
	if n.Hosts != "" {
		if err := privately(cmd, n.Hosts); err != nil {
			return fmt.Errorf("start %s: %w", n.Name, err)
		}
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.Dir, log, log
	exited, err := n.launcher.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	n.cmd, n.exited = cmd, exited
	return nil
}

// Start starts the process and waits until Bolt answers a handshake. It returns
// how long that took.
func (n *Node) Start(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	if err := n.Launch(); err != nil {
		return 0, err
	}
	if err := n.AwaitBolt(ctx, startTimeout); err != nil {
		return time.Since(start), err
	}
	return time.Since(start), nil
}

// AwaitBolt waits until the server answers a Bolt handshake.
func (n *Node) AwaitBolt(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := n.tryBolt(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-n.exited:
			return fmt.Errorf("start %s: the process ended; its last words: %s", n.Name, n.LastWords(3))
		case <-ctx.Done():
			return fmt.Errorf("start %s: bolt did not answer within %s: %w", n.Name, within, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (n *Node) tryBolt(ctx context.Context) error {
	c, err := wire.Dial(ctx, n.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Handshake(2*time.Second, wire.Version{Major: 5, Minor: 2}, wire.Version{Major: 4, Minor: 3})
	return err
}

// Running reports whether the process was started and has not ended.
func (n *Node) Running() bool {
	if n.cmd == nil {
		return false
	}
	select {
	case <-n.exited:
		return false
	default:
		return true
	}
}

// Kill sends SIGKILL to the whole process group and waits for the end.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL, 10*time.Second) }

// Terminate sends SIGTERM and waits up to 15 s for the end, then kills.
func (n *Node) Terminate() error {
	if err := n.end(syscall.SIGTERM, 15*time.Second); err != nil {
		return errors.Join(err, n.Kill())
	}
	return nil
}

// Pause stops the process with SIGSTOP: TCP lives on, nobody answers. It
// returns once every thread stands still, which is not yet so when the signal
// has been sent.
func (n *Node) Pause() error {
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if stopped(n.cmd.Process.Pid) {
			return nil
		}
	}
	return fmt.Errorf("pause %s: it still moves after 5s", n.Name)
}

// stopped reports whether all threads of the process are stopped.
func stopped(pid int) bool {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(stats) == 0 {
		return false
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		// The state follows the name, which is in brackets and may hold any character.
		if i := bytes.LastIndexByte(b, ')'); i < 0 || i+2 >= len(b) || b[i+2] != 'T' {
			return false
		}
	}
	return true
}

// Resume continues a paused process.
func (n *Node) Resume() error { return n.signal(syscall.SIGCONT) }

// Gone waits until the process has ended by itself.
func (n *Node) Gone(within time.Duration) error {
	select {
	case <-n.exited:
		return nil
	case <-time.After(within):
		return fmt.Errorf("%s still runs after %s", n.Name, within)
	}
}

// Wipe removes the data directory of a node that does not run.
func (n *Node) Wipe() error {
	if n.Running() {
		return fmt.Errorf("wipe %s: it runs", n.Name)
	}
	if err := os.RemoveAll(n.DataDir()); err != nil {
		return fmt.Errorf("wipe %s: %w", n.Name, err)
	}
	return nil
}

// Listening reports whether something accepts connections on the replication
// port.
func (n *Node) Listening(ctx context.Context) bool {
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "tcp", n.ReplAddr())
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// Pid returns the process id of a running node.
func (n *Node) Pid() int { return n.cmd.Process.Pid }

// LastWords returns the last lines of the log joined by " / ".
func (n *Node) LastWords(lines int) string {
	b, err := os.ReadFile(n.LogFile())
	if err != nil {
		return "(no log)"
	}
	all := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte(" / ")))
}

func (n *Node) signal(sig syscall.Signal) error {
	if !n.Running() {
		return fmt.Errorf("signal %s: it does not run", n.Name)
	}
	if err := n.launcher.Signal(n.cmd, sig); err != nil {
		return fmt.Errorf("send %s to %s: %w", sig, n.Name, err)
	}
	return nil
}

func (n *Node) end(sig syscall.Signal, within time.Duration) error {
	if !n.Running() {
		return nil
	}
	if err := n.signal(sig); err != nil && n.Running() {
		return err
	}
	return n.Gone(within)
}
