package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
)

// judge holds what happens to the promises. All of it but what it says itself is
// guarded by world.mu.
type judge struct {
	tracing bool
	traces  sync.Mutex

	rec        *cluster.Record // as stored
	deleted    bool            // a fault has deleted it: epochs may begin again
	claims     int             // the newest term that has written the record
	acks       []int
	residue    map[int]bool                  // acknowledged, and perhaps lost with MAIN: the finalize window
	stray      map[cluster.Ordinal]time.Time // when it was dropped by a leader that had been deposed, and not noticed yet
	lostAt     time.Time                     // when a disk last lost what was on it
	lone       map[int]bool                  // writes that nobody but MAIN held when it answered
	lostPower  bool                          // of some machine, with what its disk had not flushed
	waived     bool                          // a human has accepted a loss
	humans     int
	needless   int // rebuilds of nodes that held nothing else than MAIN
	failovers  int
	violation  string
	violations sync.Mutex
}

func newJudge() judge {
	return judge{residue: map[int]bool{}, stray: map[cluster.Ordinal]time.Time{}, lone: map[int]bool{}}
}

// violate notes the first promise broken, and ends the run.
func (w *world) violate(format string, args ...any) {
	w.violations.Lock()
	defer w.violations.Unlock()
	if w.violation == "" {
		w.violation = fmt.Sprintf(format, args...)
		w.tell("VIOLATION %s", w.violation)
		w.end()
	}
}

// lacks returns an acknowledged write that node n does not hold; 0 if none. w.mu is
// held.
func (w *world) lacks(n int) int {
	held := make(map[int]bool, len(w.nodes[n].disk.log))
	for _, t := range w.nodes[n].disk.log {
		held[t.id] = true
	}
	for _, id := range w.acks {
		if !held[id] && !w.residue[id] {
			return id
		}
	}
	return 0
}

// vanished reports whether an acknowledged write is on no node any more: the volume of
// an unprotected MAIN was lost. w.mu is held.
func (w *world) vanished() bool {
	held := map[int]bool{}
	for _, n := range w.nodes {
		for _, t := range n.disk.log {
			held[t.id] = true
		}
	}
	return slices.ContainsFunc(w.acks, func(id int) bool { return !held[id] && !w.residue[id] })
}

// proven reports whether node n still is what a proof says. w.mu is held.
func (w *world) proven(p cluster.Proof) bool {
	n := w.nodes[p.Node]
	return n.process != nil && w.identity(n) == p.Process && (p.UUID == "" || n.disk.uuid == p.UUID)
}

// acknowledged holds an answer that a gateway passes on to P1: the write is on the
// node that the record calls MAIN, and on every promotable one. w.mu is held.
func (w *world) acknowledged(id int, p *process, epoch uint64, c *replica) {
	w.acks = append(w.acks, id)
	rec := w.rec
	if w.unaware(c) {
		w.residue[id] = true
	}
	if rec == nil || w.residue[id] {
		return
	}
	if m := int(rec.Main); m != p.node.number && !w.waived && !w.nodes[m].disk.holds(id) && rec.Stage != cluster.Promoting {
		w.violate("P5: write %d was acknowledged by node %d in epoch %d through %s, but node %d is MAIN of epoch %d and has not got it",
			id, p.node.number, epoch, c.name(), m, rec.Epoch)
	}
	if w.policy.Durability == cluster.Strict && len(w.nodes) > 1 && w.lone[id] && len(w.stray) == 0 {
		w.violate("P1: write %d was acknowledged by node %d alone, and the policy is strict", id, p.node.number)
	}
	for _, proof := range rec.Promotable {
		switch {
		case !w.proven(proof) || w.nodes[proof.Node].disk.holds(id) || w.waived:
		case w.strays(proof.Node):
			w.residue[id] = true
		default:
			w.violate("P1: write %d was acknowledged by node %d, and node %d is promotable without it", id, p.node.number, proof.Node)
		}
	}
}

// everywhere reports whether each node that may be promoted holds a write: while the seat
// moves there are two. w.mu is held.
func (w *world) everywhere(id int) bool {
	return w.rec == nil || !slices.ContainsFunc(w.rec.Promotable, func(p cluster.Proof) bool { return !w.nodes[p.Node].disk.holds(id) })
}

// answered notes, when MAIN answers that a write is done, whether nobody else holds it, but
// for what STRICT_SYNC leaves open. The answer may be on its way for long, and the others
// may lose it meanwhile, or get it.
func (w *world) answered(id int, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.ContainsFunc(w.nodes, func(n *node) bool { return n != p.node && n.disk.holds(id) }) {
		w.lone[id] = !w.residue[id] && time.Since(w.lostAt) > 50*time.Millisecond
		w.tell("node %d, as %s, says that write %d is done, and nobody else holds it", p.node.number, p.id, id)
	}
}

// unaware reports whether a gateway leads clients to MAIN by an older reign of it than
// the record's, which does not serve yet, because nobody can tell it of the newer one: its
// watch is late, or the API server does not reach it, nor does the leader. It goes on as P9
// has it. w.mu is held.
func (w *world) unaware(c *replica) bool {
	rec, own := w.rec, c.gate.rec
	if rec == nil || own == nil || rec.Stage != cluster.Promoting || rec.Main != own.Main || own.Epoch >= rec.Epoch {
		return false
	}
	deaf := c.lag > 0 && c.identity() != rec.Leader || !w.linked(c.party(), apiServer)
	return deaf && !slices.ContainsFunc(w.replicas, func(o *replica) bool {
		return o != c && o.identity() == rec.Leader && w.linked(o.party(), c.party())
	})
}

// unfinished notes the one window that STRICT_SYNC leaves: MAIN has committed, and
// its replica was not told. w.mu is held.
func (w *world) unfinished(t txn) { w.residue[t.id] = true }

// strayed notes that a DROP took effect whose leader had been deposed in the midst of
// it, cut off: somebody has taken its lease before it ended. Until the new leader sees
// it, and takes the node out of the record, what is acknowledged is residue.
func (w *world) strayed(n cluster.Ordinal) { w.stray[n] = time.Now() }

// strays reports whether that may still be unseen: a leader looks twice a second, and the
// next one leads after 3 or 15 s. w.mu is held.
func (w *world) strays(n cluster.Ordinal) bool {
	at, stray := w.stray[n]
	return stray && time.Since(at) < 20*time.Second
}

// promoted holds a promotion that took effect to P2: unless it is a late one, which
// no record wants any more. w.mu is held.
func (w *world) promoted(p *process) {
	n := p.node.number
	w.tell("node %d is MAIN of storage epoch %s", n, p.epoch)
	rec := w.rec
	if rec == nil || rec.Main != cluster.Ordinal(n) || rec.Stage != cluster.Promoting || w.waived {
		return
	}
	if id := w.lacks(n); id != 0 {
		w.violate("P2: node %d is promoted for epoch %d and lacks the acknowledged write %d", n, rec.Epoch, id)
	}
}

// began holds the start of a step to P3, P8 and P9.
func (w *world) began(c *replica, s cluster.Step) {
	leading := c.isLeading()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell("%s begins: %s", c.name(), s)
	rec := w.rec
	switch {
	case !leading && c.up:
		w.violate("P8: %s begins to %s after its lease has ended", c.name(), s)
	case rec == nil:
		if !w.deleted {
			w.violate("P3: %s begins to %s without a record", c.name(), s)
		}
	case s.Kind == cluster.Restart || rec.Epoch != s.Epoch || rec.Leader != c.identity():
		// Another leader has moved on; this one cannot know yet.
	case s.Kind == cluster.Promote && (rec.Stage != cluster.Promoting || rec.Main != s.Node):
		w.violate("P3: the promotion of node %d is not recorded: %s of node %d", s.Node, rec.Stage, rec.Main)
	case s.Kind == cluster.Demote && s.Node == rec.Main && rec.Stage != cluster.Demoting:
		w.violate("P9: MAIN %d is demoted while the record says %s", s.Node, rec.Stage)
	case s.Kind == cluster.Drop:
		if _, promotable := rec.Proof(s.Replica); promotable {
			w.violate("P3: node %d is dropped while it is promotable", s.Replica)
		}
		fallthrough
	case s.Kind == cluster.Register:
		if s.Node != rec.Main {
			w.violate("P4: %s, which is not MAIN", s)
		}
		if rec.Stage == cluster.Serving {
			w.violate("P9: %s while MAIN serves and nobody is held", s)
		}
	}
}

// recorded holds a write of the record that took effect to P1, P4, P6 and P8.
// w.mu is held.
func (w *world) recorded(r records, next *cluster.Record) {
	prev := w.rec
	w.rec = next
	w.tell("%s records epoch %d %s main %d seat %d promotable %v: %s", r.c.name(), next.Epoch, next.Stage, next.Main, next.Seat, ordinals(next.Promotable), next.Reason)
	if r.term < w.claims {
		w.violate("P8: %s wrote the record in term %d after term %d had", r.c.name(), r.term, w.claims)
	}
	w.claims = max(w.claims, r.term)
	for n := range w.stray {
		if _, still := next.Proof(n); !still {
			delete(w.stray, n)
		}
	}
	for _, p := range next.Promotable {
		was := cluster.Proof{}
		if prev != nil {
			was, _ = prev.Proof(p.Node)
		}
		switch {
		case p.Node == next.Main:
			w.violate("P2: MAIN %d is recorded as its own standby", p.Node)
		case was != p && w.proven(p) && !w.waived && w.lacks(int(p.Node)) != 0:
			w.violate("P1: node %d is recorded as promotable and lacks the acknowledged write %d", p.Node, w.lacks(int(p.Node)))
		}
	}
	if prev == nil || w.deleted {
		// A bootstrap sees what is there, and cannot know what a machine has lost.
		w.waived = w.waived || w.deleted && (w.lostPower || w.vanished())
		w.deleted = false
		return
	}
	if next.Stage == cluster.Promoting && next.Epoch > prev.Epoch {
		w.failovers++
	}
	switch {
	case next.Epoch < prev.Epoch:
		w.violate("P4: epoch %d is recorded after %d", next.Epoch, prev.Epoch)
	case next.Main != prev.Main && next.Epoch == prev.Epoch && next.Stage != cluster.Demoting:
		w.violate("P4: node %d is MAIN of epoch %d, which was node %d's", next.Main, next.Epoch, prev.Main)
	case next.Stage == cluster.Promoting && prev.Stage != cluster.Promoting && next.Epoch == prev.Epoch:
		w.violate("P4: a promotion without a new epoch")
	}
	for _, b := range next.Rebuilds {
		_, was := prev.Rebuild(b.Node)
		_, promotable := prev.Proof(b.Node)
		if was {
			continue
		}
		if promotable || b.Node == prev.Main {
			w.violate("P6: the rebuild of node %d is recorded, which is MAIN or promotable", b.Node)
		}
		main := w.nodes[next.Main]
		gone := main.process == nil || main.disk.uuid != next.UUID // this moment: nobody can know yet
		if id := w.lacks(int(next.Main)); id != 0 && !gone && !w.waived && w.nodes[b.Node].disk.holds(id) {
			w.violate("P6: the rebuild of node %d is recorded, and MAIN %d lacks the acknowledged write %d that it holds", b.Node, next.Main, id)
		}
	}
}

func ordinals(list []cluster.Proof) []cluster.Ordinal {
	var out []cluster.Ordinal
	for _, p := range list {
		out = append(out, p.Node)
	}
	return out
}

// aside holds moving a node's data away to P6: the node holds something that MAIN does
// not. w.mu is held.
func (w *world) aside(n *node, b cluster.Rebuild) {
	main := w.nodes[w.rec.Main]
	if b.Reason != "by request" && !w.waived && len(n.disk.log) > 0 && !exceeds(n.disk.log, main.disk.log) {
		// After more than one fault Memgraph may call a whole node diverged in a way
		// that cannot be told from the truth. Its data is kept; it copies MAIN anew.
		w.needless++
		if w.struck <= 1 {
			w.violate("P6: the data of node %d is moved aside after one fault, and holds nothing that MAIN %d lacks", n.number, main.number)
		}
	}
}

// exceeds reports whether a has a transaction that b has not.
func exceeds(a, b []txn) bool {
	held := make(map[txn]bool, len(b))
	for _, t := range b {
		held[t] = true
	}
	return slices.ContainsFunc(a, func(t txn) bool { return !held[t] })
}

// orphans returns a node that would be refused, though it is whole, if the standby
// had to follow MAIN now: Memgraph's false divergence. -1 if there is none. w.mu is
// held.
func (w *world) orphans() int {
	if n := len(w.nodes[w.rec.Main].disk.log); n > 0 && w.residue[w.nodes[w.rec.Main].disk.log[n-1].id] {
		return -1 // the standby lacks the last one, which it was not told to commit
	}
	for _, proof := range w.rec.Promotable {
		p := w.nodes[proof.Node].process
		heir := process{epoch: "next", history: append(slices.Clone(p.history), past{p.node.disk.epoch(), p.node.disk.ldt()})}
		for n := range w.nodes {
			if n != int(proof.Node) && heir.diverged(&w.nodes[n].disk) {
				return n
			}
		}
	}
	return -1
}
