package storage

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Node is one node as a transaction sees it. Labels and Props belong to the storage and must not
// be changed.
type Node struct {
	ID     int64
	Labels []string
	Props  map[string]any
}

// version is one committed state of a node. All fields but prev are fixed.
type version struct {
	ts     uint64 // commit timestamp
	dead   bool
	labels []string
	props  map[string]any
	prev   atomic.Pointer[version]
}

type vertex struct {
	id    int64
	head  atomic.Pointer[version]
	owner atomic.Uint64 // the transaction that has an uncommitted write here, or 0
}

// at returns the newest version committed before start, or nil if there is none or it is dead.
func (v *vertex) at(start uint64) *version {
	for n := v.head.Load(); n != nil; n = n.prev.Load() {
		if n.ts < start {
			if n.dead {
				return nil
			}
			return n
		}
	}
	return nil
}

// graph is the committed state. Readers take its order slice once and walk it without a lock;
// installing is serialised by the engine lock.
type graph struct {
	mu    sync.RWMutex
	byID  map[int64]*vertex
	order []*vertex // in order of id unless mixed; append-only until replaced
	mixed bool      // something was appended out of order since the last sort

	nextID atomic.Int64
	live   atomic.Int64
	dead   []*vertex // dead heads that some transaction may still see
	gone   int       // vertices in order that are no longer in byID
}

func newGraph() *graph { return &graph{byID: map[int64]*vertex{}} }

func (g *graph) vertex(id int64) *vertex {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byID[id]
}

// walk returns the nodes in order of id. The slice is never changed afterwards.
func (g *graph) walk() []*vertex {
	g.mu.RLock()
	order, mixed := g.order, g.mixed
	g.mu.RUnlock()
	if !mixed {
		return order
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mixed {
		g.order = slices.Clone(g.order)
		slices.SortFunc(g.order, func(a, b *vertex) int { return cmp.Compare(a.id, b.id) })
		g.mixed = false
	}
	return g.order
}

// put makes a state of a node the newest one. props and labels belong to the graph from now on.
func (g *graph) put(id int64, ts uint64, labels []string, props map[string]any, oldest uint64) {
	v := g.vertex(id)
	if v == nil {
		v = &vertex{id: id}
		g.mu.Lock()
		g.byID[id] = v
		g.mixed = g.mixed || len(g.order) > 0 && g.order[len(g.order)-1].id > id
		g.order = append(g.order, v)
		g.mu.Unlock()
	}
	old := v.head.Load()
	if old == nil || old.dead {
		g.live.Add(1)
	}
	n := &version{ts: ts, labels: labels, props: props}
	n.prev.Store(old)
	v.head.Store(n)
	prune(n, oldest)
	if next := id + 1; g.nextID.Load() < next {
		g.nextID.Store(next)
	}
}

// remove makes a node dead.
func (g *graph) remove(id int64, ts uint64) {
	v := g.vertex(id)
	if v == nil {
		return
	}
	old := v.head.Load()
	if old == nil || old.dead {
		return
	}
	n := &version{ts: ts, dead: true}
	n.prev.Store(old)
	v.head.Store(n)
	g.live.Add(-1)
	g.dead = append(g.dead, v)
}

// prune forgets the versions no transaction that started at or after oldest can see.
func prune(n *version, oldest uint64) {
	for ; n != nil; n = n.prev.Load() {
		if n.ts < oldest {
			n.prev.Store(nil)
			return
		}
	}
}

// sweep drops the dead nodes that nobody can see any more.
func (g *graph) sweep(oldest uint64) {
	if len(g.dead) == 0 {
		return
	}
	keep := g.dead[:0]
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, v := range g.dead {
		head := v.head.Load()
		switch {
		case !head.dead:
		case head.ts < oldest:
			if g.byID[v.id] == v {
				delete(g.byID, v.id)
				g.gone++
			}
		default:
			keep = append(keep, v)
		}
	}
	g.dead = keep
	if g.gone > 1024 && g.gone > len(g.order)/2 {
		order := make([]*vertex, 0, len(g.byID))
		for _, v := range g.order {
			if g.byID[v.id] == v {
				order = append(order, v)
			}
		}
		g.order, g.gone = order, 0
	}
}
