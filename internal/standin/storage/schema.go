package storage

import (
	"math"
	"slices"
	"sync"

	"memgraph-controller/internal/standin/codec"
)

// index finds nodes by the values of properties. It holds every committed state some transaction
// may see, so a finding must be checked against the node itself.
type index struct {
	SchemaChange

	mu      sync.RWMutex
	entries map[string]map[int64]struct{}
	retired []retiredEntry
}

type retiredEntry struct {
	key string
	id  int64
	ts  uint64
}

// schema is the set of indices and constraints, changed only under the engine lock.
type schema struct {
	mu   sync.RWMutex
	list []*index
}

func (s *schema) all() []*index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.list
}

func (s *schema) find(c SchemaChange) *index {
	for _, x := range s.all() {
		if x.same(c) {
			return x
		}
	}
	return nil
}

// apply performs a change that was checked before; repeating one does nothing.
func (s *schema) apply(c SchemaChange, g *graph) {
	if c.Drop {
		c.Drop = false
		s.mu.Lock()
		defer s.mu.Unlock()
		s.list = slices.DeleteFunc(slices.Clone(s.list), func(x *index) bool { return x.same(c) })
		return
	}
	if s.find(c) != nil {
		return
	}
	x := &index{SchemaChange: c, entries: map[string]map[int64]struct{}{}}
	for _, v := range g.walk() {
		if head := v.head.Load(); !head.dead {
			x.note(v.id, nil, head)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(slices.Clone(s.list), x)
}

// key returns the index key of a node's state; false when the index does not cover it.
func (x *index) key(labels []string, props map[string]any) (string, bool) {
	if len(x.Properties) == 0 || x.Rule > RuleUnique || !slices.Contains(labels, x.Label) {
		return "", false
	}
	var out codec.Writer
	for _, p := range x.Properties {
		v, ok := props[p]
		if !ok {
			return "", false
		}
		out.Value(canonical(v))
	}
	b, err := out.Result()
	return string(b), err == nil
}

// canonical makes values that Cypher calls equal have one form: 1.0 becomes 1.
func canonical(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f)
	}
	return v
}

// note enters a new state of a node, and retires what the former one left here.
func (x *index) note(id int64, before, after *version) {
	var oldKey, newKey string
	var hadOld, hasNew bool
	if before != nil && !before.dead {
		oldKey, hadOld = x.key(before.labels, before.props)
	}
	if !after.dead {
		newKey, hasNew = x.key(after.labels, after.props)
	}
	if hadOld == hasNew && oldKey == newKey {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if hadOld {
		x.retired = append(x.retired, retiredEntry{oldKey, id, after.ts})
	}
	if hasNew {
		ids := x.entries[newKey]
		if ids == nil {
			ids = map[int64]struct{}{}
			x.entries[newKey] = ids
		}
		ids[id] = struct{}{}
	}
}

// sweep forgets the retired entries nobody can see any more and no newer state renewed.
func (x *index) sweep(oldest uint64, g *graph) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := 0
	for n < len(x.retired) && x.retired[n].ts < oldest {
		r := x.retired[n]
		n++
		if v := g.vertex(r.id); v != nil {
			if head := v.head.Load(); !head.dead {
				if key, ok := x.key(head.labels, head.props); ok && key == r.key {
					continue
				}
			}
		}
		delete(x.entries[r.key], r.id)
		if len(x.entries[r.key]) == 0 {
			delete(x.entries, r.key)
		}
	}
	x.retired = slices.Delete(x.retired, 0, n)
}

// candidates returns the ids entered under key, in order.
func (x *index) candidates(key string) []int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	ids := make([]int64, 0, len(x.entries[key]))
	for id := range x.entries[key] {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// violated reports whether a state breaks the constraint by itself.
func (x *index) violated(labels []string, props map[string]any) bool {
	if x.Rule != RuleExists && x.Rule != RuleDataType || !slices.Contains(labels, x.Label) {
		return false
	}
	for _, p := range x.Properties {
		v, ok := props[p]
		if x.Rule == RuleExists && !ok || x.Rule == RuleDataType && ok && !hasType(v, x.DataType) {
			return true
		}
	}
	return false
}

func hasType(v any, name string) bool {
	switch v.(type) {
	case bool:
		return name == "BOOL" || name == "BOOLEAN"
	case int64:
		return name == "INTEGER"
	case float64:
		return name == "FLOAT"
	case string:
		return name == "STRING"
	case []any:
		return name == "LIST"
	case map[string]any:
		return name == "MAP"
	}
	return false
}
