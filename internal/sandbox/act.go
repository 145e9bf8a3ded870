package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/sandbox/view"
)

var _ view.Source = (*Sandbox)(nil)

// leisure is more than a leader ever lets pass between two snapshots unless it
// is waiting for a node to answer a step.
const leisure = 2500 * time.Millisecond

// scene gathers what is known at this moment.
func (s *Sandbox) scene() scene {
	sc := scene{
		write: local(s.slots[0].write), read: local(s.slots[0].read), page: s.Page(0),
		topology: s.topology, record: s.record.Load(),
	}
	for _, sl := range s.slots {
		info := controllerInfo{name: sl.name, write: sl.write, read: sl.read, page: port(sl.page)}
		var r *app.Replica
		if r, info.started = sl.alive(); r != nil {
			st := r.Status()
			info.alive, info.leads = true, st.Leading
			info.held = st.Gateway.Held
			info.sessions = max(st.Gateway.Clients-st.Gateway.Held, 0)
			if st.Leading && st.Snapshot != nil {
				s.seen.Store(st.Snapshot)
				sc.stalled = time.Since(st.Snapshot.At) > leisure
			}
		}
		sc.controllers = append(sc.controllers, info)
	}
	if seen := s.seen.Load(); seen != nil {
		sc.why, sc.conditions = s.memory.decided(seen), seen.Decision.Conditions
		if epoch(seen.Record) != epoch(sc.record) {
			sc.why = "" // it was about another reign
		}
		sc.sightings, sc.unseen = s.memory.merge(seen.Nodes)
	}
	sc.product = s.product(sc.sightings)
	for i := range s.topology {
		sc.infos = append(sc.infos, s.supervisor.Info(cluster.Ordinal(i)))
	}
	sc.cut = s.network.cutOff()
	if sc.record != nil && sc.record.Stage == cluster.Serving && sc.led() && sc.reigns() {
		s.served.Store(true)
	}
	sc.young = !s.served.Load() && time.Since(s.opened) < youth && (sc.record == nil || sc.has(sc.record.Main))
	return sc
}

// epoch returns the epoch of a record, 0 if there is none.
func epoch(r *cluster.Record) cluster.Epoch {
	if r == nil {
		return 0
	}
	return r.Epoch
}

// youth is how long a sandbox may take to serve for the first time before that
// is more than its start.
const youth = 10 * time.Second

// memory is what leaders have seen of the nodes, and decided. A new one has seen
// nobody; what its predecessor saw of a process is shown until it has looked.
type memory struct {
	mu    sync.Mutex
	nodes []cluster.Sighting
	why   string
}

// decided returns the last decision. The answer to a request is for who has
// asked, and not what the leader is doing.
func (m *memory) decided(seen *controller.Snapshot) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case seen.Err != nil:
		m.why = seen.Err.Error()
	case len(seen.Decision.Handled) == 0:
		m.why = seen.Decision.Why
	}
	return m.why
}

// merge returns what the leader sees, where it has not looked yet what was seen
// last, and whether there is such a node.
func (m *memory) merge(seen []cluster.Sighting) (known []cluster.Sighting, unseen bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known = slices.Clone(seen)
	for i, now := range known {
		if now.Contact != cluster.NotProbed {
			continue
		}
		unseen = true
		if i < len(m.nodes) && (now.Process == m.nodes[i].Process || !now.Process.Known()) {
			known[i] = m.nodes[i]
		}
	}
	m.nodes = known
	return slices.Clone(known), unseen
}

// Snapshot implements view.Source.
func (s *Sandbox) Snapshot() view.Snapshot { return s.scene().snapshot() }

// Do implements view.Source: it carries out one command.
func (s *Sandbox) Do(ctx context.Context, line string) (string, error) {
	c, err := parse(line, len(s.topology))
	if err != nil {
		return "", err
	}
	switch {
	case c.verb == quit:
		return "", view.ErrQuit
	case c.verb == forget:
		return s.forget()
	case c.verb == change:
		return s.ask(ctx, cluster.Request{Ask: cluster.AskSwitchover, Node: c.target.node})
	case c.target.leader:
		i, err := s.CrashLeader()
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s crashed; its lease runs out in at most %s", s.slots[i].name, s.opts.Lease.LeaseDuration), nil
	}
	targets, err := s.targets(c)
	if err != nil {
		return "", err
	}
	var said []string
	for _, n := range targets {
		var one string
		switch c.verb {
		case adopt:
			one, err = s.ask(ctx, cluster.Request{Ask: cluster.AskAdopt, Node: n})
		case promote:
			one, err = s.ask(ctx, cluster.Request{Ask: cluster.AskPromote, Node: n, AcceptDataLoss: c.accept})
		default:
			one, err = s.one(ctx, c.verb, n)
		}
		if err != nil {
			return "", err
		}
		said = append(said, one)
	}
	if len(targets) == 0 {
		return "nothing to " + string(c.verb), nil
	}
	text := strings.Join(said, ", ")
	if undo, ok := undoes[c.verb]; ok {
		whom := "all"
		if len(targets) == 1 {
			whom = fmt.Sprint(int(targets[0]))
		}
		text += fmt.Sprintf("; undo it with: %s %s", undo, whom)
	}
	return text, nil
}

// undoes says which command undoes another.
var undoes = map[verb]verb{pause: resume, cut: heal}

// targets finds out whom a command is meant for.
func (s *Sandbox) targets(c command) ([]cluster.Ordinal, error) {
	switch {
	case c.target.main:
		r := s.record.Load()
		if r == nil {
			return nil, errors.New("nobody is MAIN yet")
		}
		return []cluster.Ordinal{r.Main}, nil
	case c.target.all:
		var all []cluster.Ordinal
		for i, off := range s.network.cutOff() {
			n := cluster.Ordinal(i)
			info := s.supervisor.Info(n)
			fits := map[verb]bool{
				kill: info.PID != 0, pause: info.PID != 0 && !info.Paused, resume: info.Paused, cut: !off, heal: off,
			}
			if fits[c.verb] {
				all = append(all, n)
			}
		}
		return all, nil
	default:
		return []cluster.Ordinal{c.target.node}, nil
	}
}

// one does one thing to one node and says so.
func (s *Sandbox) one(ctx context.Context, v verb, n cluster.Ordinal) (string, error) {
	name := s.topology.Name(n)
	switch v {
	case kill:
		return "killed " + name, s.supervisor.Kill(n)
	case pause:
		return "paused " + name, s.supervisor.Pause(n)
	case resume:
		return "resumed " + name, s.supervisor.Resume(n)
	case wipe:
		return name + " starts with an empty disk; its data are kept aside in " + s.places[n].dir, s.supervisor.Wipe(ctx, n)
	case cut:
		return "cut " + name + " off", s.network.cut(ctx, n)
	default:
		return "healed " + name, s.network.heal(ctx, n)
	}
}
