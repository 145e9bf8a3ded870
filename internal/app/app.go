package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/memgraph"
)

// Records keeps the record and tells of its changes.
type Records interface {
	controller.Records
	// Watch calls seen with the record as it is and after every change, until
	// ctx ends: nil if there is none, and uid, which tells a record from one
	// that was created after it was deleted.
	Watch(ctx context.Context, seen func(rec *cluster.Record, uid string))
}

// Options is what a Replica is made of. All but Peers are required.
type Options struct {
	Identity    string // of this replica, unique among them
	Version     string // of this program
	Topology    cluster.Topology
	Credentials memgraph.Credentials
	Policy      cluster.Policy
	Records     Records
	Lock        resourcelock.Interface
	Lease       election.Timing
	Platform    controller.Platform
	Peers       controller.Peers // nil: there are no other replicas to ask
	ReadWrite   net.Listener     // owned by the replica from New on
	ReadOnly    net.Listener     // owned by the replica from New on; nil: no such door
	HoldTimeout time.Duration    // how long a client waits for a MAIN; 0: the gateway's default
	Log         *slog.Logger
}

// Replica is one controller replica.
type Replica struct {
	opt     Options
	nodes   *memgraph.Nodes
	gateway *gateway.Gateway
	elector *election.Elector
	crash   context.CancelCauseFunc
	crashed context.Context
	route   routes

	record   atomic.Pointer[cluster.Record]      // as the watch last had it; nil: none
	last     atomic.Pointer[cluster.Record]      // the last one that was not nil
	snapshot atomic.Pointer[controller.Snapshot] // of the present term; nil: not leading
	loop     atomic.Pointer[controller.Loop]     // of the present term; nil: not leading
}

// ErrCrashed is how Run ends after Crash.
var ErrCrashed = errors.New("crashed on demand")

// New builds a replica. It connects to nothing yet. The caller owns the
// listeners if it fails.
func New(o Options) (*Replica, error) {
	if err := o.Policy.Validate(); err != nil {
		return nil, err
	}
	nodes, err := memgraph.New(o.Topology, o.Credentials, memgraph.Options{Version: o.Version}, o.Log)
	if err != nil {
		return nil, err
	}
	elector, err := election.New(o.Lock, o.Lease, o.Log)
	if err != nil {
		return nil, err
	}
	gate, err := gateway.New(gateway.Options{
		ReadWrite: o.ReadWrite, ReadOnly: o.ReadOnly, Confirmer: confirmer{nodes}, HoldTimeout: o.HoldTimeout, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	r := &Replica{opt: o, nodes: nodes, gateway: gate, elector: elector, route: routes{topology: o.Topology}}
	r.crashed, r.crash = context.WithCancelCause(context.Background()) //nolint:forbidigo // ended by Crash alone
	return r, nil
}

// confirmer asks Memgraph on the gateway's behalf.
type confirmer struct{ nodes *memgraph.Nodes }

func (c confirmer) Confirm(ctx context.Context, addr, database string) (gateway.Guard, error) {
	guard, err := c.nodes.Confirm(ctx, addr, database)
	if err != nil {
		return nil, err
	}
	return guard, nil
}

// Run runs the replica until ctx ends, then ends the term, releases the lease
// and closes the doors, in this order. It does so too, with an error, when the
// doors or the election end by themselves.
func (r *Replica) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	doors, closeDoors := context.WithCancel(context.WithoutCancel(ctx)) // they close last
	defer closeDoors()
	defer context.AfterFunc(r.crashed, func() { //nolint:contextcheck // what it stops is in its closure
		r.elector.Abandon()
		stop(ErrCrashed)
		closeDoors()
	})()

	var gate, rest sync.WaitGroup
	var gateErr, electErr error
	gate.Go(func() {
		if gateErr = r.gateway.Run(doors); gateErr != nil {
			stop(gateErr)
		}
	})
	rest.Go(func() { r.opt.Records.Watch(ctx, r.follow) })
	rest.Go(func() {
		if electErr = r.elector.Run(ctx, r.term); electErr != nil {
			stop(electErr)
		}
	})
	rest.Wait()
	closeDoors()
	gate.Wait()
	closeErr := r.nodes.Close(context.WithoutCancel(ctx))
	if errors.Is(context.Cause(ctx), ErrCrashed) {
		return ErrCrashed
	}
	return errors.Join(gateErr, electErr, closeErr)
}

// Crash ends Run at once, as the death of the process would: the doors close
// with everybody in them and the lease is not released. It is for the sandbox
// and tests.
func (r *Replica) Crash() { r.crash(ErrCrashed) }

// follow takes over what the watch of the record brings.
func (r *Replica) follow(rec *cluster.Record, uid string) {
	r.record.Store(rec)
	if rec != nil {
		r.last.Store(rec)
		r.gateway.Follow(r.route.of(*rec, uid))
	}
	if l := r.loop.Load(); l != nil {
		l.RecordChanged()
	}
}

// term leads until ctx ends.
func (r *Replica) term(ctx context.Context) {
	loop := controller.New(controller.Options{
		Identity: r.opt.Identity, Version: r.opt.Version, Policy: r.opt.Policy, Topology: r.opt.Topology,
		Nodes: r.nodes, Platform: r.opt.Platform, Records: r.opt.Records, Peers: r.opt.Peers,
		Leading: r.elector.Leading, Publish: func(s controller.Snapshot) { r.snapshot.Store(&s) },
		Last: r.last.Load(), Log: r.opt.Log,
	})
	r.loop.Store(loop)
	defer func() {
		r.loop.Store(nil)
		r.snapshot.Store(nil)
	}()
	if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
		r.opt.Log.Error("loop ended", "err", err)
	}
}

// Kick says that something about the nodes may have changed. It never blocks.
func (r *Replica) Kick() {
	if l := r.loop.Load(); l != nil {
		l.Kick()
	}
}

// Request hands a human's request to the leader; its error says that this
// replica does not lead or has too many waiting.
func (r *Replica) Request(q cluster.Request) error {
	l := r.loop.Load()
	if l == nil {
		return fmt.Errorf("%s does not lead; ask %s", r.opt.Identity, r.elector.Leader())
	}
	if !l.Request(q) {
		return errors.New("too many requests are waiting")
	}
	return nil
}

// Opinion says how this replica sees node n now, for a leader that does not
// reach it.
func (r *Replica) Opinion(ctx context.Context, n cluster.Ordinal) cluster.Opinion {
	return cluster.Opinion{From: r.opt.Identity, Contact: r.nodes.Look(ctx, n).Contact}
}

// Status is how a replica stands at one moment.
type Status struct {
	Identity string
	Leading  bool
	Leader   string               // as the lease last said; empty if unknown
	Record   *cluster.Record      // as the watch last had it; nil if there is none
	Snapshot *controller.Snapshot // what the loop knows; nil on a replica that does not lead
	Gateway  gateway.Stats
}

// Status returns a snapshot. It waits for nothing.
func (r *Replica) Status() Status {
	return Status{
		Identity: r.opt.Identity, Leading: r.elector.Leading(), Leader: r.elector.Leader(),
		Record: r.record.Load(), Snapshot: r.snapshot.Load(), Gateway: r.gateway.Stats(),
	}
}
