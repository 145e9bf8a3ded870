package sandbox

import (
	"fmt"
	"slices"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/view"
)

// lacks says what is missing until every part could fail without loss, "" if
// nothing is.
func (s scene) lacks() string {
	if why := s.unsteady(); why != "" {
		return why
	}
	for i := range s.topology {
		if why := s.nodeLacks(cluster.Ordinal(i)); why != "" {
			return s.topology[i].Name + " " + why
		}
	}
	return s.unguarded()
}

// outOfStep says what a rolling restart has to wait for before it goes on, "" if nothing.
// It is what the readiness gate of Kubernetes tells, and also under writes the truth.
func (s scene) outOfStep() string {
	if why := s.unsteady(); why != "" {
		return why
	}
	for i := range s.topology {
		n := cluster.Ordinal(i)
		if row := s.node(n); row.State != "up" {
			return s.topology[i].Name + " is " + row.State
		}
		if !cluster.InSync(s.record, n) {
			return s.topology[i].Name + " is not in step"
		}
	}
	return s.unguarded()
}

// unsteady says what the controllers lack, or are about to do.
func (s scene) unsteady() string {
	switch {
	case slices.ContainsFunc(s.controllers, func(c controllerInfo) bool { return !c.alive }):
		return "a controller is down"
	case !s.led():
		return "no controller leads"
	case s.stalled:
		return "the leader waits for an answer"
	case s.record == nil:
		return "there is no record yet"
	case s.record.Stage != cluster.Serving:
		return "the record is in stage " + s.record.Stage.String()
	case len(s.record.Rebuilds) > 0:
		return "a node is being rebuilt"
	}
	return ""
}

// unguarded says why the next failure of MAIN would be one too many.
func (s scene) unguarded() string {
	if s.unseen {
		return "the leader has not looked at every node yet"
	}
	if !s.reigns() {
		return "MAIN does not serve"
	}
	if len(s.topology) > 1 && len(s.record.Promotable) == 0 {
		return "no replica is promotable"
	}
	return ""
}

// nodeLacks says what is missing at one node.
func (s scene) nodeLacks(n cluster.Ordinal) string {
	row, info, seen := s.node(n), s.infos[n], s.sighting(n)
	switch {
	case row.State == view.Starts:
		return view.Starts
	case row.State != "up":
		return "is " + row.State
	case row.Note != "":
		return "is " + row.Note
	case seen.Process != info.Process:
		return "has restarted unseen"
	case n == s.record.Main:
		return ""
	case row.Role != cluster.RoleReplica.String():
		return "is no replica"
	}
	r, ok := s.sighting(s.record.Main).Replica(n)
	switch {
	case !ok:
		return "is not registered"
	case !r.Whole():
		return fmt.Sprintf("is %s, behind %d", row.Status, r.Behind)
	}
	return ""
}
