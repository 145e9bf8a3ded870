package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/sandbox/bench"
)

// standin builds the program that plays Memgraph, once.
var standin = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, standinName)
	out, err := exec.Command("go", "build", "-o", path, "memgraph-controller/cmd/"+standinName).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the stand-in: %w: %s", err, out)
	}
	return path, nil
})

// Each sandbox of these tests has a range of ports to itself: a node that is
// started again must find its own free.
var (
	firstPort = 20000 + 100*rand.N(60)
	ranges    atomic.Int32 // given out
)

// started opens and runs a sandbox below dir. stop ends it and returns what Run
// returned.
func started(t *testing.T, dir string) (s *Sandbox, stop func()) {
	t.Helper()
	path, err := standin()
	if err != nil {
		t.Fatal(err)
	}
	s, err = Open(t.Context(), Options{
		Server: Server{Standin: path}, Dir: dir, FirstPort: firstPort + 100*int(ranges.Add(1)),
		RestartAfter: 100 * time.Millisecond, ReplaceAfter: -1, FailAfter: 500 * time.Millisecond,
		Lease: election.Timing{LeaseDuration: 2 * time.Second, RenewDeadline: time.Second, RetryPeriod: 200 * time.Millisecond},
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the sandbox ended with: %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// until polls until the condition holds.
func until(t *testing.T, what string, holds func() bool, explain func() string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30s in vain until %s: %s", what, explain())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func untilWhole(t *testing.T, s *Sandbox) {
	t.Helper()
	until(t, "the cluster is fully redundant", func() bool { return s.Lacks() == "" }, s.Lacks)
}

// write writes one id through a controller's gateway, trying until it is
// acknowledged.
func write(t *testing.T, s *Sandbox, door int, id int64) {
	t.Helper()
	w, err := bench.Dial(s.slots[door].write)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(t.Context())
	until(t, fmt.Sprintf("id %d is written", id), func() bool {
		err = w.Write(t.Context(), id)
		return err == nil
	}, func() string { return err.Error() })
}

func TestSandboxSurvivesWhatItsCommandsBreak(t *testing.T) {
	t.Parallel()
	s, stop := started(t, "")
	untilWhole(t, s)
	write(t, s, 0, 1)

	do := func(line string) {
		t.Helper()
		if _, err := s.Do(t.Context(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	pages(t, s)
	epoch := s.Epoch()
	do("kill main")
	until(t, "another reign begins", func() bool { return s.Epoch() > epoch }, s.Lacks)
	write(t, s, 1, 2)
	untilWhole(t, s)

	epoch = s.Epoch()
	do("cut main")
	until(t, "the cut MAIN is replaced", func() bool { return s.Epoch() > epoch }, s.Lacks)
	write(t, s, 2, 3)
	do("heal all")
	untilWhole(t, s)

	led, err := s.CrashLeader()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, (led+1)%Size, 4)
	if err := s.Replace(led); err != nil {
		t.Fatal(err)
	}
	untilWhole(t, s)

	do("wipe main")
	write(t, s, led, 5)
	untilWhole(t, s)

	for _, addr := range s.Nodes() {
		want := map[int64]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1}
		until(t, addr+" holds every write once", func() bool {
			held, err := bench.Read(t.Context(), addr)
			return err == nil && maps.Equal(held, want)
		}, func() string { held, err := bench.Read(t.Context(), addr); return fmt.Sprint(held, err) })
	}
	leavesNothing(t, s, stop)
}

func TestSandboxIsRestartedAndRolledOutWithoutALoss(t *testing.T) {
	t.Parallel()
	s, _ := started(t, "")
	untilWhole(t, s)
	main, _ := s.Main()
	epoch := s.Epoch()
	if err := s.RestartNode(t.Context(), main); err != nil {
		t.Fatal(err)
	}
	if now, serves := s.Main(); !serves || now == main || s.Epoch() == epoch {
		t.Errorf("%s is MAIN of epoch %d when %s has stopped, serving %t; want another one before that", now, s.Epoch(), main, serves)
	}
	untilWhole(t, s)
	epoch = s.Epoch()
	for i := range Size {
		identity := s.slots[i].replica.Status().Identity
		if err := s.Renew(i); err != nil {
			t.Fatal(err)
		}
		untilWhole(t, s)
		if now := s.slots[i].replica.Status().Identity; now == identity {
			t.Errorf("%s was not replaced", now)
		}
	}
	if s.Epoch() != epoch || len(s.Doors()) != Size || len(s.ReadDoors()) != Size {
		t.Errorf("epoch %d after %d, %d doors, %d to read; want the same reign, and all doors", s.Epoch(), epoch, len(s.Doors()), len(s.ReadDoors()))
	}
}

// pages asks each controller for its dashboard and what that shows.
func pages(t *testing.T, s *Sandbox) {
	t.Helper()
	for i := range s.slots {
		for _, path := range []string{"/", "/dashboard/page.js", "/api/v1/status"} {
			resp, err := http.Get(s.Page(i) + path)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s%s: %s", s.Page(i), path, resp.Status)
			}
		}
	}
}

// leavesNothing ends a sandbox and looks for what it may have left behind.
func leavesNothing(t *testing.T, s *Sandbox, stop func()) {
	t.Helper()
	var pids []int
	for i := range s.topology {
		pids = append(pids, s.supervisor.Info(cluster.Ordinal(i)).PID)
	}
	stop()
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
	for _, sl := range s.slots {
		for _, addr := range []string{sl.write, sl.page} {
			if c, err := net.Dial("tcp", addr); err == nil {
				c.Close()
				t.Errorf("%s is still open", addr)
			}
		}
	}
	if err := s.Replace(0); !errors.Is(err, errEnded) {
		t.Errorf("replace after the end = %v; want %v", err, errEnded)
	}
}

func TestNextSandboxGoesOnWithDataAndRecord(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	s, stop := started(t, dir)
	untilWhole(t, s)
	write(t, s, 0, 1)
	if _, err := s.Do(t.Context(), "kill main"); err != nil {
		t.Fatal(err)
	}
	write(t, s, 0, 2)
	untilWhole(t, s)
	epoch := s.Epoch()
	stop()

	s, _ = started(t, dir)
	untilWhole(t, s)
	if s.Epoch() <= epoch {
		t.Errorf("epoch %d after %d: the record was not kept", s.Epoch(), epoch)
	}
	for _, addr := range s.Nodes() {
		held, err := bench.Read(t.Context(), addr)
		if err != nil || !maps.Equal(held, map[int64]int{1: 1, 2: 1}) {
			t.Errorf("%s holds %v, %v; want both writes", addr, held, err)
		}
	}
}

func TestDivergedDataAreMovedAsideForTheProcessThatIsReplaced(t *testing.T) {
	s := &Sandbox{objects: newObjects(cluster.Record{
		Main: 0, Epoch: 6, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1,
		Rebuilds: []cluster.Rebuild{{Node: 2, Process: cluster.Process{ID: "7-1", Boot: "b"}}, {Node: 0}},
	})}
	for _, tt := range []struct {
		name string
		n    cluster.Ordinal
		last cluster.Process
		want string
	}{
		{"the process named is replaced", 2, cluster.Process{ID: "7-1", Boot: "b"}, "diverged-6"},
		{"a later process crashed", 2, cluster.Process{ID: "9-2", Boot: "b"}, ""},
		{"the first start after a sandbox that has ended", 2, cluster.Process{}, "diverged-6"},
		{"another node", 1, cluster.Process{}, ""},
		{"MAIN is never rebuilt (P6)", 0, cluster.Process{}, ""},
	} {
		if got, err := s.rebuild(tt.n, tt.last); got != tt.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}
