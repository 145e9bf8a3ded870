package replication

import (
	"context"
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/storage"
)

// Reason is why a replica did not confirm a commit.
type Reason int

// The reasons, after Memgraph's (source of 3.10).
const (
	NotInSync   Reason = iota + 1 // not reachable or not in sync with the main
	RPCLock                       // another transaction is using the connection
	RPCError                      // communication error, or the replica said no
	HasDiverged                   // replica has diverged from main
	RPCTimeout                    // no answer in time
)

// Failure is one replica that did not confirm.
type Failure struct {
	Replica string
	Reason  Reason
}

// ShipError says which replicas did not confirm a commit. If Strict, it was aborted everywhere,
// otherwise it stands on the MAIN.
type ShipError struct {
	Strict   bool
	Failures []Failure
}

func (e *ShipError) Error() string {
	names := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		names[i] = f.Replica
	}
	outcome := "committed on the main"
	if e.Strict {
		outcome = "aborted"
	}
	return fmt.Sprintf("not confirmed by %s: %s", strings.Join(names, ", "), outcome)
}

// shipper sends the commits of one reign. It implements storage.Shipper.
type shipper struct {
	ctx     context.Context // of the node: no client's leaving ends a commit
	clients []*client
	lost    func() bool // whether the second phase of this commit gets lost
}

// leg is one replica's part in a commit.
type leg struct {
	*client
	reason   Reason // 0: the connection is open and ours
	prepared bool
}

type shipment struct {
	shipper
	rec    storage.Record
	prev   uint64
	strict bool
	sent   bool
	legs   []*leg
}

// Open takes the connections of all replicas that are ready.
func (s shipper) Open(rec storage.Record, prev uint64) storage.Shipment {
	p := &shipment{shipper: s, rec: rec, prev: prev}
	for _, c := range s.clients {
		p.strict = p.strict || c.Mode == StrictSync
	}
	for _, c := range s.clients {
		p.legs = append(p.legs, &leg{client: c, reason: c.join(s.ctx)})
	}
	return p
}

// TwoPhase reports whether a STRICT_SYNC replica is registered.
func (p *shipment) TwoPhase() bool { return p.strict }

// Ship sends the commit, to all at once, and waits for those that must confirm.
func (p *shipment) Ship() error {
	must := Sync
	if p.strict {
		must = StrictSync
	}
	for _, l := range p.legs {
		if l.reason == 0 && (l.Mode == must || !p.strict) {
			p.send(l)
		}
	}
	p.sent = true
	failed := &ShipError{Strict: p.strict}
	for _, l := range p.legs {
		switch {
		case l.Mode == must:
			p.confirm(l)
			if l.reason != 0 {
				failed.Failures = append(failed.Failures, Failure{l.Name, l.reason})
			}
		case l.Mode == Async && !p.strict:
			p.confirmLater(l)
		case l.Mode == Sync && l.reason == 0:
			// With a STRICT_SYNC replica beside it, a SYNC one is forgotten without a word: it
			// stays "replicating" and misses the commit.
			l.peer.release()
			l.reason = NotInSync
		}
	}
	if len(failed.Failures) > 0 {
		return failed
	}
	return nil
}

// Finish tells the replicas of a two-phase commit the decision, and the ASYNC ones the commit.
func (p *shipment) Finish(commit bool) {
	if !p.sent {
		p.giveUp()
		return
	}
	if !p.strict {
		return
	}
	lost := commit && p.lost()
	for _, l := range p.legs {
		switch {
		case l.Mode == StrictSync && l.prepared:
			p.decide(l, commit, lost)
		case l.Mode == StrictSync || l.reason != 0:
		case commit:
			p.send(l)
			p.confirmLater(l)
		default:
			// The half-sent request spoils the connection, and the state stays as it is
			// (recorded: "replicating" after an aborted commit).
			l.peer.drop()
			l.peer.release()
		}
	}
}

// giveUp ends a shipment that could not be logged.
func (p *shipment) giveUp() {
	for _, l := range p.legs {
		if l.reason == 0 {
			l.fail(RPCError)
		}
	}
}

// send sends the commit to a replica whose connection is ours.
func (p *shipment) send(l *leg) {
	q := l.request(kindPrepare)
	q.delivery = storage.Delivery{Record: p.rec, Prev: p.prev, TwoPhase: p.strict && l.Mode == StrictSync}
	if err := l.peer.send(q, l.timing.Prepare); err != nil {
		l.fail(reason(err))
	}
}

// confirm waits for the answer to send.
func (p *shipment) confirm(l *leg) {
	if l.reason != 0 {
		return
	}
	answer, err := l.peer.receive()
	switch {
	case err != nil:
		l.fail(reason(err))
	case !answer.ok:
		l.fail(RPCError)
	case p.strict && l.Mode == StrictSync:
		l.prepared = true
	default:
		l.done(p.rec.TS, answer.ldt)
	}
}

// confirmLater has the worker wait for the answer.
func (p *shipment) confirmLater(l *leg) {
	if l.reason != 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(task{run: func(context.Context) { p.confirm(l) }, release: l.peer.release})
}

// decide performs the second phase, the outcome of which Memgraph ignores.
func (p *shipment) decide(l *leg, commit, lost bool) {
	if lost {
		l.done(0, p.rec.TS)
		return
	}
	q := l.request(kindFinalize)
	q.ts, q.commit = p.rec.TS, commit
	answer, err := l.peer.call(p.ctx, q, l.timing.Finalize)
	if err != nil {
		l.fail(reason(err))
		return
	}
	l.done(0, answer.ldt)
}

// join makes a replica take part in a commit: if it returns 0, the RPC lock is held, the
// connection open and the state "replicating".
func (c *client) join(ctx context.Context) Reason {
	c.mu.Lock()
	switch c.state {
	case Diverged:
		c.mu.Unlock()
		return HasDiverged
	case Replicating: // still at an earlier commit: it misses this one
		c.state = MaybeBehind
		c.mu.Unlock()
		return NotInSync
	case MaybeBehind:
		c.queueCheck()
		c.mu.Unlock()
		return NotInSync
	case Recovery:
		c.mu.Unlock()
		return NotInSync
	}
	c.mu.Unlock()
	wait := c.timing.AsyncLock
	if c.Mode != Async {
		wait = 0
	}
	if !c.peer.acquire(ctx, wait) {
		c.worsen()
		return RPCLock
	}
	err := c.peer.open(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.state == Ready {
		c.state = Replicating
		return 0
	}
	if c.state != Diverged {
		c.state = MaybeBehind
	}
	c.peer.release()
	return NotInSync
}

// done ends the replica's part well, unless it has missed a later commit meanwhile. The replica
// stands at ldt; commit is what it confirmed, or 0 if the MAIN is certainly through with it.
func (l *leg) done(commit, ldt uint64) {
	l.mu.Lock()
	l.heard = l.heard.confirmed(commit, ldt)
	if l.state == Replicating {
		l.state = Ready
	}
	l.mu.Unlock()
	l.peer.release()
}

// fail ends the replica's part badly.
func (l *leg) fail(why Reason) {
	l.reason, l.prepared = why, false
	l.worsen()
	l.peer.release()
}

func (c *client) worsen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != Diverged {
		c.state = MaybeBehind
	}
}

func reason(err error) Reason {
	if isTimeout(err) {
		return RPCTimeout
	}
	return RPCError
}
