package cypher

import (
	"iter"

	"memgraph-controller/internal/standin/bolt"
)

// Node is a graph node as a value. Whoever holds one must not change its
// slices or maps; a Graph replaces them instead of changing them.
type Node = bolt.Node

// Graph is one transaction's view of the data. Reads see what the same
// transaction wrote before. Values of properties are bool, int64, float64,
// string, []byte, []any and map[string]any of these; never nil inside a map,
// as a property set to null does not exist.
//
// Methods are not called concurrently. Errors are passed to the client; give
// them a Bolt code (see bolt.Coded). Maps and slices passed in may be kept, and
// like those of a Node are changed by nobody afterwards.
type Graph interface {
	// Create adds a node and returns its id.
	Create(labels []string, props map[string]any) (int64, error)
	// Node returns the node with the id; false when it does not exist (any
	// more) in this transaction.
	Node(id int64) (Node, bool)
	// Nodes returns every node with the label, of all nodes when label is
	// empty, in order of id. The executor never writes while it iterates.
	Nodes(label string) iter.Seq[Node]
	// SetProperty sets a property, or removes it when value is nil.
	SetProperty(id int64, key string, value any) error
	// ReplaceProperties makes props (without nils) the only properties.
	ReplaceProperties(id int64, props map[string]any) error
	// AddLabels adds labels; present ones are ignored.
	AddLabels(id int64, labels []string) error
	// RemoveLabels removes labels; absent ones are ignored.
	RemoveLabels(id int64, labels []string) error
	// Delete removes the node; deleting twice is the caller's mistake and is
	// not done by the executor.
	Delete(id int64) error
}

// PropertyIndex is implemented by a Graph that can find nodes by the value of
// a property without looking at all of them.
type PropertyIndex interface {
	// ByProperty returns the nodes with the label whose property equals
	// value, in order of id, or nil when there is no such index. The result
	// may hold other nodes too (the executor checks again) but must not miss
	// one: 1 and 1.0 are equal.
	ByProperty(label, key string, value any) iter.Seq[Node]
}
