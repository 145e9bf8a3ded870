package nodes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

func up(s *Supervisor, n cluster.Ordinal) func() bool {
	return func() bool { return s.Info(n).PID != 0 }
}

func TestKilledNodeIsStartedAgainAsAnotherProcess(t *testing.T) {
	var changes atomic.Int64
	o := options(t.TempDir(), "serve", "serve")
	o.Changed = func(cluster.Ordinal) { changes.Add(1) }
	s, _ := running(t, o)
	wait(t, "both nodes run", func() bool { return up(s, 0)() && up(s, 1)() })
	before, other := s.State(0), s.State(1)
	if !before.Process.Known() || before.Process.Boot != "boot" || before.Gone {
		t.Fatalf("state of a running node = %+v; want its process, not gone", before)
	}
	seen := changes.Load()
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	wait(t, "node 0 runs again", func() bool { return s.Info(0).Starts == 2 })
	if after := s.State(0); after.Process == before.Process || after.Gone {
		t.Errorf("state after a restart = %+v; want another process than %+v", after, before)
	}
	if got := s.Info(0).LastExit; got != "signal: killed" {
		t.Errorf("last exit = %q; want signal: killed", got)
	}
	if got := s.State(1); got.Process != other.Process || got.Gone {
		t.Errorf("node 1 was touched: %+v, was %+v", got, other)
	}
	if changes.Load() < seen+2 {
		t.Errorf("%d changes announced for kill, end and start; want at least 2", changes.Load()-seen)
	}
}

func TestDeadNodeIsGoneUntilItIsStartedAgain(t *testing.T) {
	o := options(t.TempDir(), "serve")
	o.RestartAfter, o.RestartMax = time.Hour, time.Hour
	s, _ := running(t, o)
	if got := s.State(0); got.Gone {
		t.Errorf("a node not started yet is gone: %+v; want nothing known", got)
	}
	wait(t, "the node runs", up(s, 0))
	if err := s.Kill(0); err != nil {
		t.Fatal(err)
	}
	wait(t, "the node is gone", func() bool { return s.State(0).Gone })
	if got := s.State(0); got.Process.Known() {
		t.Errorf("state of a dead node = %+v; want no process", got)
	}
	if err := s.Kill(0); !errors.Is(err, ErrNotRunning) {
		t.Errorf("kill of a dead node = %v; want ErrNotRunning", err)
	}
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	wait(t, "a restart cuts the delay short", up(s, 0))
}

func TestNodeThatLeavesIsToldOfUntilItHasBeenReplaced(t *testing.T) {
	s, _ := running(t, options(t.TempDir(), "serve"))
	wait(t, "the node runs", up(s, 0))
	if s.State(0).Leaving {
		t.Error("a node that nobody stops is leaving")
	}
	if err := s.Leave(0); err != nil {
		t.Fatal(err)
	}
	if st := s.State(0); !st.Leaving || !st.Process.Known() {
		t.Errorf("state of a node that leaves = %+v; want its process, leaving", st)
	}
	if err := s.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := s.Info(0).LastExit; got == "signal: killed" {
		t.Errorf("last exit = %q; want that it was asked to end", got)
	}
	wait(t, "it runs again", func() bool { return s.Info(0).Starts == 2 && up(s, 0)() })
	if s.State(0).Leaving {
		t.Error("the process that came after is leaving")
	}
}

func TestNodeThatDoesNotStopIsKilled(t *testing.T) {
	o := options(t.TempDir(), "stubborn")
	ready := o.Nodes[0].Args[2]
	o.StopGrace = 50 * time.Millisecond
	s, _ := running(t, o)
	wait(t, "it is stubborn", func() bool { _, err := os.Stat(ready); return err == nil })
	if err := s.Stop(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := s.Info(0).LastExit; got != "signal: killed" {
		t.Errorf("last exit = %q; want signal: killed", got)
	}
}

func TestCrashLoopBacksOffAndIsLoggedToItsFile(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "exit")
	s, stop := running(t, o)
	wait(t, "it was started four times", func() bool { return s.Info(0).Starts >= 4 })
	if got := s.Info(0).LastExit; got != "exit status 3" {
		t.Errorf("last exit = %q; want exit status 3", got)
	}
	stop()
	out, err := os.ReadFile(o.Nodes[0].Log)
	if err != nil || strings.Count(string(out), "this server cannot run") < 3 {
		t.Errorf("its log = %q, %v; want the output of every start", out, err)
	}
}

func TestBackoffDoublesUpToItsMost(t *testing.T) {
	var got []string
	for failures := range 7 {
		got = append(got, backoff(time.Second, 10*time.Second, failures).String())
	}
	if want := "1s 1s 2s 4s 8s 10s 10s"; strings.Join(got, " ") != want {
		t.Errorf("delays after 0..6 failures = %v; want %s", got, want)
	}
}

func TestNodeThatCannotBeStartedSaysWhy(t *testing.T) {
	o := options(t.TempDir(), "serve")
	o.Nodes[0].Program = "/nowhere/memgraph"
	s, _ := running(t, o)
	wait(t, "the fault is known", func() bool { return s.Info(0).Fault != "" })
	if info := s.Info(0); !strings.Contains(info.Fault, "/nowhere/memgraph") || !info.Gone {
		t.Errorf("info = %+v; want a fault that names the program, and gone", info)
	}
}

func TestPausedNodeIsStoppedUntilResumed(t *testing.T) {
	s, _ := running(t, options(t.TempDir(), "serve"))
	wait(t, "the node runs", up(s, 0))
	if err := s.Pause(0); err != nil {
		t.Fatal(err)
	}
	state := func(want string) func() bool {
		return func() bool {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Info(0).PID))
			_, rest, _ := strings.Cut(string(stat), ") ")
			return strings.HasPrefix(rest, want)
		}
	}
	if !state("T")() {
		t.Error("pause returned before the kernel had stopped it")
	}
	if !s.Info(0).Paused {
		t.Error("a paused node is not shown as paused")
	}
	if err := s.Resume(0); err != nil {
		t.Fatal(err)
	}
	wait(t, "it sleeps again", state("S"))
	if s.Info(0).Paused {
		t.Error("a resumed node is shown as paused")
	}
}

func TestStopEndsPausedAndStubbornNodesAndTheirChildren(t *testing.T) {
	dir := t.TempDir()
	o := options(dir, "serve", "stubborn", "parent")
	o.StopGrace = 50 * time.Millisecond
	s, stop := running(t, o)
	pidFile, ready := filepath.Join(dir, "memgraph-2.file"), filepath.Join(dir, "memgraph-1.file")
	wait(t, "all run", func() bool {
		_, err1 := os.Stat(ready)
		_, err2 := os.Stat(pidFile + ".ready")
		return up(s, 0)() && err1 == nil && err2 == nil
	})
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{s.Info(0).PID, s.Info(1).PID, s.Info(2).PID, grandchild}
	if err := s.Pause(0); err != nil {
		t.Fatal(err)
	}
	stop()
	for i, pid := range pids {
		wait(t, fmt.Sprintf("process %d of %v is gone", i, pids), func() bool { return !alive(pid) })
	}
}

func TestNothingOutlivesASandboxThatIsKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sandbox := exec.CommandContext(t.Context(), self, "child", "supervise", t.TempDir())
	out, err := sandbox.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sandbox.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || !alive(pid) {
		t.Fatalf("its node %q does not run (%v)", line, err)
	}
	if err := sandbox.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sandbox.Wait() // it was killed
	wait(t, "its node is gone", func() bool { return !alive(pid) })
}

func TestRestartReturnsWhenTheProcessIsDead(t *testing.T) {
	o := options(t.TempDir(), "serve")
	o.RestartAfter = time.Hour // a restart that was asked for does not wait for it
	s, _ := running(t, o)
	wait(t, "the node runs", up(s, 0))
	pid := s.Info(0).PID
	if err := s.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the old process lives on after Restart")
	}
	wait(t, "a new one runs", up(s, 0))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("lease lost"))
	if err := s.Restart(ctx, 7); err == nil || !strings.Contains(err.Error(), "no node 7") {
		t.Errorf("restart of node 7 = %v; want that there is none", err)
	}
}
