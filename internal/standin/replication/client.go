package replication

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"memgraph-controller/internal/standin/storage"
)

// client is what a MAIN keeps for an attached replica.
type client struct {
	Registration
	peer   *peer
	engine *storage.Engine
	main   string // uuid of the reign it serves
	timing Timing
	odd    Behaviour
	log    *slog.Logger
	stop   chan struct{} // closed when the replica is dropped
	run    sync.WaitGroup
	unhook func() bool

	mu       sync.Mutex
	state    State
	heard    standing
	adrift   bool // the replica has to be told its MAIN's identity (Memgraph's BEHIND)
	misses   int
	stopping bool
	checking bool   // a check is queued
	tasks    []task // for the worker, in order
	wake     chan struct{}
	busy     chan struct{} // closed when the worker has done all its tasks; nil when it has none
}

// task is work for a client's worker.
type task struct {
	run     func(context.Context)
	release func() // gives back what the task holds, should it not be run; may be nil
}

func newClient(reg Registration, n *Node, main string) *client {
	c := &client{
		Registration: reg, peer: newPeer(reg.Address(), n.cfg.Dialer, n.cfg.Timing.Connect),
		engine: n.cfg.Engine, main: main, timing: n.cfg.Timing, odd: n.cfg.Behaviour, log: n.cfg.Log,
		state: MaybeBehind, adrift: true, stop: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	c.unhook = context.AfterFunc(n.ctx, c.peer.abort)
	return c
}

func (c *client) request(k kind) request {
	return request{kind: k, main: c.main, storage: c.engine.UUID()}
}

// start begins the periodic checks and the worker. They end when the client is shut.
func (c *client) start(ctx context.Context) {
	c.run.Go(func() { c.work(ctx) })
	if c.timing.Check > 0 {
		c.run.Go(func() { c.watch(ctx) })
	}
}

// shut ends the client and waits for what it is doing: without AbortOnStop as long as that takes.
func (c *client) shut() {
	c.mu.Lock()
	if c.stopping {
		c.mu.Unlock()
		return
	}
	c.stopping = true
	left := c.tasks
	c.tasks = nil
	c.mu.Unlock()
	for _, t := range left {
		t.giveUp()
	}
	if c.odd.AbortOnStop {
		c.peer.abort()
	}
	close(c.stop)
	c.run.Wait()
	c.unhook()
	c.peer.drop()
}

// stuck reports whether the worker has something to do that does not end within d.
func (c *client) stuck(d time.Duration) bool {
	c.mu.Lock()
	busy := c.busy
	c.mu.Unlock()
	if busy == nil {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-busy:
		return false
	case <-timer.C:
		return true
	}
}

// add gives the worker a task. It needs c.mu.
func (c *client) add(t task) {
	if c.stopping {
		t.giveUp()
		return
	}
	c.tasks = append(c.tasks, t)
	if c.busy == nil {
		c.busy = make(chan struct{})
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *client) work(ctx context.Context) {
	for {
		if next, ok := c.nextTask(); ok {
			next.run(ctx)
			continue
		}
		select {
		case <-c.wake:
		case <-c.stop:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (t task) giveUp() {
	if t.release != nil {
		t.release()
	}
}

func (c *client) nextTask() (next task, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tasks) > 0 {
		next, c.tasks = c.tasks[0], c.tasks[1:]
		return next, true
	}
	if c.busy != nil {
		close(c.busy)
		c.busy = nil
	}
	return task{}, false
}

// watch pings the replica.
func (c *client) watch(ctx context.Context) {
	timer := time.NewTimer(c.timing.Check)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-c.stop:
			return
		case <-ctx.Done():
			return
		}
		answer, err := c.peer.ask(ctx, request{kind: kindPing}, c.timing.Ping)
		if err != nil {
			c.missed()
		} else {
			c.seen(ctx, answer)
		}
		timer.Reset(c.timing.Check)
	}
}

func (c *client) missed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.misses++; c.misses != missesAllowed {
		return
	}
	c.adrift = true
	if c.state != Diverged {
		c.state = MaybeBehind
	}
}

func (c *client) seen(ctx context.Context, answer reply) {
	c.mu.Lock()
	c.misses = 0
	if !c.odd.EmptyHeir && answer.main != c.main && c.state != Diverged {
		c.state, c.adrift = MaybeBehind, true
	}
	adrift := c.adrift
	c.mu.Unlock()
	if adrift {
		c.introduce(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == MaybeBehind {
		c.queueCheck()
	}
}

// introduce tells the replica the identity of the MAIN's database (Memgraph's SystemRecovery).
func (c *client) introduce(ctx context.Context) {
	answer, err := c.peer.ask(ctx, c.request(kindSystem), c.timing.System)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.adrift = err != nil || !answer.ok
}

// queueCheck has the worker ask the replica where it stands. It needs c.mu.
func (c *client) queueCheck() {
	if !c.checking {
		c.checking = true
		c.add(task{run: c.check})
	}
}

// check asks the replica where it stands (Memgraph's Heartbeat) and draws the conclusion.
func (c *client) check(ctx context.Context) {
	c.mu.Lock()
	c.checking = false
	relevant := c.state == MaybeBehind
	c.mu.Unlock()
	if !relevant {
		return
	}
	answer, err := c.peer.ask(ctx, c.request(kindHeartbeat), c.timing.Heartbeat)
	if err != nil {
		return
	}
	// Under the engine lock no commit can slip in between the comparison and the state. The error
	// says that the node is closing.
	_ = c.engine.WithLock(ctx, func() { c.conclude(answer) })
}

func (c *client) conclude(answer reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != MaybeBehind {
		return
	}
	if !answer.ok {
		c.adrift = true
		return
	}
	c.heard = standing{ldt: answer.ldt}
	switch c.engine.Lineage().Judge(answer.epoch, answer.ldt, !c.odd.FalseDivergence) {
	case storage.Diverged:
		c.state = Diverged
		c.log.Error("the replica has diverged: it and this main hold unique data", "replica", c.Name,
			"epoch", answer.epoch, "ldt", answer.ldt)
	case storage.UpToDate:
		c.state = Ready
	case storage.Behind:
		c.state = Recovery
		c.add(task{run: func(ctx context.Context) { c.recover(ctx, answer.ldt) }})
	}
}

func (c *client) status() (State, standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.heard
}
