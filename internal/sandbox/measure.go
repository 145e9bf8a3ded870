package sandbox

import (
	"errors"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/internal/sandbox/nodes"
)

var _ bench.Cluster = (*Sandbox)(nil)

// Doors returns the read/write gateways of the controllers that live.
func (s *Sandbox) Doors() []bench.Door {
	var doors []bench.Door
	for i, sl := range s.slots {
		if r, _ := sl.alive(); r != nil {
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
func (s *Sandbox) Epoch() cluster.Epoch { return epoch(s.record.Load()) }

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
