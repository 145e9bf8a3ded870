package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/internal/sandbox/nodes"
	"memgraph-controller/internal/sandbox/view"
)

var (
	_ view.Source   = (*Sandbox)(nil)
	_ bench.Cluster = (*Sandbox)(nil)
)

// leisure is more than a leader ever lets pass between two snapshots unless it
// is waiting for a node to answer a step.
const leisure = 2500 * time.Millisecond

// scene gathers what is known at this moment.
func (s *Sandbox) scene() scene {
	sc := scene{
		write: local(s.slots[0].write), read: local(s.slots[0].read),
		topology: s.topology, record: s.record.Load(),
	}
	for _, sl := range s.slots {
		info := controllerInfo{name: sl.name, write: sl.write, read: sl.read}
		if r := sl.alive(); r != nil {
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
		sc.sightings, sc.why, sc.conditions = seen.Nodes, seen.Decision.Why, seen.Decision.Conditions
		if seen.Err != nil {
			sc.why = seen.Err.Error()
		}
	}
	sc.product = s.product(sc.sightings)
	for i := range s.topology {
		sc.infos = append(sc.infos, s.supervisor.Info(cluster.Ordinal(i)))
	}
	sc.cut = s.network.cutOff()
	return sc
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
	var said string
	for _, n := range targets {
		if said, err = s.one(ctx, c.verb, n); err != nil {
			return "", err
		}
	}
	if len(targets) == 0 {
		said = "nothing to " + string(c.verb)
	}
	return said, nil
}

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
			if c.verb == heal && off || c.verb == resume && s.supervisor.Info(n).Paused {
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
		return "paused " + name + "; let it go on with: resume " + fmt.Sprint(int(n)), s.supervisor.Pause(n)
	case resume:
		return "resumed " + name, s.supervisor.Resume(n)
	case wipe:
		return name + " starts with an empty disk; its data are kept aside in " + s.places[n].dir, s.supervisor.Wipe(ctx, n)
	case cut:
		return "cut " + name + " off; let it back with: heal " + fmt.Sprint(int(n)), s.network.cut(ctx, n)
	default:
		return "healed " + name, s.network.heal(ctx, n)
	}
}

// What follows implements bench.Cluster.

// Doors returns the read/write gateways of the controllers that live.
func (s *Sandbox) Doors() []bench.Door {
	var doors []bench.Door
	for i, sl := range s.slots {
		if r := sl.alive(); r != nil {
			doors = append(doors, bench.Door{Replica: i, Addr: sl.write, Leads: r.Status().Leading})
		}
	}
	return doors
}

// Nodes returns each node's own Bolt address.
func (s *Sandbox) Nodes() []string {
	var addrs []string
	for _, n := range s.topology {
		addrs = append(addrs, n.Bolt)
	}
	return addrs
}

// Main returns who reigns, false while nobody serves.
func (s *Sandbox) Main() (cluster.Ordinal, bool) {
	r := s.record.Load()
	if r == nil || r.Stage != cluster.Serving {
		return cluster.NoNode, false
	}
	return r.Main, true
}

// Epoch returns the present reign's number.
func (s *Sandbox) Epoch() cluster.Epoch {
	if r := s.record.Load(); r != nil {
		return r.Epoch
	}
	return 0
}

// Lacks says what is missing until the cluster is fully redundant.
func (s *Sandbox) Lacks() string { return s.scene().lacks() }

// Kill ends a node's process.
func (s *Sandbox) Kill(n cluster.Ordinal) error { return s.supervisor.Kill(n) }

// Pause stops a node's process.
func (s *Sandbox) Pause(n cluster.Ordinal) error { return s.supervisor.Pause(n) }

// Resume lets it go on; there is nothing to do if it has been replaced.
func (s *Sandbox) Resume(n cluster.Ordinal) error {
	if err := s.supervisor.Resume(n); err != nil && !errors.Is(err, nodes.ErrNotRunning) {
		return err
	}
	return nil
}
