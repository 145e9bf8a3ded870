package cypher

import (
	"fmt"
	"maps"
	"slices"

	"memgraph-controller/internal/standin/bolt"
)

// createOp creates nodes for each row.
type createOp struct {
	input operator
	nodes []*nodePattern
}

func (op *createOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		for _, n := range op.nodes {
			props, _, err := n.wanted(x)
			if err != nil {
				return err
			}
			if err := x.create(n, props); err != nil {
				return err
			}
		}
		return emit()
	})
}

// create makes a node like the pattern and puts it into the frame.
func (x *execution) create(n *nodePattern, props map[string]any) error {
	clean := make(map[string]any, len(props))
	for k, v := range props {
		if v == nil {
			continue
		}
		if err := storable(v); err != nil {
			return err
		}
		clean[k] = v
	}
	labels := n.labels
	if len(labels) > 1 {
		labels = slices.Compact(slices.Sorted(slices.Values(labels)))
		if len(labels) == len(n.labels) {
			labels = n.labels // as written
		}
	}
	id, err := x.g.Create(labels, clean)
	if err != nil {
		return err
	}
	x.stats.NodesCreated++
	x.stats.LabelsAdded += int64(len(labels))
	x.frame[n.slot] = &Node{ID: id, Labels: labels, Props: clean}
	return x.tick()
}

// mergeOp finds nodes like the pattern or creates one, for each row.
type mergeOp struct {
	input             operator
	scan              *scanOp
	onCreate, onMatch []change
}

func (op *mergeOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		props, ok, err := op.scan.node.wanted(x)
		if err != nil {
			return err
		}
		if !ok {
			return bolt.ClientError("Can't have null literal properties inside merge.")
		}
		some := false
		err = op.scan.each(x, func() error {
			some = true
			return x.apply(op.onMatch, emit)
		})
		if err != nil || some {
			return err
		}
		if err := x.create(op.scan.node, props); err != nil {
			return err
		}
		return x.apply(op.onCreate, emit)
	})
}

// changeKind tells what a change does.
type changeKind int

const (
	setProperty       changeKind = iota // n.key = value; null removes
	replaceProperties                   // n = value
	mergeProperties                     // n += value
	addLabels                           // n:A:B
	removeLabels                        // REMOVE n:A:B
)

// change is one item of SET or REMOVE.
type change struct {
	kind   changeKind
	slot   int // of the node
	key    string
	value  expr
	labels []string
}

// changeOp applies changes for each row.
type changeOp struct {
	input   operator
	changes []change
}

func (op *changeOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error { return x.apply(op.changes, emit) })
}

// apply makes the changes in the current row and hands it on.
func (x *execution) apply(changes []change, emit func() error) error {
	for i := range changes {
		if err := x.change(&changes[i]); err != nil {
			return err
		}
	}
	return emit()
}

// change makes one change. Of null there is nothing to change.
func (x *execution) change(c *change) error {
	if err := x.tick(); err != nil {
		return err
	}
	target := x.frame[c.slot]
	if target == nil {
		return nil
	}
	ref, ok := target.(*Node)
	labels := c.kind == addLabels || c.kind == removeLabels
	if !ok && labels {
		return bolt.ClientError(fmt.Sprintf("Expected a value of type vertex, got %s.", typeName(target)))
	}
	if !ok {
		return bolt.ClientError("Properties can only be set on edges and vertices.")
	}
	n, ok := x.node(ref)
	switch {
	case !ok && c.kind == addLabels:
		return bolt.ClientError("Trying to set labels on a deleted node.")
	case !ok && c.kind == removeLabels:
		return bolt.ClientError("Trying to remove labels from a deleted node.")
	case !ok:
		return bolt.ClientError("Trying to set properties on a deleted graph element.")
	case labels:
		return x.changeLabels(c, n)
	}
	v, err := c.value.eval(x)
	if err != nil {
		return err
	}
	if c.kind == setProperty {
		return x.setProperty(n, c.key, v)
	}
	return x.setProperties(n, v, c.kind == replaceProperties)
}

func (x *execution) setProperty(n Node, key string, v any) error {
	if err := storable(v); err != nil {
		return err
	}
	x.stats.PropertiesSet++
	if _, present := n.Props[key]; v == nil && !present {
		return nil
	}
	return x.g.SetProperty(n.ID, key, v)
}

// setProperties sets the properties to those of a map or a node.
func (x *execution) setProperties(n Node, v any, replace bool) error {
	props, isMap := v.(map[string]any)
	if ref, ok := v.(*Node); ok {
		source, ok := x.node(ref)
		if !ok {
			return bolt.ClientError("Trying to get properties from a deleted object.")
		}
		props, isMap = source.Props, true
	}
	if !isMap {
		return bolt.ClientError("Right-hand side in SET expression must be a node, an edge or a map.")
	}
	if err := storable(props); err != nil {
		return err
	}
	x.stats.PropertiesSet += int64(len(props))
	result := make(map[string]any, len(props)+len(n.Props))
	if !replace {
		maps.Copy(result, n.Props)
	}
	maps.Copy(result, props)
	maps.DeleteFunc(result, func(_ string, v any) bool { return v == nil })
	return x.g.ReplaceProperties(n.ID, result)
}

func (x *execution) changeLabels(c *change, n Node) error {
	var labels []string // those that make a difference
	for _, label := range c.labels {
		if slices.Contains(n.Labels, label) == (c.kind == removeLabels) && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	if len(labels) == 0 {
		return nil
	}
	if c.kind == addLabels {
		x.stats.LabelsAdded += int64(len(labels))
		return x.g.AddLabels(n.ID, labels)
	}
	x.stats.LabelsRemoved += int64(len(labels))
	return x.g.RemoveLabels(n.ID, labels)
}

// deleteOp deletes nodes for each row; null and what is gone is passed over.
type deleteOp struct {
	input   operator
	targets []expr
}

func (op *deleteOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		for _, target := range op.targets {
			v, err := target.eval(x)
			if err != nil {
				return err
			}
			if v == nil {
				continue
			}
			ref, ok := v.(*Node)
			if !ok {
				return bolt.ClientError("Only edges and vertices can be deleted.")
			}
			if _, exists := x.g.Node(ref.ID); !exists {
				continue
			}
			if err := x.g.Delete(ref.ID); err != nil {
				return err
			}
			x.stats.NodesDeleted++
			if err := x.tick(); err != nil {
				return err
			}
		}
		return emit()
	})
}
