package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
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

// Options is what a Replica is made of. Required are all but those that say what
// nil means.
type Options struct {
	Identity    string // of this replica, unique among them
	Version     string // of this program
	Topology    cluster.Topology
	Credentials memgraph.Credentials
	Policy      cluster.Policy
	Records     Records
	Lock        resourcelock.Interface
	// Holder asks the API server whom the lease names now, "" for nobody; nil: what
	// the election knows is believed.
	Holder   func(context.Context) (string, error)
	Lease    election.Timing
	Platform controller.Platform
	Peers    controller.Peers // nil: there are no other replicas to ask
	// Gateway is how the doors are. Its listeners belong to the replica from New on; its
	// Confirmer, Current, Address, ServerTLS and Log are for the replica to fill in.
	Gateway gateway.Options
	// ServerTLS is how the nodes' Bolt ports are spoken to; nil: without TLS.
	ServerTLS *tls.Config
	// Linger is how long the doors stay open, to new clients too, after a clean stop
	// has given up the lease: who sends clients here must hear of it first.
	Linger time.Duration
	// Address returns where a node's host:port is reached now; nil: as it says.
	Address func(addr string) string
	// The loop of a leader tells these what it knows and does; they must not block.
	// nil: nobody is told.
	Publish func(controller.Snapshot)
	Tell    func(controller.News)
	Answer  func(id, why string) // what became of a request
	Reached func(point string)   // see controller.Options; nil: nobody asks
	// Meter counts what the loop does; nil: nobody counts. It must not block.
	Meter controller.Meter
	Log   *slog.Logger
}

// Replica is one controller replica.
type Replica struct {
	opt     Options
	nodes   *memgraph.Nodes
	gateway *gateway.Gateway
	doubt   func() // has the gateway let nobody in before the watch has caught up
	elector *election.Elector
	heard   atomic.Bool // the watch has spoken
	crash   context.CancelCauseFunc
	crashed context.Context
	route   routes
	journal journal
	meter   meter

	record   atomic.Pointer[cluster.Record]      // as the watch last had it; nil: none
	last     atomic.Pointer[cluster.Record]      // the last one that was not nil
	begun    atomic.Pointer[cluster.Record]      // what this replica, leading, last informed the gateways of; nil: of none
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
	nodes, err := memgraph.New(o.Topology, o.Credentials, memgraph.Options{Version: o.Version, TLS: o.ServerTLS, Address: o.Address}, o.Log)
	if err != nil {
		return nil, err
	}
	elector, err := election.New(o.Lock, o.Lease, o.Log)
	if err != nil {
		return nil, err
	}
	r := &Replica{opt: o, nodes: nodes, elector: elector, route: routes{topology: o.Topology}}
	r.meter.journal, r.meter.Meter = &r.journal, o.Meter
	if o.Meter == nil {
		r.meter.Meter = controller.Uncounted{}
	}
	doors := o.Gateway
	doors.Confirmer, doors.Current, doors.Address, doors.ServerTLS, doors.Log = confirmer{nodes}, r.current, o.Address, o.ServerTLS, o.Log
	if r.gateway, err = gateway.New(doors); err != nil {
		return nil, err
	}
	r.doubt = r.gateway.Doubt
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
	r.linger(doors)
	closeDoors()
	gate.Wait()
	closeErr := r.nodes.Close(context.WithoutCancel(ctx))
	if errors.Is(context.Cause(ctx), ErrCrashed) {
		return ErrCrashed
	}
	return errors.Join(gateErr, electErr, closeErr)
}

// linger waits for Linger, unless the doors are closed already.
func (r *Replica) linger(doors context.Context) {
	if r.opt.Linger <= 0 {
		return
	}
	t := time.NewTimer(r.opt.Linger)
	defer t.Stop()
	select {
	case <-t.C:
	case <-doors.Done():
	}
}

// Crash ends Run at once, as the death of the process would: the doors close
// with everybody in them and the lease is not released. It is for the sandbox
// and tests.
func (r *Replica) Crash() { r.crash(ErrCrashed) }

// follow takes over what the watch of the record brings.
func (r *Replica) follow(rec *cluster.Record, uid string) {
	r.record.Store(rec)
	r.heard.Store(true)
	if rec == nil || uid != r.route.uid && r.route.uid != "" { // epochs may begin anew
		r.begun.Store(nil)
	}
	if rec != nil {
		r.last.Store(rec)
		r.gateway.Follow(r.route.of(*rec, uid))
		r.journal.recorded(*rec)
	}
	if l := r.loop.Load(); l != nil {
		l.RecordChanged()
	}
}

// term leads until ctx ends.
func (r *Replica) term(ctx context.Context) {
	loop := controller.New(controller.Options{
		Identity: r.opt.Identity, Version: r.opt.Version, Policy: r.opt.Policy, Topology: r.opt.Topology,
		Nodes: r.nodes, Platform: r.opt.Platform, Records: r.opt.Records, Peers: r.opt.Peers, Inform: r.inform,
		Leading: r.elector.Leading, Holds: r.holds(), Publish: r.publish, Tell: r.tell, Answer: r.opt.Answer, Reached: r.opt.Reached,
		Meter: &r.meter, Last: r.last.Load(), Log: r.opt.Log,
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

// holds returns what tells a loop whether the lease still names this process.
func (r *Replica) holds() func(context.Context) error {
	if r.opt.Holder == nil {
		return nil
	}
	return func(ctx context.Context) error {
		holder, err := r.opt.Holder(ctx)
		if err != nil {
			return fmt.Errorf("ask who holds the lease: %w", err)
		}
		if holder != r.opt.Lock.Identity() {
			return fmt.Errorf("the lease is held by %q", holder)
		}
		return nil
	}
}

func (r *Replica) publish(s controller.Snapshot) {
	r.snapshot.Store(&s)
	if r.opt.Publish != nil {
		r.opt.Publish(s)
	}
}

func (r *Replica) tell(v controller.News) {
	r.journal.told(v)
	if r.opt.Tell != nil {
		r.opt.Tell(v)
	}
}

// Reconcile looks at everything anew, without any hint: the nodes and the record.
// It never blocks.
func (r *Replica) Reconcile() {
	if l := r.loop.Load(); l != nil {
		l.RecordChanged()
		l.Kick()
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
