package gateway

import (
	"slices"
	"sync/atomic"
	"time"
)

// node is one server as the current route vouches for it. Sessions belong to
// a node and end with it; a MAIN whose guard has broken is another node.
// All fields but pause are guarded by Gateway.mu.
type node struct {
	addr     string
	database string                // of a MAIN: what it must hold to be confirmed
	epoch    uint64                // of a MAIN; zero for readers
	reader   bool                  // a replica
	sessions map[*session]struct{} // dialing ones included
	gone     signal                // the node has ended

	// Of a MAIN only.
	again     bool   // a guard to it has broken under this Route
	confirmed bool   // true while guard stands, or from the start without a Confirmer
	guard     Guard  // set with confirmed; nil without a Confirmer
	abort     func() // ends the question under way; nil while there is none
	pause     atomic.Pointer[quiet]
}

// quiet is one pause: over is closed when bytes may flow again.
type quiet struct {
	mild  bool // what has begun goes on; what is no Bolt waits at once
	until time.Time
	over  chan struct{}
}

func newNode(addr string, epoch uint64) *node {
	return &node{addr: addr, epoch: epoch, sessions: map[*session]struct{}{}, gone: signal{done: make(chan struct{})}}
}

// end cuts the node's sessions and returns how many were carrying bytes.
// A nil node has none.
func (n *node) end() int {
	if n == nil {
		return 0
	}
	n.gone.raise() // first: with thousands of sessions the last one is reached milliseconds later
	if n.abort != nil {
		n.abort()
	}
	cut := 0
	for s := range n.sessions {
		if s.cut() {
			cut++
		}
	}
	clear(n.sessions)
	return cut
}

// hush stops bytes towards n until speak. The deadline stops a write that has
// already begun; the rest of it waits at the pause like everything after it.
func (n *node) hush(q *quiet) {
	n.pause.Store(q)
	for s := range n.sessions {
		if s.server != nil && (!q.mild || !s.understood) {
			_ = s.server.SetWriteDeadline(past) // fails only on a closed connection
		}
	}
}

// unhush has a session that is understood now write through a mild pause, which had
// stopped it. One that was cut keeps its deadline. Gateway.mu is held.
func (n *node) unhush(s *session) {
	if q := n.pause.Load(); q != nil && q.mild && !s.gone.raised() {
		_ = s.server.SetWriteDeadline(time.Time{}) // fails only on a closed connection
	}
}

// speak ends a pause, if there is one.
func (n *node) speak() {
	q := n.pause.Load()
	if q == nil {
		return
	}
	for s := range n.sessions {
		if s.server != nil {
			_ = s.server.SetWriteDeadline(time.Time{})
		}
	}
	n.pause.Store(nil)
	close(q.over)
}

// Follow makes r the current route. Sessions it does not allow are cut before
// Follow returns; it waits for no peer, so it takes microseconds a session.
// A route of an older epoch is ignored: the watch that brought it is stale.
// A Paused route that follows a Paused one of the same epoch and Main does not
// prolong the pause.
func (g *Gateway) Follow(r Route) {
	r = r.own()
	g.mu.Lock()
	old := g.route
	if r.Epoch < old.Epoch || r.sameDoor(old) && slices.Equal(r.Readers, old.Readers) {
		g.mu.Unlock()
		return
	}
	g.route = r
	cut := g.followMain(old) + g.followReaders()
	g.counts.cut += uint64(cut)
	g.broadcast()
	g.mu.Unlock()

	log := g.opt.Log.Info
	if r.Epoch == old.Epoch && r.Main == old.Main && cut == 0 {
		log = g.opt.Log.Debug
	}
	log("route changed", "epoch", r.Epoch, "main", r.Main, "state", r.State, "readers", len(r.Readers), "cut", cut)
}

// followMain brings g.main in line with g.route and returns the number of
// sessions cut. g.mu is held.
func (g *Gateway) followMain(old Route) int {
	r, cut := g.route, 0
	// A database that was not known before is no other one: MAIN stays.
	fresh := r.Epoch != old.Epoch || r.Main != old.Main || r.Database != old.Database && old.Database != ""
	if !fresh && g.main != nil {
		g.main.database = r.Database
	}
	if fresh {
		cut = g.main.end()
		g.main = nil
		if r.Main != "" {
			g.main = newNode(r.Main, r.Epoch)
			g.main.database = r.Database
			g.main.confirmed = g.opt.Confirmer == nil
		}
	}
	switch {
	case g.main == nil:
	case r.State == Open:
		g.main.speak()
	case r.State.pauses() && (fresh || !old.State.pauses() && g.main.pause.Load() == nil):
		g.main.hush(&quiet{mild: r.State == Draining, until: time.Now().Add(g.opt.MaxPause), over: make(chan struct{})})
	}
	return cut
}

// followReaders brings g.readers in line with g.route and returns the number
// of sessions cut. g.mu is held.
func (g *Gateway) followReaders() int {
	cut, came := 0, false
	for addr, n := range g.readers {
		switch {
		case slices.Contains(g.route.Readers, addr):
		case addr == g.route.Main: // who reads there could write now
			cut += n.end()
			delete(g.readers, addr)
		default:
			cut += g.retire(n)
			delete(g.readers, addr)
		}
	}
	for n := range g.retired {
		if n.addr == g.route.Main {
			cut += g.dismiss(n)
		}
	}
	for _, addr := range g.route.Readers {
		if g.readers[addr] == nil {
			g.readers[addr] = g.reader(addr)
			came = true
		}
	}
	if came {
		g.balance()
	}
	return cut
}

// serving reports whether a client may be handed to g.main now. g.mu is held.
func (g *Gateway) serving() bool {
	m := g.main
	if m == nil || !m.confirmed || m.guard != nil && closed(m.guard.Done()) {
		return false
	}
	// A pause that has reached its limit no longer keeps anyone out (P9).
	return g.route.State == Open || g.route.State.pauses() && m.pause.Load() == nil
}

// broadcast wakes everyone who waits for a change. g.mu is held.
func (g *Gateway) broadcast() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// cutAll ends every node, at shutdown. Clients still at the door are turned
// away by their context.
func (g *Gateway) cutAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	cut := g.main.end()
	g.main = nil
	for _, n := range g.readers {
		cut += n.end()
	}
	clear(g.readers)
	for n := range g.retired {
		cut += g.dismiss(n)
	}
	g.counts.cut += uint64(cut)
	g.broadcast()
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
