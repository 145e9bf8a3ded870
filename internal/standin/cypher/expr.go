package cypher

import (
	"fmt"
	"strings"

	"memgraph-controller/internal/standin/bolt"
)

// expr is a parsed expression, variables resolved to slots of the frame.
type expr interface {
	eval(x *execution) (any, error)
}

type (
	literal   struct{ value any }
	slotExpr  struct{ slot int } // a variable, or the result of an aggregation
	paramExpr struct{ name string }
	listExpr  struct{ items []expr }
	mapExpr   struct {
		keys   []string
		values []expr
	}
	propertyExpr struct {
		of  expr
		key string
	}
	labelsExpr struct { // n:A:B
		of     expr
		labels []string
	}
	indexExpr struct{ of, at expr }
	sliceExpr struct{ of, from, to expr } // from and to may be nil
	notExpr   struct{ of expr }
	logicExpr struct { // AND, OR, XOR
		op          string
		left, right expr
	}
	compareExpr struct { // = <> < <= > >=
		op          string
		left, right expr
	}
	textExpr struct { // STARTS WITH, ENDS WITH, CONTAINS
		op          string
		left, right expr
	}
	inExpr     struct{ item, list expr }
	isNullExpr struct {
		of  expr
		not bool
	}
	caseExpr struct {
		subject  expr // nil: the conditions stand alone
		whens    []caseWhen
		fallback expr // nil: null
	}
	caseWhen struct{ when, then expr }
)

func (e literal) eval(*execution) (any, error)     { return e.value, nil }
func (e slotExpr) eval(x *execution) (any, error)  { return x.frame[e.slot], nil }
func (e paramExpr) eval(x *execution) (any, error) { return x.params[e.name], nil }

func (e listExpr) eval(x *execution) (any, error) {
	list := make([]any, len(e.items))
	for i, item := range e.items {
		v, err := item.eval(x)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

func (e mapExpr) eval(x *execution) (any, error) { return e.entries(x) }

// entries evaluates the map.
func (e mapExpr) entries(x *execution) (map[string]any, error) {
	m := make(map[string]any, len(e.keys))
	for i, key := range e.keys {
		v, err := e.values[i].eval(x)
		if err != nil {
			return nil, err
		}
		m[key] = v
	}
	return m, nil
}

func (e propertyExpr) eval(x *execution) (any, error) {
	v, err := e.of.eval(x)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *Node:
		n, ok := x.node(v)
		if !ok {
			return nil, bolt.ClientError("Trying to get a property from a deleted object.")
		}
		return n.Props[e.key], nil
	case map[string]any:
		return v[e.key], nil
	}
	return nil, bolt.ClientError("Only nodes, edges, maps, temporal types, points and graphs have properties to be looked-up.")
}

func (e labelsExpr) eval(x *execution) (any, error) {
	v, err := e.of.eval(x)
	if err != nil || v == nil {
		return nil, err
	}
	ref, ok := v.(*Node)
	if !ok {
		return nil, bolt.ClientError(fmt.Sprintf("Expected a Node in labels test, got %s.", typeName(v)))
	}
	n, ok := x.node(ref)
	if !ok {
		return nil, bolt.ClientError("Trying to access labels on a deleted node.")
	}
	return hasLabels(n, e.labels), nil
}

func (e indexExpr) eval(x *execution) (any, error) {
	of, err := e.of.eval(x)
	if err != nil {
		return nil, err
	}
	at, err := e.at.eval(x)
	if err != nil || of == nil || at == nil {
		return nil, err
	}
	switch of := of.(type) {
	case []any:
		i, ok := at.(int64)
		if !ok {
			return nil, bolt.ClientError(fmt.Sprintf("Expected an integer as a list index, got %s.", typeName(at)))
		}
		if i < 0 {
			i += int64(len(of))
		}
		if i < 0 || i >= int64(len(of)) {
			return nil, nil
		}
		return of[i], nil
	case map[string]any, *Node:
		key, ok := at.(string)
		if !ok {
			return nil, bolt.ClientError(fmt.Sprintf("Expected a string as a property name, got %s.", typeName(at)))
		}
		return propertyExpr{literal{of}, key}.eval(x)
	}
	return nil, bolt.ClientError(fmt.Sprintf("Expected a list, a map, a node or an edge to index with '[]', got %s.", typeName(of)))
}

func (e sliceExpr) eval(x *execution) (any, error) {
	of, err := e.of.eval(x)
	if err != nil || of == nil {
		return nil, err
	}
	list, ok := of.([]any)
	if !ok {
		return nil, bolt.ClientError(fmt.Sprintf("Expected a list to slice, got %s.", typeName(of)))
	}
	from, known, err := e.bound(x, e.from, 0, len(list))
	if err != nil || !known {
		return nil, err
	}
	to, known, err := e.bound(x, e.to, len(list), len(list))
	if err != nil || !known {
		return nil, err
	}
	if from >= to {
		return []any{}, nil
	}
	return list[from:to:to], nil
}

// bound evaluates one end of a slice and fits it into the list; known is
// false for null.
func (e sliceExpr) bound(x *execution, end expr, otherwise, length int) (i int, known bool, err error) {
	if end == nil {
		return otherwise, true, nil
	}
	v, err := end.eval(x)
	if err != nil || v == nil {
		return 0, false, err
	}
	n, ok := v.(int64)
	if !ok {
		return 0, false, bolt.ClientError(fmt.Sprintf("Expected an integer for a bound in list slicing, got %s.", typeName(v)))
	}
	if n < 0 {
		n += int64(length)
	}
	return int(min(max(n, 0), int64(length))), true, nil
}

// condition evaluates e, which must be a boolean or null.
func condition(x *execution, e expr, op string) (truth, error) {
	v, err := e.eval(x)
	if err != nil {
		return unknown, err
	}
	switch v := v.(type) {
	case nil:
		return unknown, nil
	case bool:
		return truthOf(v), nil
	}
	return unknown, bolt.ClientError(fmt.Sprintf("Invalid type %s for '%s'.", typeName(v), op))
}

func (e notExpr) eval(x *execution) (any, error) {
	t, err := condition(x, e.of, "NOT")
	if err != nil || t == unknown {
		return nil, err
	}
	return t == no, nil
}

func (e logicExpr) eval(x *execution) (any, error) {
	left, err := condition(x, e.left, e.op)
	if err != nil {
		return nil, err
	}
	if e.op == "AND" && left == no || e.op == "OR" && left == yes {
		return left.value(), nil
	}
	right, err := condition(x, e.right, e.op)
	if err != nil {
		return nil, err
	}
	switch {
	case e.op == "AND" && right == no || e.op == "OR" && right == yes:
		return right.value(), nil
	case left == unknown || right == unknown:
		return nil, nil
	case e.op == "XOR":
		return left != right, nil
	}
	return left.value(), nil // both say the same
}

func (e compareExpr) eval(x *execution) (any, error) {
	left, err := e.left.eval(x)
	if err != nil {
		return nil, err
	}
	right, err := e.right.eval(x)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case "=":
		return equal(left, right).value(), nil
	case "<>":
		if t := equal(left, right); t != unknown {
			return t == no, nil
		}
		return nil, nil
	}
	return less(e.op, left, right)
}

// less evaluates the order comparisons.
func less(op string, left, right any) (any, error) {
	if left == nil || right == nil {
		return nil, nil
	}
	var c int
	if isNumber(left) && isNumber(right) {
		var ok bool
		if c, ok = compareNumbers(left, right); !ok {
			return false, nil
		}
	} else {
		l, ok1 := left.(string)
		r, ok2 := right.(string)
		if !ok1 || !ok2 {
			return nil, bolt.ClientError(fmt.Sprintf("Invalid types: %s and %s for '%s'.", typeName(left), typeName(right), op))
		}
		c = strings.Compare(l, r)
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

func (e textExpr) eval(x *execution) (any, error) {
	left, err := e.left.eval(x)
	if err != nil {
		return nil, err
	}
	right, err := e.right.eval(x)
	if err != nil || left == nil || right == nil {
		return nil, err
	}
	l, ok1 := left.(string)
	r, ok2 := right.(string)
	if !ok1 || !ok2 {
		return nil, bolt.ClientError(fmt.Sprintf("Invalid types: %s and %s for '%s'.", typeName(left), typeName(right), e.op))
	}
	switch e.op {
	case "STARTS WITH":
		return strings.HasPrefix(l, r), nil
	case "ENDS WITH":
		return strings.HasSuffix(l, r), nil
	}
	return strings.Contains(l, r), nil
}

func (e inExpr) eval(x *execution) (any, error) {
	item, err := e.item.eval(x)
	if err != nil {
		return nil, err
	}
	v, err := e.list.eval(x)
	if err != nil || v == nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, bolt.ClientError(fmt.Sprintf("IN expected a list, got %s.", typeName(v)))
	}
	found := no
	for _, element := range list {
		switch equal(item, element) {
		case yes:
			return true, nil
		case unknown:
			found = unknown
		}
	}
	return found.value(), nil
}

func (e isNullExpr) eval(x *execution) (any, error) {
	v, err := e.of.eval(x)
	return (v == nil) != e.not, err
}

func (e caseExpr) eval(x *execution) (any, error) {
	var subject any
	if e.subject != nil {
		var err error
		if subject, err = e.subject.eval(x); err != nil {
			return nil, err
		}
	}
	for _, w := range e.whens {
		v, err := w.when.eval(x)
		if err != nil {
			return nil, err
		}
		hit := v == true
		if e.subject != nil {
			hit = equal(subject, v) == yes
		} else if _, isBool := v.(bool); v != nil && !isBool {
			return nil, bolt.ClientError(fmt.Sprintf("CASE expected boolean expression, got %s.", typeName(v)))
		}
		if hit {
			return w.then.eval(x)
		}
	}
	if e.fallback == nil {
		return nil, nil
	}
	return e.fallback.eval(x)
}
