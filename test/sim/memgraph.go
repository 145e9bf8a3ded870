package sim

import (
	"fmt"
	"slices"
	"time"

	"memgraph-controller/internal/cluster"
)

// txn is a committed transaction. A marker has the id 0 and leaves nothing.
type txn struct {
	id    int
	ts    int64
	epoch string
}

// disk is what a node's volume holds. It outlives processes.
type disk struct {
	uuid    string
	log     []txn
	flushed int    // how much of log survives the loss of power
	obeys   string // main_uuid of the MAIN that it follows
}

func (d *disk) ldt() int64 {
	if len(d.log) == 0 {
		return 0
	}
	return d.log[len(d.log)-1].ts
}

// epoch is the one of the last commit: what a restart recovers.
func (d *disk) epoch() string {
	if len(d.log) == 0 {
		return ""
	}
	return d.log[len(d.log)-1].epoch
}

func (d *disk) holds(id int) bool {
	return slices.ContainsFunc(d.log, func(t txn) bool { return t.id == id })
}

// append writes a transaction; every so often the file is flushed.
func (d *disk) append(t txn, flushEvery int) {
	d.log = append(d.log, t)
	if len(d.log)-d.flushed >= flushEvery {
		d.flushed = len(d.log)
	}
}

// past is where an epoch ended, as a MAIN remembers it.
type past struct {
	epoch string
	ldt   int64
}

// node is one modelled Memgraph and its machine. All of it is guarded by world.mu.
type node struct {
	number  int
	disk    disk
	process *process // nil: none runs
	runs    int
	boot    int
	off     bool // its machine has no power
	leaving bool
	frozen  bool
	slow    bool          // its disk
	thawed  chan struct{} // closed when frozen ends
	stir    chan struct{} // closed when connections to it break or come up
}

func (n *node) name() string { return fmt.Sprintf("mg-%d", n.number) }

// wake tells those who keep a connection to the node.
func (n *node) wake() {
	close(n.stir)
	n.stir = make(chan struct{})
}

// process is one run of a server. All but dead and engine is guarded by world.mu.
type process struct {
	node *node
	id   string
	dead chan struct{}

	role     cluster.Role
	epoch    string // of the storage; durable with the first commit in it
	mainUUID string // of a MAIN: what its replicas must obey
	history  []past
	rows     []*row
	prepared *txn
	clock    int64

	engine    chan struct{} // holds a token while a transaction commits
	inflight  int           // commits that hold the role lock shared
	exclusive bool          // the role lock is held exclusively
	hung      bool          // DROP of a cut-off replica: it never answers again
}

// row is one registration.
type row struct {
	node   int
	name   string
	mode   cluster.Mode
	ghost  bool
	status cluster.Status
	ldt    int64 // of the replica, as MAIN last heard
	misses int
	stuck  bool // called replicating after an aborted write
	failed bool // a write failed because of it, and it was not seen well since
	asked  bool // a commit has MAIN ask it where it stands
	gone   bool
}

func (p *process) row(n int) *row {
	for _, r := range p.rows {
		if r.node == n {
			return r
		}
	}
	return nil
}

// start runs a new process of node n: born as a replica by the init file. A former
// MAIN has lost its registrations and obeys nobody. w.mu is held.
func (w *world) start(n *node) {
	n.runs++
	p := &process{
		node: n, id: fmt.Sprintf("%d.%d", n.number, n.runs), dead: make(chan struct{}),
		role: cluster.RoleReplica, epoch: n.disk.epoch(), engine: make(chan struct{}, 1), clock: n.disk.ldt(),
	}
	// What a restart recovers: each epoch with its last commit, the present one
	// too. That last line is the false divergence: the check takes the first entry
	// of an epoch, and a promotion adds another (field note 2).
	for i, t := range n.disk.log {
		if i+1 == len(n.disk.log) || n.disk.log[i+1].epoch != t.epoch {
			p.history = append(p.history, past{t.epoch, t.ts})
		}
	}
	n.process, n.frozen = p, false
	w.tell("node %d starts as %s with %d transactions of %s", n.number, p.id, len(n.disk.log), n.disk.uuid)
	n.wake()
}

// kill ends the process of a node, if one runs. w.mu is held.
func (w *world) kill(n *node, why string) {
	if n.process == nil {
		return
	}
	w.tell("node %d ends: %s", n.number, why)
	close(n.process.dead)
	n.process = nil
	w.thawNode(n)
	n.wake()
}

func (w *world) thawNode(n *node) {
	if n.frozen {
		n.frozen = false
		close(n.thawed)
	}
}

// awake waits while the process is frozen, and reports whether it lives.
func (w *world) awake(p *process) bool {
	for {
		w.mu.Lock()
		frozen, thawed := p.node.frozen && p.node.process == p, p.node.thawed
		w.mu.Unlock()
		if !frozen {
			return !closed(p.dead) && w.ctx.Err() == nil
		}
		select {
		case <-thawed:
		case <-p.dead:
			return false
		case <-w.ctx.Done():
			return false
		}
	}
}

// busy has the process work for d, and reports whether it still lives.
func (w *world) busy(p *process, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return w.awake(p)
	case <-p.dead:
		return false
	case <-w.ctx.Done():
		return false
	}
}

// hang is what a process does that never answers again.
func (w *world) hang(p *process) {
	select {
	case <-p.dead:
	case <-w.ctx.Done():
	}
}

// open waits while the role lock is held exclusively, and reports whether the
// process lives to answer.
func (w *world) open(p *process) bool {
	for {
		w.mu.Lock()
		exclusive, hung := p.exclusive, p.hung
		w.mu.Unlock()
		switch {
		case hung:
			w.hang(p)
			return false
		case !exclusive:
			return true
		case !w.busy(p, 7*time.Millisecond):
			return false
		}
	}
}

// diverged is Memgraph's own check, its fault included: the first entry of an epoch
// counts, and equal epochs are trusted.
func (p *process) diverged(r *disk) bool {
	if r.ldt() == 0 || r.epoch() == p.epoch {
		return false
	}
	for _, h := range p.history {
		if h.epoch == r.epoch() {
			return h.ldt < r.ldt()
		}
	}
	return true
}

// setMain promotes the process: a new epoch, nobody registered, writes at once. It
// reports false if the role lock is taken.
func (w *world) setMain(p *process) bool {
	w.mu.Lock()
	if p.role == cluster.RoleMain || p.exclusive {
		defer w.mu.Unlock()
		return p.role == cluster.RoleMain
	}
	p.exclusive = true
	takes := w.between(17*time.Millisecond, 200*time.Millisecond)
	w.mu.Unlock()
	return w.changeRole(p, takes, func() { w.crown(p) })
}

// changeRole has a process that holds its role lock work for a while, change its role,
// and give the lock back. It reports false if the process ends before that. change is
// called under mu.
func (w *world) changeRole(p *process, takes time.Duration, change func()) bool {
	alive := w.busy(p, takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	p.exclusive = false
	if alive {
		change()
	}
	return alive
}

// crown makes the process MAIN. w.mu is held.
func (w *world) crown(p *process) {
	d := &p.node.disk
	if n := len(p.history); d.epoch() != "" && (n == 0 || p.history[n-1].ldt != d.ldt()) {
		p.history = append(p.history, past{d.epoch(), d.ldt()})
	}
	w.epochs++
	p.role, p.rows, p.prepared = cluster.RoleMain, nil, nil
	p.epoch, p.mainUUID = fmt.Sprintf("e%d", w.epochs), fmt.Sprintf("m%d", w.epochs)
	d.obeys = "nobody" // the role that is stored is MAIN's, until the init file replaces it
	p.clock = max(p.clock, d.ldt()) + 1
	w.promoted(p)
}

// setReplica demotes the process: registrations are erased and it obeys nobody.
func (w *world) setReplica(p *process) bool {
	w.mu.Lock()
	if p.role == cluster.RoleReplica || p.exclusive || p.inflight > 0 {
		defer w.mu.Unlock()
		return p.role == cluster.RoleReplica
	}
	takes := w.between(time.Millisecond, 5*time.Millisecond)
	for _, r := range p.rows {
		if !r.ghost && r.status == cluster.Invalid && !w.linked(nodeParty(p.node.number), nodeParty(r.node)) {
			takes = w.cutOffStall() // recorded on 3.6.2: 10 s
		}
	}
	p.exclusive = true
	w.mu.Unlock()
	return w.changeRole(p, takes, func() {
		for _, r := range p.rows {
			r.gone = true
		}
		p.role, p.rows = cluster.RoleReplica, nil
		p.node.disk.obeys = "nobody"
	})
}

// old reports whether the servers are of a version before 3.10. w.mu may be held.
func (w *world) old() bool { return !w.version.AtLeast(3, 10) }

// cutOffStall is how long MAIN waits for a replica that is cut off (transcripts of
// 3.6.2 and 3.12.0; TCP user timeout since 3.10). w.mu is held.
func (w *world) cutOffStall() time.Duration {
	if w.old() {
		return w.between(28*time.Second, 30*time.Second)
	}
	return w.between(5100*time.Millisecond, 5600*time.Millisecond)
}
