package cypher

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
)

// memory is a Graph in memory, with an index on :Key(id) unless it is bare.
type memory struct {
	nodes   map[int64]Node
	last    int64
	indexed bool
	walked  int // nodes handed out by Nodes
	walking int // iterations in progress
	t       testing.TB
}

func newMemory(t testing.TB) *memory { return &memory{nodes: map[int64]Node{}, indexed: true, t: t} }

// wrote fails the test when something is written during an iteration.
func (m *memory) wrote() {
	if m.walking > 0 {
		m.t.Error("the graph was changed while it was iterated over")
	}
}

func (m *memory) Create(labels []string, props map[string]any) (int64, error) {
	m.wrote()
	m.last++
	m.nodes[m.last] = Node{ID: m.last, Labels: labels, Props: props}
	return m.last, nil
}

func (m *memory) Node(id int64) (Node, bool) {
	n, ok := m.nodes[id]
	return n, ok
}

func (m *memory) Nodes(label string) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		m.walking++
		defer func() { m.walking-- }()
		for _, id := range slices.Sorted(maps.Keys(m.nodes)) {
			n := m.nodes[id]
			if label != "" && !slices.Contains(n.Labels, label) {
				continue
			}
			m.walked++
			if !yield(n) {
				return
			}
		}
	}
}

func (m *memory) ByProperty(label, key string, value any) iter.Seq[Node] {
	if !m.indexed || label != "Key" || key != "id" {
		return nil
	}
	return func(yield func(Node) bool) {
		for _, id := range slices.Sorted(maps.Keys(m.nodes)) {
			n := m.nodes[id]
			if slices.Contains(n.Labels, label) && equal(n.Props[key], value) == yes && !yield(n) {
				return
			}
		}
	}
}

// change replaces a node, as a Graph must: what was handed out stays as it was.
func (m *memory) change(id int64, f func(*Node)) error {
	m.wrote()
	n, ok := m.nodes[id]
	if !ok {
		return fmt.Errorf("change node %d: it does not exist", id)
	}
	n.Labels, n.Props = slices.Clone(n.Labels), maps.Clone(n.Props)
	f(&n)
	m.nodes[id] = n
	return nil
}

func (m *memory) SetProperty(id int64, key string, value any) error {
	return m.change(id, func(n *Node) {
		if value == nil {
			delete(n.Props, key)
		} else {
			n.Props[key] = value
		}
	})
}

func (m *memory) ReplaceProperties(id int64, props map[string]any) error {
	return m.change(id, func(n *Node) { n.Props = props })
}

func (m *memory) AddLabels(id int64, labels []string) error {
	return m.change(id, func(n *Node) { n.Labels = append(n.Labels, labels...) })
}

func (m *memory) RemoveLabels(id int64, labels []string) error {
	return m.change(id, func(n *Node) {
		n.Labels = slices.DeleteFunc(n.Labels, func(l string) bool { return slices.Contains(labels, l) })
	})
}

func (m *memory) Delete(id int64) error {
	m.wrote()
	if _, ok := m.nodes[id]; !ok {
		return fmt.Errorf("delete node %d: it does not exist", id)
	}
	delete(m.nodes, id)
	return nil
}

// do runs a query and returns its rows in words, or the error.
func (m *memory) do(ctx context.Context, text string, params map[string]any) (string, error) {
	statement, err := Parse(text)
	if err != nil {
		return "", err
	}
	q, ok := statement.(*Query)
	if !ok {
		return "", fmt.Errorf("%q is a %T", text, statement)
	}
	rows, err := Execute(ctx, q, params, m)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for {
		row, ok, err := rows.Next(ctx)
		if err != nil {
			return strings.Join(lines, "; "), err
		}
		if !ok {
			return strings.Join(lines, "; "), nil
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = show(v)
		}
		lines = append(lines, strings.Join(cells, ","))
	}
}

// show writes a value as Cypher would.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "'" + v + "'"
	case float64:
		return formatFloat(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = show(e)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+":"+show(v[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case Node:
		return "(:" + strings.Join(v.Labels, ":") + show(v.Props) + ")"
	}
	return fmt.Sprint(v)
}
