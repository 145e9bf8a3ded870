package sandbox

import (
	"errors"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/internal/sandbox/nodes"
)

var _ bench.Cluster = (*Sandbox)(nil)

// Doors returns the read/write gateways of the controllers that live and stay.
func (s *Sandbox) Doors() []bench.Door {
	var doors []bench.Door
	for i, sl := range s.slots {
		if r, _ := sl.alive(); r != nil && sl.stays() {
			doors = append(doors, bench.Door{Replica: i, Addr: sl.write, Leads: r.Status().Leading})
		}
	}
	return doors
}

// ReadDoors returns the addresses of their read-only gateways.
func (s *Sandbox) ReadDoors() []string {
	var doors []string
	for _, sl := range s.slots {
		if sl.stays() {
			doors = append(doors, sl.read)
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

// OutOfStep says what a rolling restart has to wait for before it goes on, "" if nothing:
// less than to be fully redundant, which under writes cannot be seen at every moment.
func (s *Sandbox) OutOfStep() string { return s.scene().outOfStep() }

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
