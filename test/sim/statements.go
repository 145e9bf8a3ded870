package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"memgraph-controller/internal/cluster"
)

// nodes is the database as one controller reaches it: it implements
// controller.Nodes.
type nodes struct{ c *replica }

// Look implements controller.Nodes.
func (a nodes) Look(ctx context.Context, n cluster.Ordinal) cluster.Sighting {
	a.c.still()
	v := cluster.Sighting{Contact: cluster.Silent}
	err := a.c.w.ask(ctx, a.c.party(), int(n), func(p *process) { a.c.w.show(p, &v) })
	a.c.still()
	switch {
	case err == nil && ctx.Err() == nil:
		return v
	case errors.Is(err, errRefused), errors.Is(err, errBroken):
		return cluster.Sighting{Contact: cluster.Refused}
	}
	return cluster.Sighting{Contact: cluster.Silent}
}

// show is what SHOW REPLICATION ROLE, SHOW REPLICAS, SHOW STORAGE INFO and SHOW
// VERSION answer. They start no transaction, and wait for the role lock alone.
func (w *world) show(p *process, v *cluster.Sighting) {
	if !w.open(p) {
		w.hang(p)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &p.node.disk
	*v = cluster.Sighting{
		Contact: cluster.Answered, Answered: time.Now(), Role: p.role, Version: w.version, WAL: cluster.Yes,
		Data: cluster.Data{Known: true, UUID: d.uuid, Vertices: vertices(d.log), Mode: "IN_MEMORY_TRANSACTIONAL"},
	}
	if !w.version.AtLeast(3, 5) {
		v.Data.UUID = ""
	}
	if p.role != cluster.RoleMain {
		return
	}
	v.Listed = true
	for _, r := range p.rows {
		v.Replicas = append(v.Replicas, cluster.Replica{
			Name: r.name, Node: cluster.Ordinal(r.node), Address: w.topology[r.node].Replication,
			Mode: r.mode, Ghost: r.ghost, Status: r.status, TS: r.ldt, Behind: r.ldt - d.ldt(),
		})
	}
}

func vertices(log []txn) int64 {
	n := int64(0)
	for _, t := range log {
		if t.id > 0 {
			n++
		}
	}
	return n
}

// limits are how long a step may take, as the adapter's.
var limits = map[cluster.Kind]time.Duration{
	cluster.Promote: 10 * time.Second, cluster.Demote: 15 * time.Second, cluster.Mark: 7 * time.Second, cluster.Nudge: 7 * time.Second,
	cluster.Register: 8 * time.Second, cluster.Drop: 6 * time.Second,
}

// Do implements controller.Nodes.
func (a nodes) Do(ctx context.Context, s cluster.Step) error {
	w := a.c.w
	a.c.still()
	w.began(a.c, s)
	w.boundary("before "+s.Kind.String(), int(s.Node))
	ctx, cancel := context.WithTimeout(ctx, limits[s.Kind])
	defer cancel()
	failure := a.do(ctx, s)
	w.boundary("after "+s.Kind.String(), int(s.Node))
	a.c.still()
	w.tell("%s: %s → %s", a.c.name(), s, failure)
	if failure == 0 {
		return nil
	}
	return &cluster.StepError{Step: s, Failure: failure, Err: errors.New(failure.String())}
}

func (a nodes) do(ctx context.Context, s cluster.Step) cluster.Failure {
	w := a.c.w
	if s.Kind == cluster.Register && !w.probe(ctx, a.c.party(), int(s.Replica)) {
		return cluster.Deaf
	}
	failure := cluster.TimedOut
	asked := make(chan struct{})
	err := w.ask(ctx, a.c.party(), int(s.Node), func(p *process) {
		f := w.carryOut(p, s)
		w.mu.Lock()
		defer w.mu.Unlock()
		if s.Kind == cluster.Drop && w.rec != nil && w.rec.Leader != a.c.identity() {
			w.strayed(s.Replica)
		}
		if !closed(asked) {
			failure = f
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	close(asked)
	switch {
	case errors.Is(err, errRefused):
		return cluster.Unreachable
	case errors.Is(err, errBroken):
		return cluster.Unclear
	case err != nil && ctx.Err() == nil:
		return cluster.Unclear
	case err != nil:
		return cluster.TimedOut
	}
	return failure
}

// probe looks at a replication port: open on a replica that answers.
func (w *world) probe(ctx context.Context, from party, n int) bool {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	open := false
	err := w.ask(ctx, from, n, func(p *process) {
		w.mu.Lock()
		defer w.mu.Unlock()
		open = p.role == cluster.RoleReplica
	})
	return err == nil && open
}

// carryOut is the server's side of a step.
func (w *world) carryOut(p *process, s cluster.Step) cluster.Failure {
	if !w.open(p) {
		return cluster.TimedOut
	}
	switch s.Kind {
	case cluster.Promote:
		w.mu.Lock()
		other := s.Database != "" && p.node.disk.uuid != s.Database
		w.mu.Unlock()
		if other {
			return cluster.Replaced
		}
		if !w.setMain(p) {
			return cluster.Busy
		}
		return 0
	case cluster.Demote:
		if !w.setReplica(p) {
			return cluster.Busy
		}
		return 0
	}
	w.mu.Lock()
	main := p.role == cluster.RoleMain
	w.mu.Unlock()
	if !main {
		return cluster.WrongRole
	}
	switch s.Kind {
	case cluster.Mark, cluster.Nudge:
		switch w.write(p, 0) {
		case acked:
			return 0
		case unknown:
			return cluster.Unclear
		}
		return cluster.Aborted
	case cluster.Register:
		return w.register(p, int(s.Replica), s.Mode)
	default:
		return w.drop(p, s.Name)
	}
}

// lock takes the role lock, if no commit and no other statement has it.
func (w *world) lock(p *process) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.inflight > 0 || p.exclusive {
		return false
	}
	p.exclusive = true
	return true
}

func (w *world) unlock(p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.exclusive = false
}

// register takes the replica away from whomever it obeyed. What it leaves behind
// when it fails is a ghost: listed, and taking part in nothing.
func (w *world) register(p *process, n int, mode cluster.Mode) cluster.Failure {
	if !w.lock(p) {
		return cluster.Busy
	}
	defer w.unlock(p)
	w.mu.Lock()
	if p.row(n) != nil {
		w.mu.Unlock()
		return cluster.Exists
	}
	r := &row{node: n, name: w.nodes[n].name(), mode: mode, status: cluster.Invalid, ghost: true}
	p.rows = append(p.rows, r)
	blackHole := w.nodes[n].off || !w.linked(nodeParty(p.node.number), nodeParty(n)) || w.nodes[n].frozen
	w.mu.Unlock()
	if blackHole && !w.busy(p, 5*time.Second) {
		return cluster.Deaf
	}
	if !w.busy(p, w.travel()) {
		return cluster.Unclear
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[n]
	q := o.process
	if o.off || q == nil || o.frozen || !w.linked(nodeParty(p.node.number), nodeParty(n)) || q.role != cluster.RoleReplica || q.exclusive {
		return cluster.Deaf
	}
	o.disk.obeys = p.mainUUID
	q.prepared = nil
	w.heartbeat(p, q, r)
	if r.status == cluster.Diverged {
		r.status = cluster.Invalid
		return cluster.Refuses
	}
	r.ghost = false
	w.goes(func() { w.attend(p, r) })
	w.goes(func() { w.catchUp(p, r) })
	return 0
}

// drop forgets a registration. Before 3.10 the DROP of a replica that is cut off,
// after a write has failed because of it, hangs MAIN for ever (field notes 9, 16).
func (w *world) drop(p *process, name string) cluster.Failure {
	if !w.lock(p) {
		return cluster.Busy
	}
	defer w.unlock(p)
	w.mu.Lock()
	at := slices.IndexFunc(p.rows, func(r *row) bool { return r.name == name })
	if at < 0 {
		w.mu.Unlock()
		return 0
	}
	r := p.rows[at]
	takes := 2 * time.Millisecond
	cutOff := !r.ghost && (w.nodes[r.node].off || !w.linked(nodeParty(p.node.number), nodeParty(r.node)))
	switch {
	case cutOff && w.old() && r.failed:
		p.hung = true
	case cutOff && (w.old() || r.failed):
		takes = w.between(3*time.Second, 5*time.Second)
	}
	hung := p.hung
	w.mu.Unlock()
	if hung {
		w.tell("node %d hangs in DROP of %s", p.node.number, name)
		w.hang(p)
		return cluster.TimedOut
	}
	if !w.busy(p, takes) {
		return cluster.Unclear
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.gone = true
	p.rows = slices.DeleteFunc(p.rows, func(o *row) bool { return o == r })
	return 0
}

// Watch implements controller.Nodes: an idle connection that breaks with the
// process, and not with a cut or the loss of power.
func (a nodes) Watch(ctx context.Context, n cluster.Ordinal, changed func()) error {
	w := a.c.w
	for {
		w.mu.Lock()
		stir := w.nodes[n].stir
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-stir:
		}
		w.mu.Lock()
		heard := !w.nodes[n].off && w.net.cut[link{nodeParty(int(n)), a.c.party()}] == 0
		w.mu.Unlock()
		if heard && sleep(ctx, w.travel()) == nil {
			changed()
		}
	}
}
