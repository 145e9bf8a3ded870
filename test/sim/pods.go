package sim

import (
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// pod is what the API server says of a node's pod, as the kubelet reports it. It is
// guarded by world.mu.
type pod struct {
	number  int // counts the pods of this node: their UIDs
	history []podState
	cached  map[int]podState // by controller: what it has seen last
}

type podState struct {
	at    time.Time
	state controller.NodeState
}

// report changes the pod's state after a delay, and tells the controllers. What a
// kubelet has not reported when its machine loses its power is never heard. w.mu is held.
func (w *world) report(n int, after time.Duration, change func(*controller.NodeState)) {
	boot := w.nodes[n].boot
	w.goes(func() {
		if sleep(w.ctx, after) != nil {
			return
		}
		for w.isAway() {
			if sleep(w.ctx, 100*time.Millisecond) != nil {
				return
			}
		}
		w.mu.Lock()
		p := w.pods[n]
		if o := w.nodes[n]; o.off || o.boot != boot {
			w.mu.Unlock()
			return
		}
		s := p.history[len(p.history)-1].state
		change(&s)
		p.history = append(p.history, podState{time.Now(), s})
		if len(p.history) > 50 {
			p.history = p.history[1:]
		}
		var loops []*replica
		loops = append(loops, w.replicas...)
		w.mu.Unlock()
		for _, c := range loops {
			w.goes(func() { c.kick() })
		}
	})
}

// kick tells the loop of a controller that pods have changed, as late as its watch.
func (c *replica) kick() {
	c.w.mu.Lock()
	lag := c.lag + time.Millisecond
	c.w.mu.Unlock()
	if sleep(c.w.ctx, lag) != nil {
		return
	}
	c.still()
	c.w.mu.Lock()
	loop, linked := c.loop, c.w.linked(c.party(), apiServer)
	c.w.mu.Unlock()
	if loop != nil && linked {
		loop.Kick()
	}
}

// seen is the pod's state as controller c has it: as late as its watch, and not at
// all while it is cut off; but never older than it has been. w.mu is held.
func (p *pod) seen(c *replica) controller.NodeState {
	last, known := p.cached[c.number]
	if known && (!c.w.linked(c.party(), apiServer) || c.w.api.away) {
		return last.state
	}
	if !known {
		last = p.history[0]
	}
	until, asOf := time.Now().Add(-c.lag), last.state.AsOf
	for _, h := range p.history {
		if !h.at.After(until) && !h.at.Before(last.at) {
			last = h
		}
	}
	last.state.AsOf = asOf
	p.cached[c.number] = last
	return last.state
}

// identity is what the platform calls the process of a node. w.mu is held.
func (w *world) identity(n *node) cluster.Process {
	return cluster.Process{ID: fmt.Sprintf("%d/pod%d/%d", n.number, w.pods[n.number].number, n.runs), Boot: fmt.Sprintf("boot%d", n.boot)}
}

// die ends a node's process. The kubelet notices within a second, and starts the
// container again in the same pod.
func (w *world) die(n int, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[n]
	if o.off || o.process == nil {
		return
	}
	w.kill(o, why)
	w.report(n, w.between(50*time.Millisecond, time.Second), func(s *controller.NodeState) {
		if o.process == nil {
			s.Gone = true
		}
	})
	again := w.between(300*time.Millisecond, 1500*time.Millisecond)
	run, boot := o.runs, o.boot
	w.goes(func() {
		if sleep(w.ctx, again) == nil && w.bootOf(n) == boot { // else its machine starts it
			w.begin(n, run, false)
		}
	})
}

// begin starts a process of node n, unless another has started since run. In a new
// pod, the init container first carries out a rebuild that the record asks for.
func (w *world) begin(n, run int, fresh bool) {
	for fresh && w.isAway() { // no pod without an API server
		if sleep(w.ctx, 100*time.Millisecond) != nil {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[n]
	if o.off || o.process != nil || o.runs != run {
		return
	}
	if fresh {
		w.pods[n].number++
		w.prepare(o)
	}
	w.start(o)
	id := w.identity(o)
	w.report(n, w.between(5*time.Millisecond, time.Second), func(s *controller.NodeState) {
		if w.identity(o) == id {
			*s = controller.NodeState{Process: id, Leaving: o.leaving}
		}
	})
}

// prepare is the init container's program: it moves a diverged node's data aside,
// once, and never that of MAIN or of a promotable node. w.mu is held.
func (w *world) prepare(n *node) {
	rec := w.rec
	if rec == nil {
		return
	}
	b, asked := rec.Rebuild(cluster.Ordinal(n.number))
	_, promotable := rec.Proof(cluster.Ordinal(n.number))
	if !asked || w.moved[b.Process.ID] || rec.Main == cluster.Ordinal(n.number) || promotable {
		return
	}
	w.moved[b.Process.ID] = true
	w.tell("node %d: data moved aside for %s", n.number, b.Process.ID)
	w.aside(n, b)
	w.wipe(n)
}

// wipe leaves an empty volume. w.mu is held.
func (w *world) wipe(n *node) {
	w.uuids++
	w.lostAt = time.Now()
	n.disk = disk{uuid: fmt.Sprintf("u%d", w.uuids), obeys: "nobody"}
}

// restart deletes a node's pod: its process is told to stop, and a new pod follows.
func (w *world) restart(n int) {
	w.mu.Lock()
	o := w.nodes[n]
	run, off := o.runs, o.off
	stops, follows := w.between(50*time.Millisecond, 250*time.Millisecond), w.between(700*time.Millisecond, 2*time.Second)
	w.mu.Unlock()
	if off {
		return
	}
	w.goes(func() {
		if sleep(w.ctx, stops) != nil {
			return
		}
		w.mu.Lock()
		if o.runs == run {
			w.kill(o, "its pod is deleted")
			w.report(n, 20*time.Millisecond, func(s *controller.NodeState) {
				if o.process == nil {
					s.Gone, s.Leaving = true, false
				}
			})
		}
		w.mu.Unlock()
		if sleep(w.ctx, follows) == nil {
			w.begin(n, run, true)
		}
	})
}

// leave deletes a node's pod with its grace period: its preStop hook waits until nobody
// needs it.
func (w *world) leave(n int) {
	w.mu.Lock()
	o := w.nodes[n]
	if o.leaving || o.off || o.process == nil {
		w.mu.Unlock()
		return
	}
	o.leaving = true
	w.report(n, 10*time.Millisecond, func(s *controller.NodeState) { s.Leaving = true })
	w.mu.Unlock()
	for range 150 {
		if sleep(w.ctx, 100*time.Millisecond) != nil {
			break
		}
		w.mu.Lock()
		rec := w.rec
		over := o.off || o.process == nil
		if rec != nil && !over {
			over, _ = cluster.MayStop(rec, cluster.Ordinal(n))
		}
		w.mu.Unlock()
		if over {
			break
		}
	}
	w.until(time.Minute, func() bool { return o.off || o.process != nil }) // a pod that was told to stop goes, crashed or not
	w.mu.Lock()
	o.leaving = false
	w.mu.Unlock()
	w.restart(n)
}

// powerOff takes the power from the machine of node n and of the controller beside
// it: nobody is told, and what the disk had not flushed may be gone.
func (w *world) powerOff(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[n]
	if o.off {
		return
	}
	o.off = true
	if o.process != nil {
		close(o.process.dead)
		o.process = nil
		w.thawNode(o)
	}
	if kept := len(o.disk.log); kept > o.disk.flushed {
		w.lostPower, w.lostAt = true, time.Now()
		kept = o.disk.flushed + w.rng.IntN(kept-o.disk.flushed+1)
		w.tell("node %d loses its power, and %d transactions", n, len(o.disk.log)-kept)
		o.disk.log = o.disk.log[:kept:kept]
	} else {
		w.tell("node %d loses its power", n)
	}
	if n < len(w.replicas) {
		w.crash(w.replicas[n], "its machine has no power")
	}
	w.net.wake()
}

// powerOn gives it back: the machine boots, and its pods start again.
func (w *world) powerOn(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.nodes[n]
	if !o.off {
		return
	}
	o.off = false
	o.boot++
	w.net.wake()
	run := o.runs
	node, beside := w.between(4*time.Second, 6*time.Second), w.between(4*time.Second, 6*time.Second)
	w.goes(func() {
		if sleep(w.ctx, node) == nil {
			w.begin(n, run, false)
		}
	})
	if n < len(w.replicas) {
		w.goes(func() {
			if sleep(w.ctx, beside) == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.boot(w.replicas[n])
			}
		})
	}
}

func (w *world) bootOf(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[n].boot
}

func (w *world) isOff(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[n].off
}
