package memgraph

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

// server is one stand-in process, born as REPLICA.
type server struct {
	t       *testing.T
	program string
	version string
	dir     string
	node    cluster.Node
	process *exec.Cmd
}

func (s *server) start() {
	s.t.Helper()
	_, bolt, _ := net.SplitHostPort(s.node.Bolt)
	_, replication, _ := net.SplitHostPort(s.node.Replication)
	init := filepath.Join(s.dir, "init.cypherl")
	if err := os.WriteFile(init, []byte("SET REPLICATION ROLE TO REPLICA WITH PORT "+replication+";\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.process = exec.Command(s.program, "--standin-version", s.version, "--bolt-address", "127.0.0.1", "--bolt-port", bolt,
		"--data-directory", filepath.Join(s.dir, "data"), "--storage-wal-enabled=true", "--init-file", init)
	var out bytes.Buffer
	s.process.Stdout, s.process.Stderr = &out, &out
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	process := s.process
	s.t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if s.t.Failed() {
			s.t.Logf("%s said: %s", s.node.Name, out.String())
		}
	})
}

func (s *server) kill() {
	s.t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.process.Wait()
}

// trial is three stand-ins and the Nodes that speak to them.
type trial struct {
	*testing.T
	servers []*server
	nodes   *Nodes
}

func newTrial(t *testing.T, program, version string) *trial {
	tr := &trial{T: t}
	var topology cluster.Topology
	for i := range 3 {
		node := cluster.Node{Name: fmt.Sprintf("mg-%d", i), Bolt: closedPort(t), Replication: closedPort(t)}
		topology = append(topology, node)
		tr.servers = append(tr.servers, &server{t: t, program: program, version: version, dir: t.TempDir(), node: node})
	}
	nodes, err := New(topology, Credentials{}, Options{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nodes.Close(context.WithoutCancel(t.Context())) })
	tr.nodes = nodes
	for o, s := range tr.servers {
		s.start()
		tr.await(o, "born as replica", func(s cluster.Sighting) bool { return s.Role == cluster.RoleReplica })
	}
	return tr
}

func (tr *trial) look(o int) cluster.Sighting { return tr.nodes.Look(tr.Context(), cluster.Ordinal(o)) }

func (tr *trial) await(o int, what string, is func(cluster.Sighting) bool) {
	tr.Helper()
	var last cluster.Sighting
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if last = tr.look(o); is(last) {
			return
		}
	}
	tr.Fatalf("node %d is not %s: %+v", o, what, last)
}

func (tr *trial) awaitWhole(on, replica int, mode cluster.Mode) {
	tr.Helper()
	tr.await(on, fmt.Sprintf("replicating to %d as %s", replica, mode), func(s cluster.Sighting) bool {
		r, ok := s.Replica(cluster.Ordinal(replica))
		return ok && r.Whole() && r.Mode == mode
	})
}

// do takes a step and expects the failure, 0 for none. A busy lock is tried
// again, as the core does.
func (tr *trial) do(s cluster.Step, want cluster.Failure) {
	tr.Helper()
	var err error
	for range 50 {
		err = tr.nodes.Do(tr.Context(), s)
		if failureOfStep(tr.T, err) != cluster.Busy {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if got := failureOfStep(tr.T, err); got != want {
		tr.Fatalf("%s = %v (%s), want %s", s, err, got, want)
	}
}

func promote(o cluster.Ordinal) cluster.Step { return cluster.Step{Kind: cluster.Promote, Node: o} }
func demote(o cluster.Ordinal) cluster.Step  { return cluster.Step{Kind: cluster.Demote, Node: o} }
func mark(o cluster.Ordinal) cluster.Step    { return cluster.Step{Kind: cluster.Mark, Node: o} }
func register(on, o cluster.Ordinal, m cluster.Mode) cluster.Step {
	return cluster.Step{Kind: cluster.Register, Node: on, Replica: o, Mode: m}
}

func drop(on, o cluster.Ordinal) cluster.Step {
	return cluster.Step{Kind: cluster.Drop, Node: on, Replica: o, Name: fmt.Sprintf("mg-%d", o)}
}

// TestAgainstStandin leads real processes through bootstrap, failover,
// divergence and a lost seat, in releases with different texts and columns.
func TestAgainstStandin(t *testing.T) {
	program := filepath.Join(t.TempDir(), "memgraph-standin")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "memgraph-controller/cmd/memgraph-standin").CombinedOutput(); err != nil {
		t.Fatalf("build the stand-in: %v\n%s", err, out)
	}
	t.Run("releases", func(t *testing.T) {
		for _, version := range []string{"2.19.0", "3.0.0", "3.4.0", "3.6.2", "3.12.0", "next"} {
			t.Run(version, func(t *testing.T) {
				t.Parallel()
				story(newTrial(t, program, version))
			})
		}
	})
}

func story(tr *trial) {
	tr.await(0, "telling what it occupies", func(s cluster.Sighting) bool {
		u := s.Usage
		return u.Resident.Known && u.Resident.Value > 0 && u.Tracked.Known && u.Limit.Known && u.Disk.Known && u.Deltas.Known && u.Transactions.Known
	})
	// Bootstrap: ASYNC first, then the seat.
	tr.do(promote(0), 0)
	tr.do(mark(0), 0)
	seat := tr.look(0).Version.SeatMode()
	for _, o := range []cluster.Ordinal{1, 2} {
		tr.do(register(0, o, cluster.Async), 0)
		tr.awaitWhole(0, int(o), cluster.Async)
	}
	tr.do(register(0, 1, seat), cluster.Exists)
	tr.do(drop(0, 1), 0)
	tr.do(drop(0, 1), 0)
	tr.do(register(0, 1, seat), 0)
	tr.awaitWhole(0, 1, seat)
	tr.do(mark(0), 0)
	if s := tr.look(0); !s.Data.Empty() || s.WAL != cluster.Yes {
		tr.Errorf("main is %+v, want empty after markers, with WAL", s)
	}
	if s := tr.look(1); s.Version.AtLeast(3, 5) && s.Data.UUID != tr.look(0).Data.UUID {
		tr.Errorf("replica's uuid %q is not its main's", s.Data.UUID)
	}

	// Failover: the watch notices at once, the look says refused.
	tr.killUnderWatch(0)
	tr.do(promote(1), 0)
	tr.do(mark(1), 0)
	tr.do(register(1, 0, cluster.Async), cluster.Deaf)
	tr.do(register(1, 2, seat), 0)
	tr.awaitWhole(1, 2, seat)

	// The old MAIN comes back, reigns over nobody, writes, and is refused.
	tr.servers[0].start()
	tr.await(0, "back as replica", func(s cluster.Sighting) bool { return s.Role == cluster.RoleReplica })
	tr.do(mark(0), cluster.WrongRole)
	tr.do(promote(0), 0)
	tr.do(mark(0), 0)
	tr.do(demote(0), 0)
	tr.do(register(1, 0, cluster.Async), cluster.Refuses)
	if r, ok := tr.look(1).Replica(0); ok && !r.Ghost && r.Status != cluster.Diverged {
		tr.Errorf("refused replica is %+v, want a ghost or diverged", r)
	}
	tr.do(drop(1, 0), 0)

	// The seat dies: a marker proves it, and it can be dropped.
	tr.servers[2].kill()
	tr.do(mark(1), cluster.Aborted)
	tr.do(drop(1, 2), 0)
	tr.do(mark(1), 0)
	tr.do(demote(1), 0)
	tr.do(register(1, 2, seat), cluster.Deaf)
	tr.do(drop(1, 2), cluster.WrongRole)
}

// killUnderWatch kills node o while Watch and a Guard hold it.
func (tr *trial) killUnderWatch(o int) {
	tr.Helper()
	guard, err := tr.nodes.Confirm(tr.Context(), tr.servers[o].node.Bolt, "")
	if err != nil {
		tr.Fatal(err)
	}
	defer guard.Close()
	ctx, cancel := context.WithCancel(tr.Context())
	var calls atomic.Int64
	ended := make(chan error)
	go func() { ended <- tr.nodes.Watch(ctx, cluster.Ordinal(o), func() { calls.Add(1) }) }()
	soon(tr.T, "watched", func() bool { return calls.Load() == 1 })
	tr.servers[o].kill()
	<-guard.Done()
	soon(tr.T, "called", func() bool { return calls.Load() >= 2 })
	if s := tr.look(o); s.Contact != cluster.Refused {
		tr.Errorf("killed node is %s, want refused", s.Contact)
	}
	cancel()
	if err := <-ended; err != nil {
		tr.Error(err)
	}
}
