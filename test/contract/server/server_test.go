//go:build linux

package server

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPortsAreNeverHandedOutTwice(t *testing.T) {
	p := NewPorts()
	p.free = func(port int) bool { return port%2 == 0 }
	seen := map[int]bool{}
	for {
		port, err := p.Take()
		if errors.Is(err, ErrNoPort) {
			break
		}
		if seen[port] || port%2 != 0 || port < firstPort || port > lastPort {
			t.Fatalf("port %d: taken twice, not free, or out of range", port)
		}
		seen[port] = true
	}
	if want := (lastPort - firstPort + 1) / 2; len(seen) != want {
		t.Errorf("%d ports handed out before ErrNoPort; want all %d free ones", len(seen), want)
	}
}

func TestPortInUseIsNotFree(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if isFree(l.Addr().(*net.TCPAddr).Port) {
		t.Error("a port somebody listens on was called free")
	}
}

func TestMergeFlagsReplacesByName(t *testing.T) {
	got := MergeFlags([]string{"--wal=true", "--port=1", "--wal-size=3"}, []string{"--wal=false", "--new"})
	if want := []string{"--wal=false", "--port=1", "--wal-size=3", "--new"}; !slices.Equal(got, want) {
		t.Errorf("merged = %v; want %v", got, want)
	}
}

func TestHoleSwallowsConnections(t *testing.T) {
	port, err := NewPorts().Take()
	if err != nil {
		t.Fatal(err)
	}
	h, err := OpenHole(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	_, err = net.DialTimeout("tcp", h.Addr(), 200*time.Millisecond)
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("dialling the hole: %v; want a time-out", err)
	}
	h.Close()
	if _, err := net.DialTimeout("tcp", h.Addr(), time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling the closed hole: %v; want refused", err)
	}
}

// fake writes a program that notes its pid and sleeps.
func fake(t *testing.T) Program {
	path := filepath.Join(t.TempDir(), "fake")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho $$ >pid\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return Program{Path: path, StandIn: true, Version: "3.12.0"}
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within 5s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestNodeIsKilledAndWiped(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	h := Host{Program: fake(t), Root: t.TempDir(), Ports: NewPorts(), Launcher: l}
	c, err := h.Cluster("case", "a")
	if err != nil {
		t.Fatal(err)
	}
	n := c.Nodes[0]
	if !slices.Contains(n.Args(), "--standin-version=3.12.0") || n.Control == 0 {
		t.Errorf("stand-in is not started with its own flags: %v", n.Args())
	}
	if err := n.Launch(); err != nil {
		t.Fatal(err)
	}
	await(t, "the start", func() bool { _, err := os.Stat(filepath.Join(n.Dir, "pid")); return err == nil })
	if n.Wipe() == nil {
		t.Error("a running node was wiped")
	}
	if err := n.Pause(); err != nil || !stopped(n.Pid()) {
		t.Fatalf("pause: %v, stopped %v", err, stopped(n.Pid()))
	}
	if err := errors.Join(n.Kill(), n.Wipe()); err != nil {
		t.Fatalf("kill, wipe: %v", err)
	}
	if n.Running() {
		t.Error("the node still runs after Kill")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(n.Dir); !os.IsNotExist(err) {
		t.Errorf("the directory is left behind: %v", err)
	}
}

func TestStartReportsAProcessThatEnds(t *testing.T) {
	l := NewLauncher()
	defer l.Close()
	path := filepath.Join(t.TempDir(), "dies")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho bad flag >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := Host{Program: Program{Path: path}, Root: t.TempDir(), Ports: NewPorts(), Launcher: l}
	c, err := h.Cluster("case", "a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "bad flag") {
		t.Errorf("start of a dying program: %v; want its last words", err)
	}
}

func TestChildrenDieWithTheLauncher(t *testing.T) {
	l := NewLauncher()
	exited, err := l.Start(exec.Command("sleep", "60"))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	select {
	case <-exited:
	default:
		t.Fatal("a process outlived its launcher")
	}
	if _, err := l.Start(exec.Command("true")); !errors.Is(err, ErrClosed) {
		t.Errorf("start after Close: %v; want ErrClosed", err)
	}
}
