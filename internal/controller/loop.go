package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	// askTimeout is how long the other controllers have for their look: a MAIN that
	// does not tell its role in this time does not answer them either.
	askTimeout = 600 * time.Millisecond
	// askEvery is how often the other controllers are asked about a silent MAIN.
	askEvery = 300 * time.Millisecond
	// askAhead is how long before MAIN's grace ends they are first asked.
	askAhead = 1200 * time.Millisecond
	// soon is the Wake below which MAIN is looked at again rather than waited for.
	soon = 100 * time.Millisecond
	// recordTimeout bounds one read or write of the record.
	recordTimeout = 5 * time.Second
	// maxActs bounds how much one pass does before it publishes.
	maxActs = 50
)

// Options is what a Loop needs. All but Peers, Publish and Last are required.
type Options struct {
	Identity string // of this controller replica, written into the record
	Version  string // of this program, written into the record
	Policy   cluster.Policy
	Topology cluster.Topology
	Nodes    Nodes
	Platform Platform
	Records  Records
	Peers    Peers
	// Leading reports whether the lease still holds; no step starts when it does not.
	Leading func() bool
	// Publish is told of every Snapshot, on the loop's goroutine; it must not block.
	Publish func(Snapshot)
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
	Err      error // why the record could not be read or written; nil otherwise
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
	rec      *cluster.Record
	version  string
	loaded   bool
	claimed  bool // the record was written in this term
	attempts cluster.Attempts
	pending  []cluster.Request
	asking   bool
	asked    time.Time
	told     struct { // whom the other controllers spoke of last, and when
		node cluster.Ordinal
		at   time.Time
	}
	reigned time.Time // when the present promotion was recorded
	news    news
	wg      sync.WaitGroup
}

// New returns a loop for one term. It has seen nobody.
func New(o Options) *Loop {
	l := &Loop{
		Options:  o,
		kick:     make(chan struct{}, 1),
		stale:    make(chan struct{}, 1),
		requests: make(chan cluster.Request, 16),
		looks:    make(chan look),
		opinions: make(chan opinions),
		nodes:    make([]cluster.Sighting, len(o.Topology)),
		attempts: cluster.Attempts{},
		news:     news{log: o.Log, topology: o.Topology},
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
			if err := l.Nodes.Watch(ctx, cluster.Ordinal(n), l.probes[n].hint); err != nil {
				l.Log.Error("watch ended; the node is still looked at twice a second", "node", l.Topology.Name(cluster.Ordinal(n)), "err", err)
			}
		})
	}
	for {
		d, err := l.pass(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		l.publish(d, err)
		l.ask(ctx)
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
		l.drain()
		d = cluster.Decide(l.input())
		if l.unheard() {
			return cluster.Decision{Why: "MAIN does not answer here; the other controllers are asked first", Wake: probeTimeout, Conditions: d.Conditions}, nil
		}
		switch {
		case ctx.Err() != nil:
			return d, nil
		case d.Record != nil:
			if err := l.write(ctx, *d.Record, d.Why); err != nil {
				return d, err
			}
			l.handled(d)
		case d.Step.Kind != cluster.NoStep:
			if !l.Leading() {
				return cluster.Decision{Why: "the lease has ended: nothing more is done", Wake: time.Second}, nil
			}
			l.handled(d)
			l.act(ctx, d)
		default:
			l.handled(d)
			return d, nil
		}
	}
	d.Wake = time.Millisecond
	return d, nil
}

func (l *Loop) input() cluster.Input {
	return cluster.Input{
		Record: l.rec, Policy: l.Policy, Topology: l.Topology, Attempts: l.attempts, Requests: l.pending, Last: l.Last,
		Observation: cluster.Observation{Now: time.Now(), Term: l.term, Nodes: l.nodes},
	}
}

// handled forgets the requests that a decision has answered. One that is answered
// by a record is kept until that is written.
func (l *Loop) handled(d cluster.Decision) {
	for _, id := range d.Handled {
		l.news.answered(id, d.Why)
		for i, r := range l.pending {
			if r.ID == id {
				l.pending = append(l.pending[:i], l.pending[i+1:]...)
				break
			}
		}
	}
}

// load reads the record if it may have changed, and makes it this leader's own:
// from then on a deposed leader's write conflicts (P8).
func (l *Loop) load(ctx context.Context) error {
	if l.loaded {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	rec, version, err := l.Records.Load(ctx)
	if err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	if rec == nil && l.rec != nil {
		l.Last = l.rec
	}
	l.rec, l.version, l.loaded = rec, version, true
	if rec == nil || l.claimed && rec.Leader == l.Identity {
		return nil
	}
	if err := l.write(ctx, *rec, "a new leader took over"); err != nil {
		l.loaded = false
		return err
	}
	return nil
}

// write replaces the record. On a conflict the record is read again first.
func (l *Loop) write(ctx context.Context, next cluster.Record, why string) error {
	if !l.Leading() {
		return errors.New("write the record: the lease has ended")
	}
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	next.Leader, next.Version = l.Identity, l.Version
	next.LastUpdated = time.Now().UTC().Truncate(time.Millisecond)
	version, err := l.Records.Swap(ctx, l.version, next)
	if err != nil {
		l.loaded = false
		return fmt.Errorf("write the record: %w", err)
	}
	prev := l.rec
	l.rec, l.version, l.claimed = &next, version, true
	if next.Stage == cluster.Promoting && (prev == nil || prev.Epoch != next.Epoch) {
		l.reigned = time.Now()
	}
	l.news.recorded(prev, next, why, l.reigned)
	return nil
}

// act takes one step, notes what became of it, and looks at the node again.
func (l *Loop) act(ctx context.Context, d cluster.Decision) {
	s := d.Step
	began := time.Now()
	err := l.do(ctx, s)
	if ctx.Err() != nil {
		return
	}
	a := l.note(s, err)
	l.news.stepped(d, a, err, time.Since(began))
	l.probes[s.Node].invalidate()
	if s.Kind == cluster.Register {
		// It takes over MAIN's database: what it said of its own is over.
		l.probes[s.Replica].invalidate()
		l.nodes[s.Replica].Data = cluster.Data{}
		l.probes[s.Replica].hint()
	}
	if s.Kind == cluster.Restart {
		l.platform()
		l.probes[s.Node].hint()
		return
	}
	l.take(l.probes[s.Node].look(ctx, l.Nodes, l.Platform))
}

func (l *Loop) do(ctx context.Context, s cluster.Step) error {
	if s.Kind == cluster.Restart {
		if err := l.Platform.Restart(ctx, s.Node); err != nil {
			return &cluster.StepError{Step: s, Failure: cluster.Unclear, Err: err}
		}
		return nil
	}
	return l.Nodes.Do(ctx, s)
}

// note remembers the attempt: whose process it concerned, and failures in a row.
func (l *Loop) note(s cluster.Step, err error) cluster.Attempt {
	whose := s.Node
	switch {
	case s.Kind == cluster.Register:
		whose = s.Replica
	case s.Kind == cluster.Mark && s.Proves != cluster.NoNode:
		whose = s.Proves
	}
	a := l.attempts[s]
	if p := l.nodes[whose].Process; a.Process != p {
		a.Process, a.Failures = p, 0
	}
	a.At, a.Failure = time.Now(), 0
	a.Tries++
	if err == nil {
		a.Failures = 0
	} else {
		a.Failures++
		a.Failure = cluster.Unclear
		var failed *cluster.StepError
		if errors.As(err, &failed) {
			a.Failure = failed.Failure
		}
	}
	l.attempts[s] = a
	return a
}

func (l *Loop) publish(d cluster.Decision, err error) {
	l.news.decided(d, err)
	if l.Publish == nil {
		return
	}
	nodes := make([]cluster.Sighting, len(l.nodes))
	copy(nodes, l.nodes)
	l.Publish(Snapshot{At: time.Now(), Term: l.term, Record: l.rec, Nodes: nodes, Decision: d, Err: err})
}
