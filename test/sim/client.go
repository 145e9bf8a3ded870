package sim

import (
	"context"
	"time"
)

// attempt is what a client remembers of a write.
type attempt struct {
	id      int
	outcome outcome
}

// client writes, each id once, through one gateway after the other: it stays with
// one for as long as that serves it.
func (w *world) client(k int) {
	door := k % len(w.replicas)
	for w.ctx.Err() == nil {
		w.mu.Lock()
		think := w.between(40*time.Millisecond, 160*time.Millisecond)
		if w.plan.Idle {
			think = w.between(500*time.Millisecond, 12*time.Second)
		}
		quiet := w.quiet
		w.mu.Unlock()
		if sleep(w.ctx, think) != nil {
			return
		}
		if quiet {
			continue
		}
		w.mu.Lock()
		w.ids++
		id := w.ids
		c := w.replicas[door]
		g, up := c.gate, c.up
		w.mu.Unlock()
		o := refused
		if up && !c.isOff() {
			ctx, cancel := context.WithTimeout(w.ctx, 15*time.Second)
			o = w.through(ctx, k, g, id)
			cancel()
		}
		w.mu.Lock()
		w.attempts = append(w.attempts, attempt{id, o})
		w.mu.Unlock()
		if o != acked {
			door = (door + 1) % len(w.replicas)
		}
	}
}

// through is a client's way to a gateway and back.
func (w *world) through(ctx context.Context, k int, g *gate, id int) outcome {
	if w.pass(ctx, clientParty(k), g.c.party()) != nil {
		return refused
	}
	o := g.write(ctx, id)
	if w.pass(ctx, g.c.party(), clientParty(k)) != nil {
		return unknown
	}
	return o
}

func (c *replica) isOff() bool {
	return c.number < len(c.w.nodes) && c.w.isOff(c.number)
}
