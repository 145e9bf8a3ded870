package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"memgraph-controller/internal/cluster"
)

// Result is what a run came to.
type Result struct {
	Violation string // the first promise that was broken; "" if none
	Struck    int    // faults
	Failovers int    // new reigns after the first
	Acked     int
	Unknown   int
	Humans    int // how often a human had to accept a loss or choose
	Needless  int // rebuilds of nodes that were whole
	Residue   int // acknowledged writes that were lost in the finalize window
	Took      time.Duration
	Trace     []string
}

// storm is how long faults may begin to strike, and last.
const storm = 18 * time.Second

// Run plays a plan. It must be called in a bubble of testing/synctest.
func Run(ctx context.Context, p Plan, tracing bool) Result {
	w := newWorld(ctx, p)
	w.tracing = tracing
	w.begins()
	w.story()
	w.end()
	w.work.Wait()
	return w.result()
}

// story is one run: become whole, be struck, be healed, become whole again.
func (w *world) story() {
	first := cluster.Epoch(0)
	var main cluster.Ordinal
	if !w.plan.Early {
		if !w.until(60*time.Second, w.whole) {
			w.violate("the cluster does not become whole at first: %s", w.lacking())
			return
		}
		w.mu.Lock()
		first, main = w.rec.Epoch, w.rec.Main
		w.mu.Unlock()
	}
	w.schedule()
	if sleep(w.ctx, storm) != nil {
		return
	}
	w.heal()
	for range 4 {
		if !w.recovers() {
			return
		}
		if w.final() {
			break
		}
	}
	if w.plan.control() && !w.plan.Early {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.rec.Epoch != first || w.rec.Main != main {
			w.violate("P9: only controllers and the API server were struck, and MAIN is node %d of epoch %d after node %d of epoch %d",
				w.rec.Main, w.rec.Epoch, main, first)
		}
	}
}

// recovers waits until the cluster is whole and serves writes. Where the controller
// refuses, a human chooses, as it advises.
func (w *world) recovers() bool {
	for range 5 {
		if w.until(45*time.Second, w.whole) {
			return w.serves()
		}
		if w.ctx.Err() != nil {
			return false
		}
		if !w.human() {
			break
		}
	}
	w.violate("the cluster does not become whole again: %s", w.lacking())
	return false
}

// serves lets clients write for a while, and have one acknowledged.
func (w *world) serves() bool {
	w.mu.Lock()
	before := len(w.acks)
	w.mu.Unlock()
	served := w.until(20*time.Second, func() bool { return len(w.acks) > before })
	w.mu.Lock()
	defer w.mu.Unlock()
	if !served && w.ctx.Err() == nil && w.whole() {
		w.violate("the cluster is whole, and no write is acknowledged")
	}
	return w.ctx.Err() == nil
}

// human does what the refusal asks for: the node that holds most reigns.
func (w *world) human() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.rec
	if rec != nil && rec.Paused {
		w.api.request = "resume"
		return true
	}
	for _, n := range w.nodes {
		if p := n.process; p != nil && p.hung {
			w.tell("HUMAN ends node %d, which hangs", n.number)
			w.humans++
			w.goes(func() { w.die(n.number, "by hand") })
			return true
		}
	}
	if n := w.estranged(); n >= 0 {
		w.humans++
		w.api.request = fmt.Sprintf("rebuild %d", n)
		w.tell("HUMAN %s, because %s", w.api.request, w.why())
		return true
	}
	best, most := -1, -1
	for i, n := range w.nodes {
		if n.process != nil && len(n.disk.log) > most {
			best, most = i, len(n.disk.log)
		}
	}
	if best < 0 {
		return false
	}
	w.humans++
	w.waived = w.waived || w.lacks(best) != 0 || rec != nil
	w.api.request = fmt.Sprintf("promote %d --accept-data-loss", best)
	if rec == nil {
		w.api.request = fmt.Sprintf("adopt --main %d", best)
	}
	w.tell("HUMAN %s, because %s", w.api.request, w.why())
	if len(w.plan.Faults) <= 1 && len(w.residue) == 0 && !w.bare && !w.plan.hopeless() {
		w.violate("one fault needs a human: %s", w.why())
	}
	return true
}

// estranged returns a replica that answers and that a MAIN which serves, protected, calls
// invalid all the same, -1 if there is none: it holds another database, which before 3.5
// nothing tells but that. w.mu is held.
func (w *world) estranged() int {
	rec := w.rec
	if rec == nil || rec.Stage != cluster.Serving || len(rec.Promotable) == 0 {
		return -1
	}
	main := w.nodes[rec.Main].process
	if main == nil || main.role != cluster.RoleMain {
		return -1
	}
	for _, r := range main.rows {
		if q := w.nodes[r.node].process; q != nil && q.role == cluster.RoleReplica && !r.ghost && r.status == cluster.Invalid {
			return r.node
		}
	}
	return -1
}

// hopeless reports whether one fault of the plan alone may lose data: of one node,
// or of all at once.
func (p *Plan) hopeless() bool {
	return p.Nodes == 1 || slices.ContainsFunc(p.Faults, func(f Fault) bool {
		return f.Kind == "power-all" || f.Kind == "delete-record" || p.Nodes == 2 && f.Kind != "crash" ||
			f.Kind == "crash-all" && !p.Version.AtLeast(3, 5) // which cannot say whether a volume is the same
	})
}

// until waits for a condition, which is asked under w.mu.
func (w *world) until(patience time.Duration, met func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		w.mu.Lock()
		ok := met()
		w.mu.Unlock()
		if ok {
			return true
		}
		if sleep(w.ctx, 50*time.Millisecond) != nil {
			return false
		}
	}
	return false
}

// whole reports full redundancy. w.mu is held.
func (w *world) whole() bool { return w.missing() == "" }

// missing says what is missing for full redundancy. w.mu is held.
func (w *world) missing() string {
	rec := w.rec
	switch {
	case rec == nil:
		return "there is no record"
	case rec.Stage != cluster.Serving:
		return "stage " + rec.Stage.String()
	case len(w.nodes) > 1 && len(rec.Promotable) == 0:
		return "nobody is promotable"
	case rec.Paused:
		return "paused"
	}
	m := w.nodes[rec.Main]
	if m.process == nil || m.process.role != cluster.RoleMain {
		return fmt.Sprintf("node %d is not MAIN", rec.Main)
	}
	for n, o := range w.nodes {
		if o.process == nil || o.leaving || o.frozen || o.off {
			return fmt.Sprintf("node %d does not run", n)
		}
		if n == int(rec.Main) {
			continue
		}
		r := m.process.row(n)
		switch {
		case r == nil:
			return fmt.Sprintf("node %d is not registered", n)
		case r.ghost:
			return fmt.Sprintf("the registration of node %d is a ghost", n)
		case r.status != cluster.Ready && r.status != cluster.Replicating:
			return fmt.Sprintf("node %d does not replicate: it is %s, with %d of %d transactions", n, r.status, len(o.disk.log), len(m.disk.log))
		}
	}
	for _, p := range rec.Promotable {
		if !w.proven(p) {
			return fmt.Sprintf("node %d is promotable on an old proof", p.Node)
		}
	}
	return ""
}

func (w *world) lacking() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.missing() + "; " + w.why()
}

// why is what the leader says of itself. w.mu is held.
func (w *world) why() string {
	for _, c := range w.replicas {
		if c.leading && c.decided != "" {
			return c.name() + " says: " + c.decided
		}
	}
	return "nobody leads"
}

// final holds the healed cluster, at rest, to P1: nodes equal, acknowledged writes
// present, refused ones absent. It reports false if the cluster is no longer whole: a
// pod that was told to leave during the storm may go after it, or a request arrive.
func (w *world) final() bool {
	w.mu.Lock()
	w.quiet = true
	w.mu.Unlock()
	if sleep(w.ctx, 3*time.Second) != nil {
		return true
	}
	settled := w.until(30*time.Second, func() bool { return w.whole() && w.equal() < 0 && w.orphans() < 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = false
	if !settled {
		switch {
		case !w.whole():
		case w.equal() < 0:
			w.violate("nothing is done, and if MAIN ended now node %d would be refused as diverged; %s", w.orphans(), w.why())
		default:
			n := w.equal()
			a, b := w.nodes[w.rec.Main].disk.log, w.nodes[n].disk.log
			at := 0
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			w.tell("from transaction %d MAIN has %v, node %d has %v", at, head(a[at:]), n, head(b[at:]))
			w.violate("the nodes are not equal at the end: node %d differs from MAIN; %s", n, w.why())
		}
		return false
	}
	held := map[int]int{}
	for _, t := range w.nodes[w.rec.Main].disk.log {
		held[t.id]++
	}
	for _, a := range w.attempts {
		switch {
		case a.outcome == acked && held[a.id] == 0 && !w.waived && !w.residue[a.id]:
			w.violate("P1: the acknowledged write %d is lost", a.id)
		case a.outcome == refused && held[a.id] > 0:
			w.violate("write %d was refused, and is there", a.id)
		case held[a.id] > 1:
			w.violate("write %d is there twice", a.id)
		}
	}
	return true
}

// equal returns a node that does not hold what MAIN holds, -1 if there is none. A
// transaction whose end a replica was not told is made good with the next one.
// w.mu is held.
func (w *world) equal() int {
	told := func(log []txn) []txn {
		return slices.DeleteFunc(slices.Clone(log), func(t txn) bool { return w.residue[t.id] })
	}
	main := told(w.nodes[w.rec.Main].disk.log)
	for n, o := range w.nodes {
		if !slices.EqualFunc(main, told(o.disk.log), func(a, b txn) bool { return a.id == b.id && a.ts == b.ts }) {
			return n
		}
	}
	return -1
}

func (w *world) result() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := Result{
		Violation: w.violation, Struck: w.struck, Failovers: w.failovers, Humans: w.humans, Needless: w.needless,
		Took: time.Since(w.born), Trace: w.trace,
	}
	for _, a := range w.attempts {
		switch a.outcome {
		case acked:
			r.Acked++
			if w.residue[a.id] && w.rec != nil && !w.nodes[w.rec.Main].disk.holds(a.id) {
				r.Residue++
			}
		case unknown:
			r.Unknown++
		}
	}
	return r
}

func head(log []txn) []txn { return log[:min(len(log), 4)] }
