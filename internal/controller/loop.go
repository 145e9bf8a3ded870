package controller

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/cluster"
)

// Times that follow from each other rather than from anybody's taste.
const (
	// probeEvery is how often a node is looked at when nothing hints at news.
	probeEvery = 500 * time.Millisecond
	// probeTimeout is when a look counts as unanswered. SHOW queries answer in
	// under 500 ms even while MAIN waits for a cut-off replica (recorded on 3.6.2).
	probeTimeout = time.Second
	// frozen is how long no look can take, unless this process was stopped.
	frozen = 2 * probeTimeout
	// askTimeout is how long the other controllers have for their look: a MAIN that
	// does not tell its role in this time does not answer them either.
	askTimeout = 600 * time.Millisecond
	// askEvery is how often the other controllers are asked about a silent MAIN.
	askEvery = 300 * time.Millisecond
	// askAhead is how long before MAIN's grace ends they are first asked.
	askAhead = 1200 * time.Millisecond
	// soon is the Wake below which MAIN is looked at again rather than waited for.
	soon = 100 * time.Millisecond
	// informTimeout is how long gateways may take to hear of a new reign of the MAIN they
	// have: clients are held meanwhile, a second at most.
	informTimeout = 400 * time.Millisecond
	// recordTimeout bounds one read or write of the record.
	recordTimeout = 5 * time.Second
	// maxActs bounds how much one pass does before it publishes.
	maxActs = 50
)

// Options is what a Loop needs. Required are all but Peers, Meter, Last, Inform and the functions that are told.
type Options struct {
	Identity string // of this controller replica, written into the record
	Version  string // of this program, written into the record
	Policy   cluster.Policy
	Topology cluster.Topology
	Nodes    Nodes
	Platform Platform
	Records  Records
	Peers    Peers
	Meter    Meter
	// Leading reports whether the lease still holds; no step starts when it does not.
	Leading func() bool
	// Inform tells every gateway that is to be had within ctx of the record's epoch; when
	// it returns they lead no client by an older one. nil: there are none.
	Inform func(context.Context, cluster.Record)
	// Holds asks the API server whether the lease still names this process; an error
	// says why not, or that it could not be asked. nil: Leading is believed.
	Holds func(context.Context) error
	// Publish is told of every Snapshot, on the loop's goroutine; it must not block.
	Publish func(Snapshot)
	// Tell is told what happens, on the loop's goroutine; it must not block.
	Tell func(News)
	// Answer is told what became of a human's request, by its ID, on the loop's
	// goroutine; it must not block.
	Answer func(id, why string)
	// Reached is called after every record written and every step taken, with its
	// name: a stage, or a step without its nodes. It is for tests that end the process there.
	Reached func(point string)
	// Last is the last record this process has seen, for a bootstrap after it was deleted.
	Last *cluster.Record
	Log  *slog.Logger
}

// Snapshot is what the loop knows and has decided. It is never changed after it
// was published.
type Snapshot struct {
	At       time.Time
	Term     time.Time
	Record   *cluster.Record
	Nodes    []cluster.Sighting
	Decision cluster.Decision
	Answer   string // to the last request answered in this term, after its ID and a colon; empty: none was
	Err      error  // why the record could not be read or written; nil otherwise
}

// Loop keeps one cluster for one term.
type Loop struct {
	Options
	kick     chan struct{}
	stale    chan struct{} // the record may have changed
	requests chan cluster.Request
	probes   []*prober
	looks    chan look
	opinions chan opinions

	// Owned by Run's goroutine.
	term     time.Time
	nodes    []cluster.Sighting
	lives    []life
	rec      *cluster.Record
	version  string
	loaded   bool
	claimed  bool              // the record was written in this term
	own      bool              // Last is what was written in this term
	quiesced time.Time         // when the recorded quiesce was begun by this leader; zero: it was not
	wrote    time.Time         // when the last write of the record had returned
	unsure   *cluster.Decision // grants a request by a record that may have been written or not
	attempts cluster.Attempts
	pending  []cluster.Request
	asking   bool
	asked    time.Time
	told     struct { // whom the other controllers spoke of last, and when
		node cluster.Ordinal
		at   time.Time
	}
	reigned time.Time // when the present promotion was recorded
	heard   struct {  // when the recorded MAIN last answered as such in this term
		node cluster.Ordinal
		at   time.Time
	}
	trail  trail // of that MAIN
	turns  turns
	bare   time.Time // since when writes are unprotected and not yet counted; zero: they are not
	answer string    // the last one, after the request's ID
	moved  atomic.Pointer[time.Time]
	news   news
	wg     sync.WaitGroup
}

// New returns a loop for one term. It has seen nobody.
func New(o Options) *Loop {
	if o.Meter == nil {
		o.Meter = Uncounted{}
	}
	l := &Loop{
		Options:  o,
		kick:     make(chan struct{}, 1),
		stale:    make(chan struct{}, 1),
		requests: make(chan cluster.Request, 16),
		looks:    make(chan look),
		opinions: make(chan opinions),
		nodes:    make([]cluster.Sighting, len(o.Topology)),
		lives:    make([]life, len(o.Topology)),
		attempts: cluster.Attempts{},
		news:     news{log: o.Log, topology: o.Topology, tell: o.Tell},
	}
	for n := range o.Topology {
		l.probes = append(l.probes, newProber(cluster.Ordinal(n)))
	}
	return l
}

// Kick asks for a look at every node now. It never blocks and may be called by
// anyone.
func (l *Loop) Kick() { nudge(l.kick) }

// RecordChanged says that somebody may have written the record. It never blocks
// and may be called by anyone.
func (l *Loop) RecordChanged() { nudge(l.stale) }

// Request hands over what a human asks for. It reports false if too many
// requests are waiting.
func (l *Loop) Request(r cluster.Request) bool {
	select {
	case l.requests <- r:
		return true
	default:
		return false
	}
}

// Moved is when the loop last did anything: read, decided, wrote, acted or looked
// for news. All it does has a deadline, the longest of them seconds, so one that has
// not moved for a minute is stuck. The zero time before Run.
func (l *Loop) Moved() time.Time {
	if t := l.moved.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

func (l *Loop) move() {
	now := time.Now()
	l.moved.Store(&now)
}

// nudge fills a channel of capacity 1: many nudges before a look are one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run makes passes until ctx ends: the lease was lost, or the process stops. No
// step starts after that. Run returns when all its goroutines have.
func (l *Loop) Run(ctx context.Context) error {
	l.move()
	l.term = time.Now()
	for n := range l.nodes {
		l.nodes[n].Since = l.term
	}
	defer l.wg.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for _, p := range l.probes {
		l.wg.Go(func() { p.run(ctx, l.Nodes, l.Platform, l.looks) })
	}
	for n := range l.Topology {
		l.wg.Go(func() {
			if err := l.Nodes.Watch(ctx, cluster.Ordinal(n), l.probes[n].shaken); err != nil {
				l.Log.Error("watch ended; the node is still looked at twice a second", "node", l.Topology.Name(cluster.Ordinal(n)), "err", err)
			}
		})
	}
	for {
		began := time.Now()
		l.move()
		d, err := l.pass(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.Meter.Passed(time.Since(began), err)
		l.bares(d, err)
		l.publish(d, err)
		l.ask(ctx)
		l.name(ctx)
		l.wait(ctx, d.Wake)
	}
}

// wait returns when there may be something new to decide.
func (l *Loop) wait(ctx context.Context, wake time.Duration) {
	timer := time.NewTimer(wake)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case v := <-l.looks:
		l.take(v)
	case v := <-l.opinions:
		l.hear(v)
	case r := <-l.requests:
		l.pending = append(l.pending, r)
	case <-l.stale:
		l.loaded = false
	case <-l.kick:
		l.platform()
		for _, p := range l.probes {
			p.hint()
		}
	case <-timer.C:
		if wake < soon && l.rec != nil && int(l.rec.Main) < len(l.probes) {
			l.probes[l.rec.Main].hint()
		}
	}
}

// pass decides and acts until there is nothing to do at once. Its error is that
// of the record.
func (l *Loop) pass(ctx context.Context) (cluster.Decision, error) {
	if err := l.load(ctx); err != nil {
		return cluster.Decision{Why: err.Error(), Wake: time.Second}, err
	}
	var d cluster.Decision
	for range maxActs {
		l.move()
		l.drain()
		d = cluster.Decide(l.input())
		if l.unheard() {
			l.Meter.Decided(cluster.NoRule, ToWait)
			return cluster.Decision{Why: "MAIN does not answer here; the other controllers are asked first", Wake: probeTimeout, Conditions: d.Conditions}, nil
		}
		if ctx.Err() != nil {
			return d, nil
		}
		l.Meter.Decided(d.Rule, outcome(d))
		switch {
		case d.Record != nil:
			if err := l.decided(ctx, d); err != nil {
				return d, err
			}
		case d.Step.Kind != cluster.NoStep:
			if !l.Leading() {
				return cluster.Decision{Why: "the lease has ended: nothing more is done", Wake: time.Second}, nil
			}
			l.handled(d)
			l.act(ctx, d)
		case len(d.Handled) > 0: // refused, which is no reason to let what is under way wait
			l.handled(d)
		default:
			return d, nil
		}
	}
	d.Wake = time.Millisecond
	return d, nil
}

func (l *Loop) input() cluster.Input {
	return cluster.Input{
		Record: l.rec, Policy: l.Policy, Topology: l.Topology, Attempts: l.attempts, Requests: l.pending, Last: l.Last, Own: l.own,
		Observation: cluster.Observation{Now: time.Now(), Term: l.term, Wrote: l.wrote, Quiesced: l.quiesced, Nodes: l.nodes},
	}
}

// handled forgets the requests that a decision has answered. One that is answered
// by a record is kept until that is written.
func (l *Loop) handled(d cluster.Decision) {
	for _, id := range d.Handled {
		l.answer = id + ": " + d.Why
		l.news.answered(id, d.Why)
		if l.Answer != nil {
			l.Answer(id, d.Why)
		}
		for i, r := range l.pending {
			if r.ID == id {
				l.pending = append(l.pending[:i], l.pending[i+1:]...)
				break
			}
		}
	}
}

// bares counts the time that MAIN acknowledges writes unprotected, from one pass to the
// next. A pass without the record knows nothing new.
func (l *Loop) bares(d cluster.Decision, err error) {
	now := time.Now()
	if !l.bare.IsZero() {
		l.Meter.Unprotected(now.Sub(l.bare))
		l.bare = now
	}
	if err != nil {
		return
	}
	bare := slices.ContainsFunc(d.Conditions, func(c cluster.Condition) bool { return c.Name == cluster.Unprotected })
	switch {
	case !bare:
		l.bare = time.Time{}
	case l.bare.IsZero():
		l.bare = now
	}
}

func (l *Loop) publish(d cluster.Decision, err error) {
	l.news.decided(d, err)
	if l.Publish == nil {
		return
	}
	nodes := make([]cluster.Sighting, len(l.nodes))
	copy(nodes, l.nodes)
	l.Publish(Snapshot{At: time.Now(), Term: l.term, Record: l.rec, Nodes: nodes, Decision: d, Answer: l.answer, Err: err})
}
