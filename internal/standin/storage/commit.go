package storage

import (
	"context"
	"math"
	"slices"
)

// Begin starts a transaction. It waits while a commit is in progress, as Memgraph does: this is
// how a replica that does not answer stalls readers too.
func (e *Engine) Begin(ctx context.Context) (*Txn, error) {
	if err := e.acquire(ctx); err != nil {
		return nil, err
	}
	defer e.free()
	return e.begin(), nil
}

func (e *Engine) begin() *Txn {
	t := &Txn{graph: e.graph, rules: e.schema, id: e.nextTxn.Add(1) - 1, start: e.clock, writes: map[int64]*draft{}}
	if !e.replica.Load() {
		e.clock++
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active[t.id] = t
	return t
}

// Abort ends a transaction without a trace. Ending an ended one does nothing.
func (e *Engine) Abort(t *Txn) {
	e.mu.Lock()
	delete(e.active, t.id)
	e.mu.Unlock()
	if !t.ended {
		t.release()
	}
}

// Commit makes a transaction's writes durable and visible, in Memgraph's order: timestamp,
// constraints, log, replicas, visibility. With one-phase shipping an error of the shipment is
// returned although the commit stands; with two-phase shipping it has been aborted. ctx ends only
// the waiting for other commits.
func (e *Engine) Commit(ctx context.Context, t *Txn, ship Shipper) error {
	defer e.Abort(t)
	if t.ended {
		return ErrEnded
	}
	if !t.Dirty() {
		return nil
	}
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	ts := e.clock
	e.clock++
	if err := t.check(); err != nil {
		return err
	}
	ops := t.ops()
	if !e.cfg.WAL || e.analytical.Load() {
		e.install(ops, ts)
		return nil
	}
	body, err := encodeOps(ops)
	if err != nil {
		return err
	}
	return e.publish(Record{ts, e.lineage.Epoch, body}, ops, ship)
}

// publish logs, ships and installs a commit.
func (e *Engine) publish(rec Record, ops []Op, ship Shipper) error {
	prev := e.ldt.Load()
	shipment := ship.Open(rec, prev)
	strict, kind := shipment.TwoPhase(), walCommitted
	if strict {
		kind = walPrepared
	}
	if err := e.wal.append(kind, rec, prev); err != nil {
		shipment.Finish(false)
		return err
	}
	e.cfg.CrashPoint(AfterWAL)
	shipErr := shipment.Ship()
	e.cfg.CrashPoint(AfterShip)
	if strict {
		if err := e.wal.decide(rec.TS, shipErr == nil); err != nil || shipErr != nil {
			shipment.Finish(false)
			if shipErr != nil {
				return shipErr
			}
			return err
		}
	}
	e.install(ops, rec.TS)
	e.cfg.CrashPoint(AfterLocalCommit)
	shipment.Finish(true)
	e.cfg.CrashPoint(AfterFinalize)
	return shipErr
}

// ops lists what the transaction changed: the schema first, then the nodes in order of id.
func (t *Txn) ops() []Op {
	ops := make([]Op, 0, len(t.schema)+len(t.writes))
	for _, c := range t.schema {
		ops = append(ops, Op{Kind: OpSchema, Schema: c})
	}
	ids := make([]int64, 0, len(t.writes))
	for id := range t.writes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		switch d := t.writes[id]; {
		case !d.dead:
			ops = append(ops, Op{Kind: OpPut, ID: id, Labels: d.labels, Props: d.props})
		case !d.created:
			ops = append(ops, Op{Kind: OpRemove, ID: id})
		}
	}
	return ops
}

// install makes the changes of a commit visible and moves the last durable timestamp. It needs
// the engine lock.
func (e *Engine) install(ops []Op, ts uint64) {
	oldest := e.oldest()
	rules := e.schema.all()
	for _, op := range ops {
		switch op.Kind {
		case OpSchema:
			e.schema.apply(op.Schema, e.graph)
			rules = e.schema.all()
		case OpPut, OpRemove:
			e.installNode(op, ts, oldest, rules)
		}
	}
	e.graph.sweep(oldest)
	for _, x := range rules {
		x.sweep(oldest, e.graph)
	}
	e.clock = max(e.clock, ts+1)
	e.mu.Lock()
	e.lineage.LDT = ts
	e.mu.Unlock()
	e.ldt.Store(ts)
	e.commits.Add(1)
}

func (e *Engine) installNode(op Op, ts, oldest uint64, rules []*index) {
	var before *version
	if len(rules) > 0 {
		if v := e.graph.vertex(op.ID); v != nil {
			before = v.head.Load()
		}
	}
	if op.Kind == OpPut {
		e.graph.put(op.ID, ts, op.Labels, op.Props, oldest)
	} else {
		e.graph.remove(op.ID, ts)
	}
	if len(rules) == 0 {
		return
	}
	if v := e.graph.vertex(op.ID); v != nil {
		after := v.head.Load()
		for _, x := range rules {
			x.note(op.ID, before, after)
		}
	}
}

// oldest is the start of the oldest transaction that is still open.
func (e *Engine) oldest() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	oldest := uint64(math.MaxUint64)
	for _, t := range e.active {
		oldest = min(oldest, t.start)
	}
	return min(oldest, e.clock)
}
