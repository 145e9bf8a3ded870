package gateway

import (
	"context"
	"errors"
	"net"
	"time"
)

var (
	errHoldTimeout = errors.New("held for too long")
	errHoldFull    = errors.New("too many clients held")
)

// visitor is a client that has no session yet.
type visitor struct {
	door  Door
	conn  net.Conn
	talk  *talk          // nil: no Bolt
	first []byte         // of a client that speaks no Bolt: what was read of it
	comes time.Time      // when it came, or its last visit ended
	since time.Time      // when it began to be held; zero if it never was
	tried map[*node]bool // nodes that could not be dialed in this round
}

// admit finds the server that the client may talk to and returns a session
// whose bytes may flow. The client is held while there is none, for at most
// HoldTimeout from its arrival, or from the end of its last visit.
func (g *Gateway) admit(ctx context.Context, v *visitor) (*session, error) {
	ctx, cancel := context.WithDeadlineCause(ctx, v.comes.Add(g.opt.HoldTimeout), errHoldTimeout)
	defer cancel()
	v.since, v.tried = time.Time{}, map[*node]bool{}
	defer g.release(v)
	delay := retryMin
	for {
		s, changed := g.try(ctx, v)
		if s != nil {
			return s, nil
		}
		if err := g.hold(v); err != nil {
			return nil, err
		}
		if len(v.tried) > 0 {
			sleep(ctx, delay, changed)
			delay = min(2*delay, retryMax)
			clear(v.tried)
		} else {
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// try dials the nodes open to v, best first. It returns a session, or nil and
// the channel that tells of the next change.
func (g *Gateway) try(ctx context.Context, v *visitor) (*session, <-chan struct{}) {
	for {
		dial, cancel := context.WithTimeout(ctx, g.opt.DialTimeout)
		s, changed := g.enrol(v, cancel)
		if s == nil {
			cancel()
			return nil, changed
		}
		server, err := g.reach(dial, s)
		cancel()
		if err == nil {
			if g.seat(s, server) {
				return s, nil
			}
			server.Close()
		} else {
			v.tried[s.node] = true
			g.undialed(ctx, s)
		}
		g.leave(s)
	}
}

// enrol chooses a node for v and enters a session there, so that a change of
// route finds it while it is still dialing.
func (g *Gateway) enrol(v *visitor, abort func()) (*session, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.choose(v)
	if n == nil {
		return nil, g.changed
	}
	s := newSession(g, v, n, abort)
	n.sessions[s] = struct{}{}
	return s, g.changed
}

// choose returns the node that v may go to now, or nil. g.mu is held.
func (g *Gateway) choose(v *visitor) *node {
	if v.door == ReadOnly {
		var best *node
		g.turn++
		for i := range g.route.Readers {
			addr := g.route.Readers[(g.turn+i)%len(g.route.Readers)]
			n := g.readers[addr]
			if n != nil && !v.tried[n] && (best == nil || len(n.sessions) < len(best.sessions)) {
				best = n
			}
		}
		if best != nil || g.opt.NoReadFallback {
			return best
		}
	}
	if g.serving() && !v.tried[g.main] {
		return g.main
	}
	return nil
}

// seat hands the client over: from here on bytes may flow and a cut closes
// both connections. It reports false if the node has ended or may no longer
// be used since it was chosen (P5).
func (g *Gateway) seat(s *session, server net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := s.node.sessions[s]; !ok || s.node == g.main && !g.serving() {
		return false
	}
	s.server = server
	return true
}

// leave takes a session that has ended out of its node.
func (g *Gateway) leave(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(s.node.sessions, s)
}

// undialed counts a server that could not be reached, unless the try was given up.
func (g *Gateway) undialed(ctx context.Context, s *session) {
	if ctx.Err() != nil || s.gone.raised() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts.undialed++
}

// hold counts v among the held, or refuses.
func (g *Gateway) hold(v *visitor) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !v.since.IsZero() {
		return nil
	}
	if len(g.held) >= g.opt.HoldQueue {
		return errHoldFull
	}
	v.since = time.Now()
	g.held[v] = struct{}{}
	g.counts.held++
	return nil
}

// release ends the hold of v, if it was held.
func (g *Gateway) release(v *visitor) {
	if v.since.IsZero() {
		return
	}
	held := time.Since(v.since)
	g.mu.Lock()
	delete(g.held, v)
	g.counts.longestHold = max(g.counts.longestHold, held)
	g.mu.Unlock()
	g.opt.Held(held)
}

// turnedAway counts a client that never got a session.
func (g *Gateway) turnedAway(door Door, err error) {
	var msg string
	g.mu.Lock()
	switch {
	case errors.Is(err, errHoldFull):
		g.counts.refused++
		msg = "client refused: too many are held"
	case errors.Is(err, errHoldTimeout):
		g.counts.timedOut++
		msg = "client turned away: held for too long"
	}
	g.mu.Unlock()
	if msg != "" {
		g.complain(msg, "door", door)
	}
}
