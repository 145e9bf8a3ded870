package gateway

import (
	"time"

	"memgraph-controller/internal/bolt"
)

// readerGrace is how long what has begun at a replica may go on once no reader is led
// there any more. Its data was fit for reading when it began.
const readerGrace = time.Second

// depart has the session leave its server as soon as nothing is open there: now if it
// is idle, with the answer it waits for, or before the next request of its client. It
// then goes on elsewhere, or ends if the gateway does. Gateway.mu is held.
func (s *session) depart() {
	s.departs.Store(true)
	s.wake()
}

// wake has whoever waits for the client look whether the session can leave.
func (s *session) wake() {
	if s.server != nil && s.understood && s.settled() {
		_ = s.client.SetReadDeadline(past) // fails only on a closed connection
	}
}

// settled reports whether nothing is open in the session. One that was changed cannot go
// on elsewhere, but can end.
func (s *session) settled() bool {
	standing := s.talk.standing()
	return standing == bolt.Idle || standing == bolt.Bound && s.ends.Load()
}

// rests reports whether nothing is open, in whatever session.
func (s *session) rests() bool {
	standing := s.talk.standing()
	return standing == bolt.Idle || standing == bolt.Bound
}

// stays reports whether the session goes on here after a read that was interrupted: it
// was woken too early, in the midst of something.
func (s *session) stays(err error) bool {
	if !timedOut(err) || !s.departs.Load() || s.settled() {
		return false
	}
	_ = s.client.SetReadDeadline(time.Time{})
	// It may have been cut, or have come to its end, just now.
	if s.gone.raised() || s.silent.Load() {
		return false
	}
	if s.settled() {
		_ = s.client.SetReadDeadline(past)
	}
	return true
}

// retire takes readers away from a node that no longer is fit for them: who is in the
// midst of something may end it within readerGrace. g.mu is held.
func (g *Gateway) retire(n *node) (cut int) {
	for s := range n.sessions {
		if s.understood {
			s.depart()
			continue
		}
		if s.cut() {
			cut++
		}
		delete(n.sessions, s) // one that is still dialing finds another node
	}
	if len(n.sessions) == 0 {
		return cut + n.end()
	}
	g.retired[n] = time.AfterFunc(readerGrace, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.counts.cut += uint64(g.dismiss(n))
	})
	return cut
}

// reader returns the node for a replica that is fit for readers. One that has been
// retired and is back, as after a switchover that was given up, keeps what has begun
// there; who was told to leave still does when it can. g.mu is held.
func (g *Gateway) reader(addr string) *node {
	for n, timer := range g.retired {
		if n.addr == addr { // there is one at most: whoever comes back takes it
			timer.Stop()
			delete(g.retired, n)
			return n
		}
	}
	n := newNode(addr, 0)
	n.reader = true
	return n
}

// dismiss ends a node that was retired, unless that has happened. g.mu is held.
func (g *Gateway) dismiss(n *node) int {
	timer, waits := g.retired[n]
	if !waits {
		return 0
	}
	timer.Stop()
	delete(g.retired, n)
	return n.end()
}

// balance moves readers to a replica that has come: as many as are too many elsewhere,
// and those that are at MAIN only because there was no replica. g.mu is held.
func (g *Gateway) balance() {
	total, readers := 0, len(g.readers)
	if readers == 0 {
		return
	}
	for _, n := range g.readers {
		total += len(n.sessions)
	}
	if g.main != nil {
		for s := range g.main.sessions {
			if s.door == ReadOnly {
				total++
				s.depart()
			}
		}
	}
	fair := (total + readers - 1) / readers
	for _, n := range g.readers {
		excess := len(n.sessions) - fair
		for s := range n.sessions {
			if excess <= 0 {
				break
			}
			if s.talk != nil { // one that is still on its way leaves when it has arrived
				s.depart()
				excess--
			}
		}
	}
}

// departAll has every session end as soon as nothing is open in it.
func (g *Gateway) departAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.nodes() {
		for s := range n.sessions {
			s.ends.Store(true)
			s.depart()
		}
	}
}

// nodes returns all that have sessions. g.mu is held.
func (g *Gateway) nodes() []*node {
	var list []*node
	if g.main != nil {
		list = append(list, g.main)
	}
	for _, n := range g.readers {
		list = append(list, n)
	}
	for n := range g.retired {
		list = append(list, n)
	}
	return list
}
