package storage

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"sync/atomic"
)

// Errors of a transaction.
var (
	ErrSerialization = errors.New("write-write conflict with another transaction")
	ErrNoNode        = errors.New("no such node")
	ErrEnded         = errors.New("the transaction has ended")
)

// draft is a transaction's own state of a node.
type draft struct {
	vertex  *vertex // nil if created here
	created bool
	dead    bool
	labels  []string
	props   map[string]any
}

// Txn is one transaction. It belongs to one goroutine, except Start, ID and Dirty.
type Txn struct {
	graph  *graph
	rules  *schema
	id     uint64
	start  uint64
	writes map[int64]*draft
	fresh  []int64 // created here, in order
	schema []SchemaChange
	dirty  atomic.Bool
	ended  bool
}

// ID identifies the transaction within this process.
func (t *Txn) ID() uint64 { return t.id }

// Dirty reports whether the transaction has written anything, even if it took it back.
func (t *Txn) Dirty() bool { return t.dirty.Load() }

// Create makes a node and returns its id. It takes over labels and props.
func (t *Txn) Create(labels []string, props map[string]any) (int64, error) {
	if t.ended {
		return 0, ErrEnded
	}
	if props == nil {
		props = map[string]any{}
	}
	id := t.graph.nextID.Add(1) - 1
	t.writes[id] = &draft{created: true, labels: distinct(labels), props: withoutNull(props)}
	t.fresh = append(t.fresh, id)
	t.dirty.Store(true)
	return id, nil
}

// Nodes goes through the nodes with the label, or through all for "". What the transaction does
// to nodes meanwhile may or may not be seen; nodes it creates meanwhile are not.
func (t *Txn) Nodes(label string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		fresh := t.fresh
		for _, v := range t.graph.walk() {
			n, ok := t.read(v)
			if ok && (label == "" || slices.Contains(n.Labels, label)) && !yield(n) {
				return
			}
		}
		for _, id := range fresh {
			d := t.writes[id]
			if d.dead || label != "" && !slices.Contains(d.labels, label) {
				continue
			}
			if !yield(Node{id, d.labels, d.props}) {
				return
			}
		}
	}
}

// Node returns the node with the id, as the transaction sees it.
func (t *Txn) Node(id int64) (Node, bool) {
	if d, ok := t.writes[id]; ok {
		return Node{id, d.labels, d.props}, !d.dead
	}
	v := t.graph.vertex(id)
	if v == nil {
		return Node{}, false
	}
	return t.read(v)
}

func (t *Txn) read(v *vertex) (Node, bool) {
	if d, ok := t.writes[v.id]; ok {
		return Node{v.id, d.labels, d.props}, !d.dead
	}
	if n := v.at(t.start); n != nil {
		return Node{v.id, n.labels, n.props}, true
	}
	return Node{}, false
}

// SetProperty sets one property; nil removes it.
func (t *Txn) SetProperty(id int64, key string, value any) error {
	d, err := t.edit(id)
	if err != nil {
		return err
	}
	d.props = maps.Clone(d.props)
	if value == nil {
		delete(d.props, key)
	} else {
		d.props[key] = value
	}
	return nil
}

// ReplaceProperties sets all properties of a node.
func (t *Txn) ReplaceProperties(id int64, props map[string]any) error {
	d, err := t.edit(id)
	if err != nil {
		return err
	}
	d.props = withoutNull(maps.Clone(props))
	return nil
}

// AddLabels adds the labels the node does not have yet.
func (t *Txn) AddLabels(id int64, labels []string) error {
	d, err := t.edit(id)
	if err != nil {
		return err
	}
	d.labels = distinct(append(slices.Clone(d.labels), labels...))
	return nil
}

// RemoveLabels removes the labels the node has.
func (t *Txn) RemoveLabels(id int64, labels []string) error {
	d, err := t.edit(id)
	if err != nil {
		return err
	}
	d.labels = slices.DeleteFunc(slices.Clone(d.labels), func(l string) bool { return slices.Contains(labels, l) })
	return nil
}

// Delete removes a node.
func (t *Txn) Delete(id int64) error {
	d, err := t.edit(id)
	if err != nil {
		return err
	}
	d.dead = true
	return nil
}

// edit returns the draft of a node, claiming the node for this transaction.
func (t *Txn) edit(id int64) (*draft, error) {
	if t.ended {
		return nil, ErrEnded
	}
	if d, ok := t.writes[id]; ok {
		if d.dead {
			return nil, ErrNoNode
		}
		return d, nil
	}
	v := t.graph.vertex(id)
	if v == nil {
		return nil, ErrNoNode
	}
	n := v.at(t.start)
	if n == nil {
		return nil, ErrNoNode
	}
	if !v.owner.CompareAndSwap(0, t.id) {
		return nil, ErrSerialization
	}
	if v.head.Load() != n {
		v.owner.Store(0)
		return nil, ErrSerialization
	}
	d := &draft{vertex: v, labels: n.labels, props: n.props}
	t.writes[id] = d
	t.dirty.Store(true)
	return d, nil
}

// release gives up the claims on nodes.
func (t *Txn) release() {
	for _, d := range t.writes {
		if d.vertex != nil {
			d.vertex.owner.Store(0)
		}
	}
	t.ended = true
}

func distinct(labels []string) []string {
	if len(labels) == 0 {
		return nil
	}
	out := make([]string, 0, len(labels))
	for _, l := range labels {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func withoutNull(props map[string]any) map[string]any {
	if props == nil {
		return map[string]any{}
	}
	maps.DeleteFunc(props, func(_ string, v any) bool { return v == nil })
	return props
}
