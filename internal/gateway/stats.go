package gateway

import (
	"cmp"
	"slices"
	"time"
)

// Stats is what a Gateway was doing at one moment. Totals count from New.
type Stats struct {
	Epoch     uint64
	Main      string // host:port; empty while there is none
	State     State
	Confirmed bool        // a client would be handed to Main if State let it
	Nodes     []NodeStats // nodes of the current route, Main first, then readers by address

	Clients int // connected now, held ones included
	Held    int // held now
	Idle    int // sessions in which nothing is open
	Busy    int // sessions in which something is
	Plain   int // sessions of which that is not known

	ClientsTotal  uint64        // clients that ever came, those turned away included
	HeldTotal     uint64        // clients that were ever held
	CutTotal      uint64        // sessions ended by the gateway
	RefusedTotal  uint64        // clients closed at once because of a limit
	TimedOutTotal uint64        // clients closed after HoldTimeout
	UndialedTotal uint64        // vain tries to reach a server for a client
	MovedTotal    uint64        // idle sessions that went on at another server
	FailedTotal   uint64        // sessions whose client was told what became of its transaction
	ExpiredTotal  uint64        // sessions ended for being idle
	StalledTotal  uint64        // sessions ended because their client received nothing any more
	InsecureTotal uint64        // clients that did not come to terms about TLS
	PlainTotal    uint64        // sessions carried as plain TCP: not Bolt, or not a version that is known
	LongestHold   time.Duration // of all holds so far, the present ones included

	BytesToServer uint64
	BytesToClient uint64

	// Of the read/write door, over the last five whole seconds: how many times servers had
	// answered all that a client had asked, and how long that took since it was asked.
	// What was asked but not answered yet does not count.
	Answers                   int
	AnswerMean, AnswerLongest time.Duration
}

// NodeStats counts the open sessions at one node.
type NodeStats struct {
	Addr      string
	Main      bool
	ReadWrite int // sessions that came in by the read/write door
	ReadOnly  int // sessions that came in by the read-only door
}

// counts are the totals behind Stats, guarded by Gateway.mu.
type counts struct {
	clients, held, cut, refused, timedOut, undialed  uint64
	moved, failed, plain, expired, stalled, insecure uint64
	longestHold                                      time.Duration
}

// Stats returns a snapshot. It looks at each session once and waits for
// nothing; a call a second costs nothing that can be noticed.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := Stats{
		Epoch:         g.route.Epoch,
		Main:          g.route.Main,
		State:         g.route.State,
		Clients:       g.clients,
		Held:          len(g.held),
		ClientsTotal:  g.counts.clients,
		HeldTotal:     g.counts.held,
		CutTotal:      g.counts.cut,
		RefusedTotal:  g.counts.refused,
		TimedOutTotal: g.counts.timedOut,
		UndialedTotal: g.counts.undialed,
		MovedTotal:    g.counts.moved,
		FailedTotal:   g.counts.failed,
		PlainTotal:    g.counts.plain,
		InsecureTotal: g.counts.insecure,
		ExpiredTotal:  g.counts.expired,
		StalledTotal:  g.counts.stalled,
		LongestHold:   g.counts.longestHold,
		BytesToServer: g.toServer.Load(),
		BytesToClient: g.toClient.Load(),
	}
	for _, n := range g.nodes() {
		st.count(n)
	}
	now := time.Now()
	st.Answers, st.AnswerMean, st.AnswerLongest = g.pace.lately(now)
	for v := range g.held {
		st.LongestHold = max(st.LongestHold, now.Sub(v.since))
	}
	if m := g.main; m != nil {
		st.Confirmed = m.confirmed && (m.guard == nil || !closed(m.guard.Done()))
		st.Nodes = append(st.Nodes, m.stats(true))
	}
	for _, n := range g.readers {
		st.Nodes = append(st.Nodes, n.stats(false))
	}
	slices.SortFunc(st.Nodes, func(a, b NodeStats) int {
		if a.Main != b.Main {
			if a.Main {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Addr, b.Addr)
	})
	return st
}

// count adds the sessions of n by what they are doing. Gateway.mu is held.
func (st *Stats) count(n *node) {
	for s := range n.sessions {
		switch {
		case s.server == nil: // still dialing
		case !s.understood:
			st.Plain++
		case s.rests():
			st.Idle++
		default:
			st.Busy++
		}
	}
}

// stats counts the sessions of n that carry bytes. Gateway.mu is held.
func (n *node) stats(main bool) NodeStats {
	st := NodeStats{Addr: n.addr, Main: main}
	for s := range n.sessions {
		switch {
		case s.server == nil: // still dialing
		case s.door == ReadOnly:
			st.ReadOnly++
		default:
			st.ReadWrite++
		}
	}
	return st
}
