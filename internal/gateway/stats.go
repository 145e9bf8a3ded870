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

	HeldTotal     uint64        // clients that were ever held
	CutTotal      uint64        // sessions ended by the gateway
	RefusedTotal  uint64        // clients closed at once because of a limit
	TimedOutTotal uint64        // clients closed after HoldTimeout
	LongestHold   time.Duration // of all holds so far, the present ones included

	BytesToServer uint64
	BytesToClient uint64
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
	held, cut, refused, timedOut uint64
	longestHold                  time.Duration
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
		HeldTotal:     g.counts.held,
		CutTotal:      g.counts.cut,
		RefusedTotal:  g.counts.refused,
		TimedOutTotal: g.counts.timedOut,
		LongestHold:   g.counts.longestHold,
		BytesToServer: g.toServer.Load(),
		BytesToClient: g.toClient.Load(),
	}
	now := time.Now()
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
