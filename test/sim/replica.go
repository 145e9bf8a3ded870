package sim

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// replica is one controller process: an election, the real loop while it leads, and
// a gateway. All of it but the constants is guarded by world.mu.
type replica struct {
	w      *world
	number int
	lease  timing // by its own clock
	rate   float64

	run     int           // counts its processes
	stop    func()        // ends the present one
	ended   chan struct{} // closed when it has
	up      bool
	frozen  bool
	thawed  chan struct{}
	zombie  bool // it believes to lead whatever the lease says
	leading bool
	renewed time.Time
	loop    *controller.Loop
	gate    *gate
	last    *cluster.Record
	lag     time.Duration // of its watches
	given   string        // the request that this term was given
	decided string        // why the loop does what it does
}

func (c *replica) party() party { return controllerParty(c.number) }
func (c *replica) name() string { return fmt.Sprintf("controller %d", c.number) }

// still keeps a frozen process where it is.
func (c *replica) still() {
	for {
		c.w.mu.Lock()
		frozen, thawed := c.frozen, c.thawed
		c.w.mu.Unlock()
		if !frozen {
			return
		}
		select {
		case <-thawed:
		case <-c.w.ctx.Done():
			return
		}
	}
}

// boot starts the process. w.mu is held.
func (w *world) boot(c *replica) {
	if c.up {
		return
	}
	ctx, stop := context.WithCancel(w.ctx)
	c.run++
	c.up, c.stop, c.ended = true, stop, make(chan struct{})
	c.leading, c.zombie, c.loop, c.last, c.given = false, false, nil, nil, ""
	c.gate = newGate(c)
	for _, p := range w.pods {
		delete(p.cached, c.number)
	}
	gate, ended := c.gate, c.ended
	w.goes(func() {
		defer close(ended)
		watched := make(chan struct{})
		w.goes(func() { defer close(watched); c.watch(ctx, gate) })
		confirmed := make(chan struct{})
		w.goes(func() { defer close(confirmed); gate.keep(ctx) })
		c.contend(ctx)
		<-watched
		<-confirmed
	})
}

// crash ends the process with all its connections. w.mu is held.
func (w *world) crash(c *replica, why string) {
	if !c.up {
		return
	}
	w.tell("%s ends: %s", c.name(), why)
	c.up, c.leading, c.zombie = false, false, false
	c.stop()
	w.thawReplica(c)
	c.gate.close()
}

func (w *world) thawReplica(c *replica) {
	if c.frozen {
		c.frozen = false
		c.zombie = false // by one of its two clocks it learns that time has passed
		close(c.thawed)
	}
}

// watch follows the record, as the informer does: late, and from the newest state
// after it was cut off.
func (c *replica) watch(ctx context.Context, gate *gate) {
	w := c.w
	type news struct {
		rec *cluster.Record
		uid string
	}
	inbox := make(chan news, 1)
	w.goes(func() {
		w.api.objects.Watch(ctx, func(rec *cluster.Record, uid string) {
			select {
			case <-inbox: // only the newest counts
			default:
			}
			inbox <- news{rec, uid}
		})
	})
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-inbox:
			w.mu.Lock()
			late := w.between(500*time.Microsecond, 3*time.Millisecond) + c.lag
			w.mu.Unlock()
			if sleep(ctx, late) != nil || w.pass(ctx, apiServer, c.party()) != nil {
				return
			}
			for w.isAway() {
				if sleep(ctx, 50*time.Millisecond) != nil {
					return
				}
			}
			c.still()
			select {
			case n = <-inbox:
			default:
			}
			gate.follow(n.rec, n.uid)
			w.mu.Lock()
			loop := c.loop
			if n.rec != nil {
				c.last = n.rec
			}
			w.mu.Unlock()
			if loop != nil {
				loop.RecordChanged()
			}
		}
	}
}

func (w *world) isAway() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.api.away
}

// identity is the name of the controller's process in the lease and the record.
func (c *replica) identity() string { return fmt.Sprintf("c%d.%d", c.number, c.run) }

// lead runs the real loop for one term.
func (c *replica) lead(ctx context.Context, term int) {
	w := c.w
	w.mu.Lock()
	policy := w.policy
	policy.FailAfter = time.Duration(float64(policy.FailAfter) / c.rate)
	loop := controller.New(controller.Options{
		Identity: c.identity(), Version: "sim", Policy: policy, Topology: w.topology,
		Nodes: nodes{c}, Platform: platform{c}, Records: records{c, term}, Peers: peers{c}, Inform: c.inform,
		Leading: c.isLeading, Holds: c.holds, Publish: func(s controller.Snapshot) { c.published(s) },
		Answer: c.answered, Last: c.last, Log: slog.New(slog.DiscardHandler),
	})
	c.loop, c.given = loop, ""
	w.mu.Unlock()
	err := loop.Run(ctx)
	w.mu.Lock()
	if c.loop == loop { // not the next process's
		c.loop = nil
	}
	w.mu.Unlock()
	if ctx.Err() == nil {
		w.violate("P9: the loop of %s ended by itself: %v", c.name(), err)
	}
}

// holds asks the API server whose the lease is.
func (c *replica) holds(ctx context.Context) error {
	return c.call(ctx, func() error {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		if c.w.api.lease.holder != c.number {
			return fmt.Errorf("the lease is held by controller %d", c.w.api.lease.holder)
		}
		return nil
	})
}

// published hands over what a human asks for, as package kube does with each
// snapshot, and holds the decision to P7.
func (c *replica) published(s controller.Snapshot) {
	w := c.w
	if s.Decision.Why == "" {
		w.violate("P7: %s decided something without a reason", c.name())
	}
	w.mu.Lock()
	if c.decided != s.Decision.Why {
		w.tell("%s: %s", c.name(), s.Decision.Why)
	}
	c.decided = s.Decision.Why
	asked, loop := w.api.request, c.loop
	fresh := asked != "" && asked != c.given
	if asked == "" {
		c.given = ""
	}
	w.mu.Unlock()
	if !fresh || loop == nil {
		return
	}
	q, err := cluster.ParseRequest(asked)
	if err != nil {
		w.violate("request %q: %v", asked, err)
		return
	}
	if loop.Request(q) {
		w.mu.Lock()
		c.given = asked
		w.mu.Unlock()
	}
}

// answered takes the request away, a moment later.
func (c *replica) answered(id, why string) {
	w := c.w
	w.tell("request %q answered: %s", id, why)
	w.goes(func() {
		ctx, cancel := context.WithTimeout(w.ctx, 2*time.Second)
		defer cancel()
		_ = c.call(ctx, func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.api.request == id {
				w.api.request = ""
			}
			return nil
		})
	})
}

// platform implements controller.Platform: pods as this controller's watch has them.
type platform struct{ c *replica }

// State implements controller.Platform.
func (p platform) State(n cluster.Ordinal) controller.NodeState {
	p.c.w.mu.Lock()
	defer p.c.w.mu.Unlock()
	return p.c.w.pods[n].seen(p.c)
}

// kubeletLag is how long the controller allows a kubelet for its report, in
// internal/kube; here it takes up to one second.
const kubeletLag = 2500 * time.Millisecond

// Refresh implements controller.Platform.
func (p platform) Refresh(ctx context.Context, n cluster.Ordinal) error {
	asOf := time.Now().Add(-kubeletLag)
	return p.c.call(ctx, func() error {
		p.c.w.mu.Lock()
		defer p.c.w.mu.Unlock()
		o := p.c.w.pods[n]
		last := o.history[len(o.history)-1]
		last.state.AsOf = asOf
		o.cached[p.c.number] = last
		return nil
	})
}

// Restart implements controller.Platform.
func (p platform) Restart(ctx context.Context, n cluster.Ordinal) error {
	w := p.c.w
	w.began(p.c, cluster.Step{Kind: cluster.Restart, Node: n})
	w.boundary("before restart", int(n))
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return p.c.call(ctx, func() error {
		w.restart(int(n))
		return nil
	})
}

// inform tells all gateways of a record of this leader, its own without asking anybody.
func (c *replica) inform(ctx context.Context, rec cluster.Record) {
	c.w.mu.Lock()
	g := c.gate
	g.begun = max(g.begun, g.base+uint64(rec.Epoch))
	if g.rec != nil && g.rec.Epoch < rec.Epoch {
		g.doubt()
	}
	c.w.mu.Unlock()
	peers{c}.Ask(ctx, rec.Main, rec.Epoch)
}

// heed lets nobody in by the record that this gateway goes by, if there is a newer one.
func (c *replica) heed(ctx context.Context, newest cluster.Epoch) {
	c.w.mu.Lock()
	g := c.gate
	behind := g.rec != nil && g.rec.Epoch < newest
	c.w.mu.Unlock()
	if !behind || g.newest(ctx, heedTimeout) {
		return
	}
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	g.doubt()
}

// peers implements controller.Peers.
type peers struct{ c *replica }

// Ask implements controller.Peers.
func (p peers) Ask(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion {
	w := p.c.w
	var list []cluster.Opinion
	answers := make(chan cluster.Opinion, len(w.replicas))
	asked := 0
	for _, o := range w.replicas {
		if o == p.c {
			continue
		}
		asked++
		w.goes(func() {
			contact := cluster.NotProbed
			w.mu.Lock()
			able := o.up && !o.frozen && w.linked(p.c.party(), o.party())
			w.mu.Unlock()
			if able {
				o.heed(ctx, newest)
				contact = nodes{o}.Look(ctx, n).Contact
			}
			answers <- cluster.Opinion{From: o.name(), Contact: contact}
		})
	}
	for range asked {
		select {
		case <-ctx.Done(): // one that stands still in the midst of its answer is not waited for
			return list
		case o := <-answers:
			if o.Contact != cluster.NotProbed {
				list = append(list, o)
			}
		}
	}
	return list
}
