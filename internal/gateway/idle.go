package gateway

import (
	"context"
	"time"
)

// endIdle ends sessions that ask nothing, and those whose clients receive nothing, until
// ctx ends. Nothing is noted with every message but that there was one: they are looked
// at now and then.
func (g *Gateway) endIdle(ctx context.Context) {
	every := g.opt.StallTimeout / 4
	if g.opt.IdleTimeout > 0 {
		every = min(every, g.opt.IdleTimeout/4)
	}
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			g.lookForIdle(now)
		}
	}
}

func (g *Gateway) lookForIdle(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.nodes() {
		for s := range n.sessions {
			since := s.writing.Load()
			switch {
			case since != 0 && now.Sub(time.Unix(0, since)) >= g.opt.StallTimeout:
				if s.cut() {
					g.counts.stalled++
				}
				delete(n.sessions, s)
			case g.opt.IdleTimeout > 0 && s.idleFor(now) >= g.opt.IdleTimeout:
				s.expired = true
				s.ends.Store(true)
				s.depart()
			}
		}
	}
}

// idleFor returns how long nothing was open in the session and nothing asked, as far as
// these looks at it tell. Gateway.mu is held.
func (s *session) idleFor(now time.Time) time.Duration {
	reads := s.reads.Load()
	if s.server == nil || !s.understood || reads != s.asked || !s.rests() {
		s.quiet, s.asked = now, reads
		return 0
	}
	return now.Sub(s.quiet)
}
