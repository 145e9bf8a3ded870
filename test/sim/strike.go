package sim

import (
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// schedule lets the faults of the plan strike, each when its time has come, and at
// the boundary that it waits for.
func (w *world) schedule() {
	start := time.Now()
	for _, f := range w.plan.Faults {
		w.goes(func() {
			if sleep(w.ctx, time.Until(start.Add(f.At))) != nil {
				return
			}
			if f.On == "" {
				w.strike(f)
				return
			}
			w.mu.Lock()
			if !w.healed {
				w.armed = append(w.armed, f)
			}
			w.mu.Unlock()
		})
	}
}

// boundary is a moment between two steps: faults that wait for it strike now,
// before anybody goes on. who is the node that it is about.
func (w *world) boundary(name string, who int) {
	w.mu.Lock()
	var now []Fault
	kept := w.armed[:0]
	for _, f := range w.armed {
		if f.On == name && (name != "commit" && name != "finalize" || w.rng.IntN(3) == 0) {
			now = append(now, f)
		} else {
			kept = append(kept, f)
		}
	}
	w.armed = kept
	w.mu.Unlock()
	for _, f := range now {
		w.tell("at %s of node %d:", name, who)
		w.strike(f)
	}
}

// strike lets a fault happen, and ends it in time.
func (w *world) strike(f Fault) {
	w.mu.Lock()
	if w.healed {
		w.mu.Unlock()
		return
	}
	w.struck++
	number := w.struck // two may strike at once
	w.mu.Unlock()
	end := w.happen(f)
	if end == nil {
		return
	}
	w.mu.Lock()
	w.ends[number] = end
	w.mu.Unlock()
	w.goes(func() {
		if sleep(w.ctx, f.For) == nil {
			w.over(number)
		}
	})
}

// over ends a fault, once.
func (w *world) over(number int) {
	w.mu.Lock()
	end := w.ends[number]
	delete(w.ends, number)
	w.mu.Unlock()
	if end != nil {
		end()
	}
}

// happen carries out a fault and returns what ends it, nil if nothing need.
func (w *world) happen(f Fault) func() {
	w.tell("FAULT %s %s for %s", f.Kind, f.Who, f.For)
	switch f.Kind {
	case "crash", "freeze", "power", "wipe", "leave", "slow-disk":
		return w.strikeNode(f, w.nodeOf(f.Who))
	case "crash-controller", "freeze-controller", "two-leaders", "late-watch":
		return w.strikeController(f, w.controllerOf(f.Who))
	case "cut", "cut-one-way", "isolate":
		return w.strikeLinks(f)
	case "roll":
		w.goes(w.roll)
	case "crash-all":
		for n := range w.nodes {
			w.die(n, "all of them")
		}
	case "power-all":
		for n := range w.nodes {
			w.powerOff(n)
		}
		return func() {
			for n := range w.nodes {
				w.powerOn(n)
			}
		}
	default:
		return w.strikeAPI(f)
	}
	return nil
}

func (w *world) strikeNode(f Fault, n int) func() {
	o := w.nodes[n]
	switch f.Kind {
	case "crash":
		w.die(n, "crash")
	case "power":
		w.exposes()
		w.powerOff(n)
		return func() { w.powerOn(n) }
	case "leave":
		w.goes(func() { w.leave(n) })
	case "wipe":
		w.exposes()
		w.mu.Lock()
		if w.plan.Nodes > 1 && !o.off {
			w.wipe(o)
		}
		w.mu.Unlock()
		w.die(n, "its volume is empty")
	case "freeze":
		w.mu.Lock()
		defer w.mu.Unlock()
		if o.process == nil || o.frozen {
			return nil
		}
		o.frozen, o.thawed = true, make(chan struct{})
		w.net.wake()
		return w.locked(func() { w.thawNode(o) })
	case "slow-disk":
		w.mu.Lock()
		defer w.mu.Unlock()
		o.slow = true
		return w.locked(func() { o.slow = false })
	}
	return nil
}

// exposes notes whether a node is about to lose data while nobody protects MAIN.
func (w *world) exposes() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bare = w.bare || w.rec != nil && len(w.rec.Promotable) == 0
}

func (w *world) strikeController(f Fault, c *replica) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Kind {
	case "crash-controller":
		w.crash(c, "crash")
		again := w.between(time.Second, 3*time.Second)
		w.goes(func() {
			if sleep(w.ctx, again) == nil && !c.isOff() {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.boot(c)
			}
		})
	case "freeze-controller":
		if !c.up || c.frozen {
			return nil
		}
		c.frozen, c.thawed = true, make(chan struct{})
		return w.locked(func() { w.thawReplica(c) })
	case "two-leaders":
		if !c.leading {
			return nil
		}
		c.zombie, w.api.lease.freed = true, true
		w.api.lease.version++
		return w.locked(func() { c.zombie = false })
	case "late-watch":
		c.lag += f.For / 2
		return w.locked(func() { c.lag -= f.For / 2 })
	}
	return nil
}

func (w *world) strikeLinks(f Fault) func() {
	var links []link
	if f.Kind == "isolate" {
		who := w.partyOf(f.Who)
		for _, other := range w.parties() {
			if other != who {
				links = append(links, link{who, other}, link{other, who})
			}
		}
	} else {
		a, b, _ := strings.Cut(f.Who, ">")
		from, to := w.partyOf(a), w.partyOf(b)
		if from == to {
			return nil
		}
		links = []link{{from, to}}
		if f.Kind == "cut" {
			links = append(links, link{to, from})
		}
	}
	set := func(by int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, l := range links {
			w.net.alter(l, by)
		}
	}
	set(+1)
	return func() { set(-1) }
}

func (w *world) strikeAPI(f Fault) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Kind {
	case "api-away":
		w.api.away = true
		return w.locked(func() { w.api.away = false })
	case "api-conflict":
		w.api.fail = append(w.api.fail, conflictOnce)
	case "api-lost-request":
		w.api.fail = append(w.api.fail, loseRequest)
	case "api-lost-answer":
		w.api.fail = append(w.api.fail, loseAnswer)
	case "delete-record":
		w.deleted, w.rec = true, nil
		w.api.objects.Put(nil)
	case "request":
		w.api.request = f.Who
	}
	return nil
}

// locked is change under mu.
func (w *world) locked(change func()) func() {
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		change()
	}
}

// roll restarts every node as a StatefulSet does: from the last to the first, each
// when the one before is in step again.
func (w *world) roll() {
	for n := len(w.nodes) - 1; n >= 0; n-- {
		w.mu.Lock()
		was := w.nodes[n].runs
		w.mu.Unlock()
		w.leave(n)
		for range 300 {
			if sleep(w.ctx, 100*time.Millisecond) != nil {
				return
			}
			w.mu.Lock()
			ready := w.nodes[n].process != nil && w.nodes[n].runs > was && cluster.InSync(w.rec, cluster.Ordinal(n)) && !w.nodes[n].leaving
			w.mu.Unlock()
			if ready {
				break
			}
		}
	}
}

// nodeOf finds the node that a fault means now.
func (w *world) nodeOf(who string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.rec
	n := w.numberOf(who)
	if rec != nil {
		switch who {
		case "main":
			n = int(rec.Main)
		case "seat":
			n = int(rec.Seat)
		case "other":
			for i := range w.nodes {
				if cluster.Ordinal(i) != rec.Main && cluster.Ordinal(i) != rec.Seat {
					n = i
				}
			}
		}
	}
	if n < 0 || n >= len(w.nodes) {
		return 0
	}
	return n
}

func (w *world) numberOf(who string) int {
	n, err := strconv.Atoi(strings.TrimLeft(who, "abcdefghijklmnopqrstuvwxyz"))
	if err != nil {
		return 0
	}
	return n
}

func (w *world) controllerOf(who string) *replica {
	w.mu.Lock()
	defer w.mu.Unlock()
	if who == "leader" {
		for _, c := range w.replicas {
			if c.leading {
				return c
			}
		}
		return w.replicas[0]
	}
	return w.replicas[w.numberOf(who)%len(w.replicas)]
}

func (w *world) partyOf(who string) party {
	switch {
	case who == "api":
		return apiServer
	case who == "leader", strings.HasPrefix(who, "controller"):
		return w.controllerOf(who).party()
	case strings.HasPrefix(who, "client"):
		return clientParty(w.numberOf(who))
	}
	return nodeParty(w.nodeOf(who))
}

func (w *world) parties() []party {
	list := []party{apiServer}
	for n := range w.nodes {
		list = append(list, nodeParty(n))
	}
	for c := range w.replicas {
		list = append(list, controllerParty(c))
	}
	for k := range w.plan.Clients {
		list = append(list, clientParty(k))
	}
	return list
}
