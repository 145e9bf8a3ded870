package nodes

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

// TestMain lets the test binary play the servers it supervises: with "child" as
// its first argument it becomes one of them.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		child(os.Args[2], os.Args[3:])
		return
	}
	os.Exit(m.Run())
}

func child(kind string, args []string) {
	switch kind {
	case "serve": // until told to stop
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		<-term
	case "stubborn": // says when it no longer listens to SIGTERM
		signal.Ignore(syscall.SIGTERM)
		os.WriteFile(args[0], nil, 0o600)
		for { // without a timer the runtime would end it as deadlocked
			time.Sleep(time.Hour)
		}
	case "exit":
		fmt.Println("this server cannot run")
		os.Exit(3)
	case "parent": // leaves a process behind in its group
		self, _ := os.Executable()
		cmd := exec.Command(self, "child", "stubborn", args[0]+".ready")
		if err := cmd.Start(); err == nil {
			os.WriteFile(args[0], []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
		}
		term := make(chan os.Signal, 1)
		signal.Notify(term, syscall.SIGTERM)
		<-term
	case "supervise": // a sandbox in small: one node, its pid on stdout
		s, err := New(options(args[0], "serve"))
		if err != nil {
			panic(err)
		}
		s.opts.Changed = func(cluster.Ordinal) { fmt.Println(s.Info(0).PID) }
		s.Run(context.Background()) //nolint:forbidigo // this is a main of its own, which never ends: it is killed
	}
}

// options describe a supervisor of nodes of these kinds below dir.
func options(dir string, kinds ...string) Options {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	o := Options{Boot: "boot", RestartAfter: 5 * time.Millisecond, RestartMax: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	for i, kind := range kinds {
		name := fmt.Sprintf("memgraph-%d", i)
		o.Nodes = append(o.Nodes, Node{
			Name: name, Program: self, Args: []string{"child", kind, filepath.Join(dir, name+".file")},
			Data: filepath.Join(dir, name), Log: filepath.Join(dir, name+".log"),
		})
	}
	return o
}

// running starts a supervisor and stops it when the test ends.
func running(t *testing.T, o Options) (*Supervisor, func()) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return s, stop
}

// wait polls until the condition holds; the world it asks has no other way to
// tell.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20s in vain until %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
