package controller

import (
	"context"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/cluster"
)

// look is the outcome of one look at a node.
type look struct {
	node     cluster.Ordinal
	sighting cluster.Sighting
	state    NodeState
	turn     uint64 // the prober's turn in which it began
	settled  bool   // the process was the same before and after
	took     time.Duration
}

// prober looks at one node, on a schedule and on hints.
type prober struct {
	node  cluster.Ordinal
	hints chan struct{}
	turn  atomic.Uint64             // counts the steps taken on the node: an older look is void
	asked time.Time                 // when the platform was last asked about it; of the loop's goroutine
	broke atomic.Pointer[time.Time] // when its connection broke or its process ended, first since it was last whole; nil: neither
}

func newProber(n cluster.Ordinal) *prober {
	return &prober{node: n, hints: make(chan struct{}, 1)}
}

// hint asks for a look now.
func (p *prober) hint() { nudge(p.hints) }

// shaken says that the connection that is kept to the node broke, or came up.
func (p *prober) shaken() {
	p.parted()
	p.hint()
}

// parted notes that the node is not what it was, if that is news.
func (p *prober) parted() {
	now := time.Now()
	p.broke.CompareAndSwap(nil, &now)
}

// whole forgets what broke before at: the node has answered after it.
func (p *prober) whole(at time.Time) {
	if b := p.broke.Load(); b != nil && b.Before(at) {
		p.broke.CompareAndSwap(b, nil)
	}
}

// invalidate voids looks that began before now: a step has changed the node.
func (p *prober) invalidate() { p.turn.Add(1) }

// run looks at the node until ctx ends.
func (p *prober) run(ctx context.Context, nodes Nodes, platform Platform, out chan<- look) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.hints:
		}
		v := p.look(ctx, nodes, platform)
		select {
		case <-ctx.Done():
			return
		case out <- v:
		}
		timer.Reset(max(probeEvery-v.took, 0)) // one that was in vain is repeated at once
	}
}

// look looks at the node once, within probeTimeout.
func (p *prober) look(ctx context.Context, nodes Nodes, platform Platform) look {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	v := look{node: p.node, turn: p.turn.Load(), state: platform.State(p.node)}
	began := time.Now()
	v.sighting = nodes.Look(ctx, p.node)
	v.took = time.Since(began)
	after := platform.State(p.node)
	v.settled = after.Process == v.state.Process
	v.state = after
	return v
}

// take merges a look into what is known. One that a step or a restart has
// overtaken is void, and another is asked for.
func (l *Loop) take(v look) {
	p := l.probes[v.node]
	if v.took >= frozen {
		// It is this process that stood still. What it did not hear meanwhile says
		// nothing of anybody: silence counts anew.
		l.term = time.Now()
		p.hint()
		return
	}
	if v.turn != p.turn.Load() || !v.settled {
		p.hint()
		l.platform()
		return
	}
	now := time.Now()
	s := v.sighting
	s.Since = now
	if s.Contact != cluster.Answered {
		s.Answered = l.nodes[v.node].Answered
		s.Opinions = l.nodes[v.node].Opinions
	}
	s.Process, s.AsOf, s.Gone, s.Leaving, s.Aside = v.state.Process, v.state.AsOf, v.state.Gone, v.state.Leaving, v.state.Aside
	l.lives[v.node].saw(s.Contact, s.Process, now)
	if s.Contact == cluster.Answered && l.lives[v.node].outlived(s.Process, now) {
		s.Contact = cluster.NotProbed
	}
	s = s.After(l.nodes[v.node])
	if s.Contact == cluster.Answered {
		l.Meter.Looked(v.node, v.took)
		l.reigns(v.node, &s)
	}
	l.nodes[v.node] = s
}

// reigns follows node n, which has answered as s, if it is the recorded MAIN and says so.
func (l *Loop) reigns(n cluster.Ordinal, s *cluster.Sighting) {
	if l.rec == nil || n != l.rec.Main || s.Role != cluster.RoleMain {
		return
	}
	if l.heard.node != n {
		l.trail = trail{}
	}
	l.heard.node, l.heard.at = n, s.Answered
	l.probes[n].whole(s.Answered)
	if s.Listed {
		l.trail.fill(s)
	}
}

// lived is when MAIN was last known to live: when its process was seen to end, by its
// connection or by the platform, or else when it last answered as MAIN. The zero time if
// it has not answered in this term.
func (l *Loop) lived() time.Time {
	m, _, _ := l.silence()
	if m != l.heard.node || l.heard.at.IsZero() {
		return time.Time{}
	}
	s, broke := l.nodes[m], l.probes[m].broke.Load()
	ended := s.Gone || s.Contact == cluster.Refused || s.Role != cluster.RoleMain
	if ended && broke != nil && broke.After(l.heard.at) {
		return *broke
	}
	return l.heard.at
}

// life is what the loop saw of a node's process with its own eyes.
type life struct {
	heard   cluster.Process // the one that answered last
	ended   cluster.Process // the one whose port refused after it had answered
	endedAt time.Time
}

// platformLag bounds how long a platform may go on naming a process that has
// ended. The kubelet looks at its containers once a second and reports at once.
const platformLag = 10 * time.Second

// saw notes how a look ended while the platform named process p.
func (v *life) saw(c cluster.Contact, p cluster.Process, now time.Time) {
	switch {
	case c == cluster.Answered && !v.outlived(p, now):
		v.heard = p
	case c == cluster.Refused && p.Known() && p == v.heard:
		v.ended, v.endedAt = p, now
	}
}

// outlived reports whether what answers now cannot be p, though the platform
// still says so: p was seen to end, and what came after it has no name yet.
func (v *life) outlived(p cluster.Process, now time.Time) bool {
	return p.Known() && p == v.ended && now.Sub(v.endedAt) < platformLag
}

// drain merges the looks that are ready, so that a pass that acts for long
// still sees the other nodes. What the platform knows by now comes last: a look
// may have waited here while its node restarted.
func (l *Loop) drain() {
	for {
		select {
		case v := <-l.looks:
			l.take(v)
		case v := <-l.opinions:
			l.hear(v)
		default:
			l.platform()
			return
		}
	}
}

// platform takes over what the platform knows without asking the nodes. What
// another process said is not what this one says.
func (l *Loop) platform() {
	for n := range l.nodes {
		st, s := l.Platform.State(cluster.Ordinal(n)), &l.nodes[n]
		if st.Gone && !s.Gone && s.Contact == cluster.Answered {
			l.probes[n].parted() // the platform was faster than the connection
		}
		if st.Process != s.Process {
			if s.Contact != cluster.NotProbed {
				s.Contact, s.Since = cluster.NotProbed, time.Now()
			}
			l.probes[n].hint()
		}
		s.Process, s.AsOf, s.Gone, s.Leaving, s.Aside = st.Process, st.AsOf, st.Gone, st.Leaving, st.Aside
	}
}

// name asks the platform anew about the nodes whose process it may have named too
// early, one question a node at a time.
func (l *Loop) name(ctx context.Context) {
	now := time.Now()
	for n, s := range l.nodes {
		p := l.probes[n]
		if !s.Overdue(now) || now.Sub(p.asked) < askEvery {
			continue
		}
		p.asked = now
		l.wg.Go(func() {
			asked, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			if l.Platform.Refresh(asked, cluster.Ordinal(n)) == nil {
				l.Kick()
			}
		})
	}
}

// opinions are the answers of the other controllers about one node.
type opinions struct {
	node cluster.Ordinal
	list []cluster.Opinion
}

// silence returns the MAIN that does not answer, and when it last did in this
// term; false if MAIN answers, refuses or is not known.
func (l *Loop) silence() (cluster.Ordinal, time.Time, bool) {
	if l.rec == nil || l.rec.Main < 0 || int(l.rec.Main) >= len(l.nodes) {
		return cluster.NoNode, time.Time{}, false
	}
	s := l.nodes[l.rec.Main]
	heard := s.Answered
	if heard.Before(l.term) {
		heard = l.term
	}
	return l.rec.Main, heard, s.Contact == cluster.Silent || s.Contact == cluster.Foreign
}

// unheard reports whether MAIN's grace is over and the other controllers have
// not said yet what they see: a loop that was busy, or a grace shorter than a
// look, left no time to ask.
func (l *Loop) unheard() bool {
	m, heard, silent := l.silence()
	return l.Peers != nil && silent && time.Since(heard) >= l.Policy.FailAfter && (l.told.node != m || l.told.at.Before(heard))
}

// ask has the other controllers look at a MAIN that has fallen silent, in time
// for the end of its grace.
func (l *Loop) ask(ctx context.Context) {
	m, heard, silent := l.silence()
	if l.Peers == nil || l.asking || !silent || time.Since(heard) < l.Policy.FailAfter-askAhead || time.Since(l.asked) < askEvery {
		return
	}
	l.asking, l.asked = true, time.Now()
	newest := l.rec.Epoch
	l.wg.Go(func() {
		asked, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		v := opinions{node: m, list: l.Peers.Ask(asked, m, newest)}
		select {
		case <-ctx.Done():
		case l.opinions <- v:
		}
	})
}

func (l *Loop) hear(v opinions) {
	l.asking = false
	l.told.node, l.told.at = v.node, time.Now()
	l.nodes[v.node].Opinions = v.list
}
