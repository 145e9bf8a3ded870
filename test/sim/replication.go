package sim

import (
	"slices"
	"time"

	"memgraph-controller/internal/cluster"
)

// outcome is what a statement that writes came to.
type outcome uint8

const (
	unknown  outcome = iota // no answer: it may or may not have happened
	acked                   // it happened
	refused                 // it did not happen, and never will
	keptHere                // SYNC: an error, and MAIN keeps it all the same
)

// write commits a transaction on p, which must be MAIN: with the engine to itself,
// through every replica that MAIN waits for.
func (w *world) write(p *process, id int) outcome {
	if !w.open(p) {
		return unknown
	}
	w.mu.Lock()
	if p.role != cluster.RoleMain {
		w.mu.Unlock()
		return refused
	}
	p.inflight++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		p.inflight--
		w.mu.Unlock()
	}()
	select {
	case p.engine <- struct{}{}:
	case <-p.dead:
		return unknown
	case <-w.ctx.Done():
		return unknown
	}
	defer func() { <-p.engine }()
	if !w.busy(p, 300*time.Microsecond) {
		return unknown
	}
	return w.commit(p, id)
}

// commit has the engine.
func (w *world) commit(p *process, id int) outcome {
	w.mu.Lock()
	p.clock += 1 + w.rng.Int64N(2)
	t := txn{id: id, ts: p.clock, epoch: p.epoch}
	prev := p.node.disk.ldt()
	var waited []*row
	ready := true
	for _, r := range p.rows {
		if r.status == cluster.Invalid && !r.ghost {
			w.askAfter(p, r)
		}
		if r.mode.Waited() && !r.ghost {
			waited = append(waited, r)
			ready = ready && r.status == cluster.Ready
		}
	}
	strict := slices.ContainsFunc(waited, func(r *row) bool { return r.mode == cluster.StrictSync })
	w.mu.Unlock()
	confirmed := ready
	if ready {
		for _, r := range waited {
			confirmed = w.ship(p, r, t, prev, strict) && confirmed
		}
	}
	if closed(p.dead) {
		return unknown // a transaction without a decision is skipped at recovery
	}
	if !confirmed && strict {
		w.abandon(p)
		return refused
	}
	w.boundary("commit", p.node.number)
	if !w.awake(p) {
		return unknown
	}
	w.mu.Lock()
	p.node.disk.append(t, w.plan.FlushEvery)
	w.mu.Unlock()
	w.boundary("finalize", p.node.number)
	if !w.awake(p) {
		return unknown
	}
	if strict {
		for _, r := range waited {
			w.finalize(p, r, t)
		}
	}
	w.shipAsync(p, t, prev)
	if !confirmed {
		return keptHere
	}
	return acked
}

// abandon notes an aborted write: the streams to ASYNC replicas stay open until the
// next one succeeds.
func (w *world) abandon(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range p.rows {
		if !r.mode.Waited() && !r.ghost && r.status == cluster.Ready {
			r.status, r.stuck = cluster.Replicating, true
		}
	}
}

// ship takes a transaction to a replica that MAIN waits for, and reports whether it
// said yes. A replica that is cut off or hangs stalls MAIN.
func (w *world) ship(p *process, r *row, t txn, prev int64, prepare bool) bool {
	w.mu.Lock()
	r.status = cluster.Replicating
	w.mu.Unlock()
	yes := w.reach(p, r.node, func(q *process) bool {
		return w.receive(p, q, t, prev, prepare)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.gone {
		return false
	}
	r.status, r.failed = cluster.Invalid, true
	if yes {
		r.status, r.ldt, r.failed = cluster.Ready, t.ts, false
	}
	return yes
}

// reach runs do on the present process of node n and reports its answer; false too
// if it is not reached: at once if no process listens, after a stall if the link is
// cut, the machine has no power or the process hangs.
func (w *world) reach(p *process, n int, do func(*process) bool) bool {
	here, there := nodeParty(p.node.number), nodeParty(n)
	if !w.busy(p, w.travel()) {
		return false
	}
	w.mu.Lock()
	cutOff, hung := time.Now().Add(w.cutOffStall()), time.Now().Add(30*time.Second)
	w.mu.Unlock()
	answered, yes := false, false
	for {
		w.mu.Lock()
		q, o := w.nodes[n].process, w.nodes[n]
		off := o.off
		to, back := w.net.cut[link{here, there}] == 0, w.net.cut[link{there, here}] == 0
		frozen := o.frozen
		netChanged, thawed := w.net.changed, o.thawed
		if !frozen {
			thawed = nil
		}
		w.mu.Unlock()
		switch {
		case answered && back:
			return yes && !closed(p.dead)
		case !off && to && back && q == nil:
			return false
		case !answered && !off && to && q != nil && !frozen:
			answered, yes = true, do(q)
			continue
		}
		deadline := cutOff
		if !off && to && back && frozen {
			deadline = hung
		}
		timer := time.NewTimer(min(time.Until(deadline), 400*time.Millisecond))
		select {
		case <-timer.C:
		case <-netChanged:
		case <-thawed:
		case <-p.dead:
			timer.Stop()
			return false
		case <-w.ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
		if !time.Now().Before(deadline) {
			return false
		}
	}
}

// receive is the replica's side: it obeys one MAIN, and refuses what would leave a
// gap. What it has already, by its timestamp, it acknowledges unread.
func (w *world) receive(p, q *process, t txn, prev int64, prepare bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &q.node.disk
	if q.role != cluster.RoleReplica || q.exclusive || d.obeys != p.mainUUID || prev > d.ldt() || closed(q.dead) {
		return false
	}
	q.prepared = nil
	if prepare {
		q.prepared = &t
		return true
	}
	w.apply(q, t)
	return true
}

// apply has a replica take over a transaction, unless it has it already by its
// timestamp. With the first of a new epoch it notes where the old one ended. w.mu is
// held.
func (w *world) apply(q *process, t txn) {
	d := &q.node.disk
	if t.ts <= d.ldt() {
		return
	}
	if e := d.epoch(); e != "" && e != t.epoch {
		q.history = append(q.history, past{e, d.ldt()})
	}
	d.append(t, w.plan.FlushEvery)
}

// finalize tells a replica that has prepared t to commit it. MAIN ignores whether it
// did: the one window in which an acknowledged write is on MAIN alone.
func (w *world) finalize(p *process, r *row, t txn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[r.node]
	q := o.process
	here, there := nodeParty(p.node.number), nodeParty(r.node)
	lost := w.rng.IntN(2000) == 0
	if lost || o.off || q == nil || o.frozen || w.net.cut[link{here, there}] > 0 || q.prepared == nil || q.prepared.ts != t.ts {
		w.unfinished(t)
		return
	}
	q.prepared = nil
	w.apply(q, t)
}

// shipAsync sends a committed transaction to the replicas nobody waits for.
func (w *world) shipAsync(p *process, t txn, prev int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range p.rows {
		if r.mode.Waited() || r.ghost {
			continue
		}
		switch {
		case r.status == cluster.Ready || r.stuck:
			r.status, r.stuck = cluster.Replicating, false
			w.goes(func() { w.deliver(p, r, t, prev) })
		case r.status == cluster.Replicating:
			r.status = cluster.Invalid // this one is missed
		}
	}
}

// deliver takes a transaction to an ASYNC replica, in its own time.
func (w *world) deliver(p *process, r *row, t txn, prev int64) {
	yes := w.reach(p, r.node, func(q *process) bool { return w.receive(p, q, t, prev, false) })
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case r.gone || r.status != cluster.Replicating:
	case yes:
		r.status, r.ldt = cluster.Ready, t.ts
	default:
		r.status = cluster.Invalid
	}
}

// attend looks after one registration, as MAIN's own thread does: a ping each
// second, and a look at the replica's data when it may be behind.
func (w *world) attend(p *process, r *row) {
	for w.busy(p, time.Second) {
		w.mu.Lock()
		over := r.gone || p.role != cluster.RoleMain
		w.mu.Unlock()
		if over {
			return
		}
		answered := w.reach(p, r.node, func(*process) bool { return true })
		w.mu.Lock()
		if answered {
			r.misses = 0
		} else if r.misses++; r.misses == 3 && (r.status == cluster.Ready || r.status == cluster.Replicating) {
			r.status = cluster.Invalid
		}
		check := answered && r.status == cluster.Invalid
		w.mu.Unlock()
		if check {
			w.examine(p, r)
		}
	}
}

// askAfter examines a replica that a commit has found invalid. w.mu is held.
func (w *world) askAfter(p *process, r *row) {
	if r.asked {
		return
	}
	r.asked = true
	w.goes(func() {
		w.examine(p, r)
		w.mu.Lock()
		defer w.mu.Unlock()
		r.asked = false
	})
}

// examine compares a replica with its MAIN, and has it catch up.
func (w *world) examine(p *process, r *row) {
	w.reach(p, r.node, func(q *process) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.status == cluster.Invalid && !r.gone {
			w.heartbeat(p, q, r)
		}
		return true
	})
	w.catchUp(p, r)
}

// catchUp gives a replica what it lacks, if it is behind, in the time that takes.
func (w *world) catchUp(p *process, r *row) {
	w.mu.Lock()
	behind := r.status == cluster.Recovering
	takes := w.between(3*time.Millisecond, 150*time.Millisecond)
	if w.nodes[r.node].slow {
		takes += 3 * time.Second
	}
	w.mu.Unlock()
	if behind && w.busy(p, takes) {
		w.recover(p, r)
	}
}

// heartbeat sets the status of a registration by what the replica says. w.mu is held.
func (w *world) heartbeat(p, q *process, r *row) {
	here, there := &p.node.disk, &q.node.disk
	if q.role != cluster.RoleReplica || there.obeys != p.mainUUID {
		return
	}
	if there.uuid != here.uuid {
		if there.ldt() != 0 {
			return // for good
		}
		there.uuid = here.uuid
	}
	r.ldt, r.failed = there.ldt(), false
	switch {
	case p.diverged(there):
		r.status = cluster.Diverged
	case there.ldt() >= here.ldt():
		r.status = cluster.Ready
	default:
		r.status = cluster.Recovering
	}
}

// recover gives a replica what it lacks: all transactions after its last.
func (w *world) recover(p *process, r *row) {
	caughtUp := w.reach(p, r.node, func(q *process) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		here, there := &p.node.disk, &q.node.disk
		if q.role != cluster.RoleReplica || there.obeys != p.mainUUID || there.uuid != here.uuid || r.gone {
			return false
		}
		q.prepared = nil
		last := there.ldt()
		for _, t := range here.log {
			w.apply(q, t)
			if t.ts > last && r.mode.Waited() && w.everywhere(t.id) {
				delete(w.residue, t.id)
			}
		}
		r.ldt = there.ldt()
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.gone || r.status != cluster.Recovering {
		return
	}
	r.status = cluster.Invalid
	if caughtUp && r.ldt >= p.node.disk.ldt() {
		r.status = cluster.Ready
	}
}
