package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/inmemory"
)

// world is everything in one run. Only what takes no time is done under mu, and
// nobody waits while holding it: virtual time stands still for a mutex.
type world struct {
	plan     Plan
	policy   cluster.Policy
	version  cluster.Version
	topology cluster.Topology
	ctx      context.Context
	end      context.CancelFunc
	work     sync.WaitGroup
	born     time.Time

	mu       sync.Mutex
	rng      *rand.Rand
	net      *network
	nodes    []*node
	pods     []*pod
	replicas []*replica
	api      api
	moved    map[string]bool // processes whose data was moved aside
	epochs   int
	uuids    int
	terms    int
	ids      int
	attempts []attempt
	quiet    bool // clients rest

	armed  []Fault
	ends   map[int]func()
	struck int
	bare   bool // a volume, or power, was lost while nobody protected MAIN: no single fault from full redundancy
	healed bool

	judge
	trace []string
}

func newWorld(ctx context.Context, p Plan) *world {
	w := &world{
		plan: p, policy: cluster.DefaultPolicy(), version: p.Version, born: time.Now(),
		rng: rand.New(rand.NewPCG(p.Seed, 7)), net: newNetwork(), moved: map[string]bool{}, ends: map[int]func(){},
		api: api{objects: inmemory.New(), lease: lease{holder: -1}},
	}
	w.ctx, w.end = context.WithCancel(ctx)
	w.policy.Durability = p.Durability
	w.policy.BootstrapTimeout = 20 * time.Second
	w.judge = newJudge()
	for n := range p.Nodes {
		o := &node{number: n, stir: make(chan struct{})}
		w.nodes = append(w.nodes, o)
		w.pods = append(w.pods, &pod{cached: map[int]podState{}})
		w.topology = append(w.topology, cluster.Node{
			Name: o.name(), Bolt: fmt.Sprintf("mg-%d:7687", n), Replication: fmt.Sprintf("mg-%d:10000", n),
		})
	}
	for c := range p.Controllers {
		rate := 1.0
		if c == p.Fast {
			rate = 1.3
		}
		t := timing{p.Duration, p.Renew, p.Retry}
		w.replicas = append(w.replicas, &replica{w: w, number: c, rate: rate, lease: t.at(rate)})
	}
	return w
}

// begins brings everything up.
func (w *world) begins() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n, o := range w.nodes {
		w.wipe(o)
		w.start(o)
		w.pods[n].history = []podState{{time.Now(), controller.NodeState{Process: w.identity(o)}}}
	}
	for _, c := range w.replicas {
		w.boot(c)
	}
	for k := range w.plan.Clients {
		w.goes(func() { w.client(k) })
	}
}

// goes runs f until the world ends: f must return when w.ctx ends.
func (w *world) goes(f func()) { w.work.Go(f) }

// heal ends every fault that still lasts; nothing strikes after it.
func (w *world) heal() {
	w.tell("HEAL")
	w.mu.Lock()
	w.healed, w.armed = true, nil
	ends := w.ends
	w.ends = map[int]func(){}
	w.api.fail = nil
	w.mu.Unlock()
	for n := 1; n <= w.struck; n++ {
		if end := ends[n]; end != nil {
			end()
		}
	}
	for _, c := range w.replicas {
		w.mu.Lock()
		up := c.up
		w.mu.Unlock()
		if !up && !c.isOff() {
			w.goes(func() {
				if sleep(w.ctx, 3*time.Second) == nil && !c.isOff() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.boot(c)
				}
			})
		}
	}
}

// tell adds a line to the trace.
func (w *world) tell(format string, args ...any) {
	if !w.tracing {
		return
	}
	line := fmt.Sprintf("%9.3fs %s", time.Since(w.born).Seconds(), fmt.Sprintf(format, args...))
	w.traces.Lock()
	defer w.traces.Unlock()
	w.trace = append(w.trace, line)
}
