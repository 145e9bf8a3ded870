package cypher

import (
	"fmt"
	"iter"
	"slices"

	"memgraph-controller/internal/standin/bolt"
)

// operator is a step of a plan. run calls emit for each row, with the row in
// x.frame, and stops at the first error, which it returns. An operator keeps
// no state between runs.
//
// Rows share one frame: who needs a row later must copy it.
type operator interface {
	run(x *execution, emit func() error) error
}

// once emits the frame as it is.
type once struct{}

func (once) run(_ *execution, emit func() error) error { return emit() }

// collectOp takes all rows before it emits the first.
type collectOp struct{ input operator }

func (op *collectOp) run(x *execution, emit func() error) error {
	var rows [][]any
	err := op.input.run(x, func() error {
		rows = append(rows, slices.Clone(x.frame))
		return nil
	})
	for i := 0; err == nil && i < len(rows); i++ {
		copy(x.frame, rows[i])
		err = emit()
	}
	return err
}

// unwindOp emits a row for each element of a list.
type unwindOp struct {
	input operator
	list  expr
	steps []expr // arguments of range(), if list is that
	slot  int
}

func (op *unwindOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		if op.steps != nil {
			return op.count(x, emit)
		}
		v, err := op.list.eval(x)
		if err != nil {
			return err
		}
		list, ok := v.([]any)
		if !ok {
			return bolt.ClientError(fmt.Sprintf("Argument of UNWIND must be a list, but '%s' was provided.", typeName(v)))
		}
		for _, element := range list {
			x.frame[op.slot] = element
			if err := x.tick(); err != nil {
				return err
			}
			if err := emit(); err != nil {
				return err
			}
		}
		return nil
	})
}

// count unwinds range() without making the list.
func (op *unwindOp) count(x *execution, emit func() error) error {
	args := make([]any, len(op.steps))
	for i, arg := range op.steps {
		v, err := arg.eval(x)
		if err != nil {
			return err
		}
		args[i] = v
	}
	s, ok, err := stepsOf(args)
	if err != nil {
		return err
	}
	if !ok {
		return bolt.ClientError("Argument of UNWIND must be a list, but 'null' was provided.")
	}
	return s.each(func(i int64) error {
		x.frame[op.slot] = i
		if err := x.tick(); err != nil {
			return err
		}
		return emit()
	})
}

// scanOp emits a row for each node that fits a pattern.
type scanOp struct {
	input   operator
	node    *nodePattern
	lookups []lookup
	filters []expr // conditions of WHERE that can be judged here
	last    int    // highest slot whose value is known here
	collect bool   // find all nodes before the first row: what follows may change them
}

func (op *scanOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		return op.each(x, func() error {
			for _, filter := range op.filters {
				if ok, err := passes(x, filter); err != nil || !ok {
					return err
				}
			}
			return emit()
		})
	})
}

// passes evaluates a condition of WHERE.
func passes(x *execution, filter expr) (bool, error) {
	v, err := filter.eval(x)
	if err != nil || v == nil {
		return false, err
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, bolt.ClientError(fmt.Sprintf("Filter expression must evaluate to bool or null, got %s.", typeName(v)))
	}
	return ok, nil
}

// each puts each node that fits the pattern into the frame.
func (op *scanOp) each(x *execution, emit func() error) error {
	want, ok, err := op.node.wanted(x)
	if err != nil || !ok {
		return err
	}
	if op.node.bound {
		return op.check(x, want, emit)
	}
	var found []*Node
	for n := range op.candidates(x) {
		if err := x.tick(); err != nil {
			return err
		}
		if !op.node.fits(n, want) {
			continue
		}
		if op.collect {
			found = append(found, &n)
			continue
		}
		x.frame[op.node.slot] = &n
		if err := emit(); err != nil {
			return err
		}
	}
	for _, n := range found {
		x.frame[op.node.slot] = n
		if err := emit(); err != nil {
			return err
		}
	}
	return nil
}

// check emits the row if the node that the variable holds already fits.
func (op *scanOp) check(x *execution, want map[string]any, emit func() error) error {
	v := x.frame[op.node.slot]
	if v == nil {
		return nil
	}
	ref, ok := v.(*Node)
	if !ok {
		return bolt.ClientError(fmt.Sprintf("Expected a value of type vertex, got %s.", typeName(v)))
	}
	if n, ok := x.node(ref); ok && op.node.fits(n, want) {
		return emit()
	}
	return nil
}

// wanted evaluates the properties of the pattern. ok is false when one of
// them is null, which nothing equals.
func (n *nodePattern) wanted(x *execution) (props map[string]any, ok bool, err error) {
	if n.param == "" && len(n.props.keys) == 0 {
		return nil, true, nil
	}
	if n.param != "" {
		if props, ok = x.params[n.param].(map[string]any); !ok {
			return nil, false, bolt.ClientError(fmt.Sprintf("Parameter $%s must be a map to be used as properties, got %s.", n.param, typeName(x.params[n.param])))
		}
	} else if props, err = n.props.entries(x); err != nil {
		return nil, false, err
	}
	for _, v := range props {
		if v == nil {
			return props, false, nil
		}
	}
	return props, true, nil
}

// fits reports whether the node has the labels and properties.
func (n *nodePattern) fits(node Node, want map[string]any) bool {
	if !hasLabels(node, n.labels) {
		return false
	}
	for k, v := range want {
		if equal(node.Props[k], v) != yes {
			return false
		}
	}
	return true
}

func hasLabels(n Node, labels []string) bool {
	for _, label := range labels {
		if !slices.Contains(n.Labels, label) {
			return false
		}
	}
	return true
}

// candidates returns as few nodes as can be found without missing one.
func (op *scanOp) candidates(x *execution) iter.Seq[Node] {
	for _, l := range op.lookups {
		values, ok := l.values(x)
		if !ok {
			continue
		}
		if l.key == "" {
			return byID(x, values)
		}
		if found := op.indexed(x, l.key, values); found != nil {
			return found
		}
	}
	if op.node.param != "" {
		if props, ok := x.params[op.node.param].(map[string]any); ok {
			for key, v := range props {
				if found := op.indexed(x, key, []any{v}); found != nil {
					return found
				}
			}
		}
	}
	if len(op.node.labels) == 0 {
		return x.g.Nodes("")
	}
	return x.g.Nodes(op.node.labels[0])
}

// values evaluates what is looked up, without null and without doubles. If
// that fails there is no lookup: the condition itself will say why.
func (l lookup) values(x *execution) ([]any, bool) {
	v, err := l.value.eval(x)
	if err != nil {
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	if !l.list {
		return []any{v}, true
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	seen := make(map[string]bool, len(list))
	values := make([]any, 0, len(list))
	for _, v := range list {
		x.key = appendKey(x.key[:0], v)
		if v != nil && !seen[string(x.key)] {
			seen[string(x.key)] = true
			values = append(values, v)
		}
	}
	return values, true
}

// byID returns the nodes with the ids among values.
func byID(x *execution, values []any) iter.Seq[Node] {
	return func(yield func(Node) bool) {
		for _, v := range values {
			if f, ok := v.(float64); ok && floatToInt(f) != nil && equal(floatToInt(f), f) == yes {
				v = floatToInt(f)
			}
			id, ok := v.(int64)
			if !ok {
				continue
			}
			if n, ok := x.g.Node(id); ok && !yield(n) {
				return
			}
		}
	}
}

// indexed asks the index for each of values; nil if there is none.
func (op *scanOp) indexed(x *execution, key string, values []any) iter.Seq[Node] {
	if x.index == nil || len(op.node.labels) == 0 {
		return nil
	}
	for _, label := range op.node.labels {
		if len(values) == 0 {
			if x.index.ByProperty(label, key, int64(0)) != nil {
				return func(func(Node) bool) {}
			}
			continue
		}
		first := x.index.ByProperty(label, key, values[0])
		if first == nil {
			continue
		}
		if len(values) == 1 {
			return first
		}
		return func(yield func(Node) bool) {
			for _, v := range values {
				for n := range x.index.ByProperty(label, key, v) {
					if !yield(n) {
						return
					}
				}
			}
		}
	}
	return nil
}

// optionalOp emits the rows of inner, or one with nulls when there are none.
type optionalOp struct {
	input, inner operator
	first, last  int // slots of the variables that inner sets
}

func (op *optionalOp) run(x *execution, emit func() error) error {
	return op.input.run(x, func() error {
		some := false
		err := op.inner.run(x, func() error {
			some = true
			return emit()
		})
		if err != nil || some {
			return err
		}
		clear(x.frame[op.first : op.last+1])
		return emit()
	})
}
