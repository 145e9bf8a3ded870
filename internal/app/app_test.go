package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/inmemory"
)

// These tests run replicas over nodes that are all down. What replicas do with
// nodes that live is shown by the sandbox.

// idle is a platform that knows nothing and starts nothing.
type idle struct{}

func (idle) State(cluster.Ordinal) controller.NodeState     { return controller.NodeState{} }
func (idle) Refresh(context.Context, cluster.Ordinal) error { return nil }
func (idle) Restart(context.Context, cluster.Ordinal) error { return errors.New("nothing runs here") }

// down returns a topology of n nodes whose ports refuse.
func down(t *testing.T, n int) cluster.Topology {
	t.Helper()
	var list cluster.Topology
	for i := range n {
		ln := listen(t)
		addr := ln.Addr().String()
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		list = append(list, cluster.Node{Name: "mg-" + string(rune('0'+i)), Bolt: addr, Replication: addr})
	}
	return list
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// options are those of a replica that needs nothing but its objects.
func options(t *testing.T, id string, objects *inmemory.Objects, nodes cluster.Topology) Options {
	t.Helper()
	return Options{
		Identity: id, Version: "test", Topology: nodes, Policy: cluster.DefaultPolicy(),
		Records: objects, Lock: objects.Lock(id), Platform: idle{}, Gateway: gateway.Options{ReadWrite: listen(t), ReadOnly: listen(t)},
		Lease: election.Timing{LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond},
		Log:   slog.New(slog.DiscardHandler),
	}
}

// running is a replica that runs.
type running struct {
	*Replica
	opt   Options
	stop  context.CancelFunc
	ended chan error
}

func run(t *testing.T, o Options) *running {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	x := &running{Replica: r, opt: o, stop: stop, ended: make(chan error, 1)}
	joined := make(chan struct{})
	go func() {
		defer close(joined)
		x.ended <- r.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-joined
	})
	return x
}

// until waits until what is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("not so after 20s: %s", what)
		}
	}
}

func holder(t *testing.T, o *inmemory.Objects) string {
	t.Helper()
	r, _, err := o.Lock("looking on").Get(t.Context())
	if err != nil {
		return ""
	}
	return r.HolderIdentity
}

func record(epoch cluster.Epoch, main cluster.Ordinal) map[string]string {
	return cluster.Record{Main: main, Epoch: epoch, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode}.Encode()
}

func TestEveryReplicaFollowsTheRecord(t *testing.T) {
	objects, nodes := inmemory.New(), down(t, 3)
	for _, id := range []string{"a", "b"} {
		r := run(t, options(t, id, objects, nodes))
		objects.Put(record(3, 1))
		until(t, "the gateway of "+id+" is told of MAIN", func() bool { return r.Status().Gateway.Main == nodes[1].Bolt })
		s := r.Status()
		if s.Record == nil || s.Record.Epoch != 3 || s.Gateway.Epoch != 3 || s.Gateway.State != gateway.Open || s.Identity != id {
			t.Fatalf("status of %s = %+v; want epoch 3 in record and gateway", id, s)
		}
		objects.Put(nil)
		until(t, "the record's deletion is seen by "+id, func() bool { return r.Status().Record == nil })
		if s := r.Status(); s.Gateway.Main != nodes[1].Bolt || s.Gateway.State != gateway.Open {
			t.Fatalf("gateway of %s after the record was deleted: %+v; want it to serve on (P9)", id, s.Gateway)
		}
	}
}

func TestLeadershipMovesOn(t *testing.T) {
	objects, nodes := inmemory.New(), down(t, 2)
	a := run(t, options(t, "a", objects, nodes))
	until(t, "a leads", func() bool { return a.Status().Leading && a.Status().Snapshot != nil })
	b := run(t, options(t, "b", objects, nodes))
	until(t, "b knows the leader", func() bool { return b.Status().Leader == "a" })

	if err := a.Request(cluster.Request{ID: "p", Ask: cluster.AskPause}); err != nil {
		t.Fatalf("request to the leader: %v", err)
	}
	if err := b.Request(cluster.Request{ID: "p", Ask: cluster.AskPause}); err == nil || !strings.Contains(err.Error(), "ask a") {
		t.Fatalf("request to b while a leads: %v; want an error that names a", err)
	}
	if s := b.Status(); s.Leading || s.Snapshot != nil {
		t.Fatalf("b does not lead, and its status says leading %t with a snapshot of the loop", s.Leading)
	}
	b.Kick() // of no effect, and no harm

	a.stop()
	if err := <-a.ended; err != nil {
		t.Fatalf("Run after a stop: %v; want nil", err)
	}
	if by := holder(t, objects); by == "a" {
		t.Fatal("the lease is still held by a replica that has stopped")
	}
	if s := a.Status(); s.Leading || s.Snapshot != nil {
		t.Fatal("a replica that has stopped says it leads")
	}
	until(t, "b leads", func() bool { return b.Status().Leading })
}

func TestCrashReleasesNothingAndCutsEverybody(t *testing.T) {
	objects := inmemory.New()
	r := run(t, options(t, "a", objects, down(t, 2)))
	until(t, "a leads", func() bool { return r.Status().Leading })
	conn, err := net.Dial("tcp", r.opt.Gateway.ReadWrite.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("anything")); err != nil {
		t.Fatal(err)
	}
	until(t, "the client is held", func() bool { return r.Status().Gateway.Held == 1 })
	r.Crash()
	if err := <-r.ended; !errors.Is(err, ErrCrashed) {
		t.Fatalf("Run after a crash: %v; want ErrCrashed", err)
	}
	if by := holder(t, objects); by != "a" {
		t.Fatalf("the lease is held by %q after the crash of a; want it not released", by)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var one [1]byte
	var timeout net.Error
	if _, err := conn.Read(one[:]); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("a held client after the crash: %v; want its connection closed", err)
	}
}

// TestBrokenDoorEndsTheReplica: one that goes on without its gateway would lead,
// and turn its clients away without a word.
func TestBrokenDoorEndsTheReplica(t *testing.T) {
	r := run(t, options(t, "a", inmemory.New(), down(t, 1)))
	until(t, "a leads", func() bool { return r.Status().Leading })
	if err := r.opt.Gateway.ReadOnly.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-r.ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Run with a broken door: %v; want the listener's error", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the replica still runs 5s after one of its doors broke")
	}
}

func TestOpinionOfANodeThatIsDown(t *testing.T) {
	r := run(t, options(t, "a", inmemory.New(), down(t, 1)))
	if o := r.Opinion(t.Context(), 0, 0); o.From != "a" || o.Contact != cluster.Refused {
		t.Fatalf("opinion of a node whose port is closed = %+v; want refused, from a", o)
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"policy": func(o *Options) { o.Policy = cluster.Policy{} },
		"timing": func(o *Options) { o.Lease = election.Timing{} },
		"doors":  func(o *Options) { o.Gateway.ReadWrite, o.Gateway.ReadOnly = nil, nil },
	} {
		o := options(t, "a", inmemory.New(), down(t, 1))
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("New without a usable %s succeeded; want an error", name)
		}
	}
}
