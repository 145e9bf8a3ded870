package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/inmemory"
)

// pace is how long the modelled servers, and the modelled API, take to answer.
const pace = time.Millisecond

// server is one modelled node: as much of Memgraph as a loop can notice.
type server struct {
	up, mute, leaving bool
	aside             cluster.Aside
	lagging           bool // an ASYNC replica: it never has all
	writing           bool // a MAIN: its standby does not have all of a write yet
	run               int  // counts its processes
	asOf              time.Time
	refreshed         int    // how often the platform was asked anew
	named             int    // the one the platform still names; 0: it knows the present one
	boot              string // of its machine
	role              cluster.Role
	uuid              string
	vertices          int64
	rows              []cluster.Replica
	master            cluster.Ordinal // whom it replicates from
	late              time.Duration   // how long the next look takes to be answered
	stopped           time.Duration   // how long the next look's own process stands still
	looks             int             // begun so far
	broken            chan struct{}   // closed when connections to it break or come up
}

// event is one thing that was done to the record or to a node.
type event struct {
	at   time.Time
	what string
}

// world is a cluster in memory: it is the Platform of loops, and with hands their
// Nodes, and its objects keep their record. All of it obeys the virtual clock.
type world struct {
	topology cluster.Topology
	objects  *inmemory.Objects

	mu      sync.Mutex
	servers []*server
	failing map[string]cluster.Failure // step → how it fails
	slow    map[string]time.Duration   // step → how long it takes
	steps   map[string]func()          // step → what happens as it begins
	events  []event
	away    bool // the API server answers nobody who asks about a pod
}

// newWorld returns n empty nodes, born as replicas, and no record.
func newWorld(n int) *world {
	w := &world{
		objects: inmemory.New(), failing: map[string]cluster.Failure{},
		slow: map[string]time.Duration{}, steps: map[string]func(){},
	}
	for i := range n {
		w.topology = append(w.topology, cluster.Node{
			Name: fmt.Sprintf("mg-%d", i), Bolt: fmt.Sprintf("mg-%d:7687", i), Replication: fmt.Sprintf("mg-%d:10000", i),
		})
		w.servers = append(w.servers, &server{
			up: true, run: 1, boot: "boot", role: cluster.RoleReplica, uuid: fmt.Sprintf("uuid-%d", i),
			master: cluster.NoNode, broken: make(chan struct{}),
		})
	}
	return w
}

// change alters node n without anybody being told.
func (w *world) change(n cluster.Ordinal, how func(*server)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how(w.servers[n])
}

// shake breaks the connections to node n, or lets them come up: watchers notice.
func (w *world) shake(n cluster.Ordinal) {
	w.change(n, func(s *server) {
		close(s.broken)
		s.broken = make(chan struct{})
	})
}

// crash ends the process of node n.
func (w *world) crash(n cluster.Ordinal) {
	w.change(n, func(s *server) { s.up = false })
	w.shake(n)
}

// start runs another process of node n: born as a replica, its data kept.
func (w *world) start(n cluster.Ordinal) {
	w.change(n, func(s *server) { s.begin() })
	w.shake(n)
}

func (s *server) begin() {
	s.up, s.mute, s.role, s.rows = true, false, cluster.RoleReplica, nil
	s.run++
}

// wipe is what an emptied volume leaves of a server.
func (s *server) wipe() { s.uuid, s.vertices, s.master = "wiped", 0, cluster.NoNode }

// look returns how many looks at node n have begun.
func (w *world) looks(n cluster.Ordinal) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[n].looks
}

// note writes down what happens now.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event{time.Now(), fmt.Sprintf(format, args...)})
}

// past returns what has happened since from, and forgets nothing.
func (w *world) past(from time.Time) []event {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.events, func(e event) bool { return !e.at.Before(from) })
	if i < 0 {
		return nil
	}
	return slices.Clone(w.events[i:])
}

// told returns what has happened since from, without the times.
func (w *world) told(from time.Time) []string {
	var list []string
	for _, e := range w.past(from) {
		list = append(list, e.what)
	}
	return list
}

// Look implements Nodes. The answer is as of the moment it was asked for.
func (w *world) Look(ctx context.Context, n cluster.Ordinal) cluster.Sighting {
	w.mu.Lock()
	s := w.servers[n]
	s.looks++
	v, mute, takes, broken := w.sight(n), s.mute, max(s.late, pace), s.broken
	s.late = 0
	stopped := s.stopped
	s.stopped = 0
	w.mu.Unlock()
	if stopped > 0 {
		time.Sleep(stopped)
		return cluster.Sighting{Contact: cluster.Silent}
	}
	switch {
	case v.Contact == cluster.Refused:
		return v
	case mute: // until it speaks, or is killed
		select {
		case <-ctx.Done():
			return cluster.Sighting{Contact: cluster.Silent}
		case <-broken:
			return w.Look(ctx, n)
		}
	}
	if sleep(ctx, takes) != nil {
		return cluster.Sighting{Contact: cluster.Silent}
	}
	return v
}

// sight is what node n would answer now. w.mu is held.
func (w *world) sight(n cluster.Ordinal) cluster.Sighting {
	s := w.servers[n]
	if !s.up {
		return cluster.Sighting{Contact: cluster.Refused}
	}
	v := cluster.Sighting{
		Contact: cluster.Answered, Answered: time.Now(), Role: s.role, Version: cluster.Version{Major: 3, Minor: 12}, WAL: cluster.Yes,
		Data: cluster.Data{Known: true, UUID: s.uuid, Vertices: s.vertices, Mode: "IN_MEMORY_TRANSACTIONAL"},
	}
	if s.role == cluster.RoleMain {
		v.Listed = true
		for _, r := range s.rows {
			t := w.servers[r.Node]
			r.Status = cluster.Ready
			if s.writing && r.Mode == cluster.StrictSync {
				r.Status = cluster.Replicating
			}
			if t.lagging && r.Mode == cluster.Async {
				r.Status, r.Behind = cluster.Recovering, -3
			}
			if !t.up || t.mute || t.role != cluster.RoleReplica || t.master != n {
				r.Status = cluster.Invalid
			}
			v.Replicas = append(v.Replicas, r)
		}
	}
	return v
}

// hands are the world as one controller acts on it.
type hands struct {
	*world
	whose string
}

// Do implements Nodes.
func (w hands) Do(ctx context.Context, step cluster.Step) error {
	text := step.String()
	w.note("%s: %s", w.whose, text)
	w.mu.Lock()
	takes, begun, failure := max(w.slow[text], pace), w.steps[text], w.failing[text]
	w.mu.Unlock()
	if begun != nil {
		begun()
	}
	fail := func(f cluster.Failure, text string) error {
		return &cluster.StepError{Step: step, Failure: f, Err: errors.New(text)}
	}
	if sleep(ctx, takes) != nil {
		return fail(cluster.Unclear, "given up")
	}
	if failure != 0 {
		return fail(failure, "it fails in this test")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.servers[step.Node]; !s.up || s.mute {
		return fail(cluster.Unreachable, "no answer")
	}
	if f := w.carryOut(step); f != 0 {
		return fail(f, f.String())
	}
	return nil
}

// carryOut changes the servers as step does. w.mu is held.
func (w *world) carryOut(step cluster.Step) cluster.Failure {
	s := w.servers[step.Node]
	switch step.Kind {
	case cluster.Promote:
		s.role, s.rows, s.master = cluster.RoleMain, nil, cluster.NoNode
	case cluster.Demote:
		s.role, s.rows, s.master = cluster.RoleReplica, nil, cluster.NoNode
	case cluster.Register:
		t := w.servers[step.Replica]
		if !t.up || t.role != cluster.RoleReplica {
			return cluster.Deaf
		}
		t.master, t.uuid, t.vertices = step.Node, s.uuid, s.vertices
		node := w.topology[step.Replica]
		s.rows = append(s.rows, cluster.Replica{Name: node.Name, Node: step.Replica, Address: node.Replication, Mode: step.Mode})
	case cluster.Drop:
		s.rows = slices.DeleteFunc(s.rows, func(r cluster.Replica) bool { return r.Name == step.Name })
	case cluster.Mark, cluster.Nudge:
		for _, r := range w.sight(step.Node).Replicas {
			if r.Mode == cluster.StrictSync && r.Status != cluster.Ready {
				return cluster.Aborted
			}
		}
	}
	return 0
}

// Watch implements Nodes.
func (w *world) Watch(ctx context.Context, n cluster.Ordinal, changed func()) error {
	for {
		w.mu.Lock()
		broken := w.servers[n].broken
		w.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-broken:
			changed()
		}
	}
}

// State implements Platform: it knows of a process when it starts and ends, unless
// it is behind.
func (w *world) State(n cluster.Ordinal) NodeState {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.servers[n]
	run, gone := s.run, !s.up
	if s.named != 0 {
		run, gone = s.named, false
	}
	return NodeState{
		Process: cluster.Process{ID: fmt.Sprintf("%d.%d", n, run), Boot: s.boot},
		AsOf:    s.asOf,
		Gone:    gone, Leaving: s.leaving, Aside: s.aside,
	}
}

// Refresh implements Platform: who asks is told the truth, unless the API server is
// away.
func (w *world) Refresh(_ context.Context, n cluster.Ordinal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.servers[n]
	s.refreshed++
	if w.away {
		return errors.New("the API server does not answer")
	}
	s.named, s.asOf = 0, time.Now() // it knows at once
	return nil
}

// Restart implements Platform.
func (w *world) Restart(_ context.Context, n cluster.Ordinal) error {
	w.note("platform: restart node %d", n)
	w.start(n)
	return nil
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
