package storage

import (
	"iter"
	"slices"
)

// Change creates or drops an index or a constraint when the transaction commits. It fails with
// ErrSchemaExists, ErrSchemaMissing, or a *ViolationError if the data break the new constraint.
func (t *Txn) Change(c SchemaChange) error {
	if t.ended {
		return ErrEnded
	}
	plain := c
	plain.Drop = false
	known := t.rules.find(plain) != nil
	switch {
	case c.Drop && !known:
		return ErrSchemaMissing
	case !c.Drop && known:
		return ErrSchemaExists
	}
	if !c.Drop && c.Rule != RuleIndex {
		if err := t.holds(c); err != nil {
			return err
		}
	}
	t.schema = append(t.schema, c)
	t.dirty.Store(true)
	return nil
}

// holds checks a new constraint against all nodes.
func (t *Txn) holds(c SchemaChange) error {
	x := &index{SchemaChange: c}
	seen := map[string]bool{}
	for n := range t.Nodes(c.Label) {
		key, unique := x.key(n.Labels, n.Props)
		if x.violated(n.Labels, n.Props) || unique && seen[key] {
			return &ViolationError{c.Rule, c.Label, c.Properties}
		}
		if unique {
			seen[key] = true
		}
	}
	return nil
}

// check applies the constraints to what the transaction is about to commit. It needs the engine
// lock.
func (t *Txn) check() error {
	for _, x := range t.rules.all() {
		if x.Rule == RuleIndex {
			continue
		}
		own := map[string]bool{}
		for id, d := range t.writes {
			if d.dead {
				continue
			}
			key, unique := x.key(d.labels, d.props)
			if x.violated(d.labels, d.props) || unique && (own[key] || t.taken(x, key, id)) {
				return &ViolationError{x.Rule, x.Label, x.Properties}
			}
			own[key] = true
		}
	}
	return nil
}

// taken reports whether another committed node, which this transaction leaves alone, has the key.
func (t *Txn) taken(x *index, key string, self int64) bool {
	for _, id := range x.candidates(key) {
		if _, mine := t.writes[id]; mine || id == self {
			continue
		}
		v := t.graph.vertex(id)
		if v == nil {
			continue
		}
		if head := v.head.Load(); !head.dead {
			if k, ok := x.key(head.labels, head.props); ok && k == key {
				return true
			}
		}
	}
	return false
}

// ByProperty returns nodes among which are all with the label whose property equals value, in
// order of id, or nil when there is no index for it.
func (t *Txn) ByProperty(label, key string, value any) iter.Seq[Node] {
	x := t.rules.find(SchemaChange{Rule: RuleIndex, Label: label, Properties: []string{key}})
	if x == nil {
		return nil
	}
	k, ok := x.key([]string{label}, map[string]any{key: value})
	if !ok {
		return nil
	}
	ids := x.candidates(k)
	for id := range t.writes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return func(yield func(Node) bool) {
		for _, id := range ids {
			if n, ok := t.Node(id); ok && !yield(n) {
				return
			}
		}
	}
}

// IndexInfo describes an index or a constraint.
type IndexInfo struct {
	SchemaChange
	Count int64 // nodes covered; of indices only
}

// Schema lists the indices and constraints in order of their creation, as the transaction sees
// the counts.
func (t *Txn) Schema() []IndexInfo {
	var list []IndexInfo
	for _, x := range t.rules.all() {
		info := IndexInfo{SchemaChange: x.SchemaChange}
		if x.Rule == RuleIndex {
			for n := range t.Nodes(x.Label) {
				if _, ok := x.key(n.Labels, n.Props); ok || len(x.Properties) == 0 {
					info.Count++
				}
			}
		}
		list = append(list, info)
	}
	return list
}
