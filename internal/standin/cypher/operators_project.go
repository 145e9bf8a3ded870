package cypher

import (
	"errors"
	"slices"

	"memgraph-controller/internal/standin/bolt"
)

// projectOp is WITH or RETURN.
type projectOp struct {
	input    operator
	writes   bool // the input writes, and must run even for no row
	items    []item
	aggs     []*aggregation
	distinct bool
	order    []sortKey
	skip     expr
	limit    expr
	where    expr
}

// errEnough is what stops the input once LIMIT is reached. Each run has its own.
type errEnough struct{ _ byte } // not empty, so that each has its own address

func (*errEnough) Error() string { return "limit reached" }

// run strings the stages together, last to first: rows go through projection
// (with aggregation), DISTINCT, ORDER BY, SKIP, LIMIT and WHERE to emit.
func (op *projectOp) run(x *execution, emit func() error) error {
	skip, err := count(x, op.skip, 0, "Number of elements to skip must be an integer.", "Number of elements to skip must be non-negative.")
	if err != nil {
		return err
	}
	limit, err := count(x, op.limit, -1, "Limit on number of returned elements must be an integer.", "Limit on number of returned elements must be non-negative.")
	if err != nil {
		return err
	}
	enough := &errEnough{}
	stage := emit
	if op.where != nil {
		stage = op.filtered(x, stage)
	}
	if op.limit != nil || op.skip != nil {
		stage = window(skip, limit, enough, stage)
	}
	var sorted *sorter
	if len(op.order) > 0 {
		sorted = &sorter{op: op, emit: stage}
		stage = func() error { return sorted.add(x) }
	}
	if op.distinct {
		stage = op.unique(x, stage)
	}
	err = op.project(x, limit, stage)
	if err == nil && sorted != nil {
		err = sorted.flush(x)
	}
	if own, ok := errors.AsType[*errEnough](err); ok && own == enough {
		return nil
	}
	return err
}

// count evaluates SKIP or LIMIT.
func count(x *execution, e expr, otherwise int64, notInteger, negative string) (int64, error) {
	if e == nil {
		return otherwise, nil
	}
	v, err := e.eval(x)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	switch {
	case !ok:
		return 0, bolt.ClientError(notInteger)
	case n < 0:
		return 0, bolt.ClientError(negative)
	}
	return n, nil
}

// window passes the rows after skip and up to limit (negative: all).
func window(skip, limit int64, enough error, emit func() error) func() error {
	seen := int64(0)
	return func() error {
		seen++
		switch {
		case seen <= skip:
			return nil
		case limit >= 0 && seen > skip+limit:
			return enough
		}
		if err := emit(); err != nil {
			return err
		}
		if limit >= 0 && seen == skip+limit {
			return enough
		}
		return nil
	}
}

func (op *projectOp) filtered(x *execution, emit func() error) func() error {
	return func() error {
		ok, err := passes(x, op.where)
		if err != nil || !ok {
			return err
		}
		return emit()
	}
}

// unique passes each combination of columns once.
func (op *projectOp) unique(x *execution, emit func() error) func() error {
	seen := map[string]bool{}
	return func() error {
		x.key = x.key[:0]
		for _, it := range op.items {
			x.key = appendKey(x.key, x.frame[it.slot])
		}
		if seen[string(x.key)] {
			return nil
		}
		seen[string(x.key)] = true
		return emit()
	}
}

// project runs the input and computes the columns.
func (op *projectOp) project(x *execution, limit int64, emit func() error) error {
	if len(op.aggs) > 0 {
		return op.aggregate(x, emit)
	}
	row := func() error {
		for _, it := range op.items {
			v, err := it.value.eval(x)
			if err != nil {
				return err
			}
			x.frame[it.slot] = v
		}
		return emit()
	}
	if limit == 0 && !op.writes {
		return nil
	}
	return op.input.run(x, row)
}

// group is the rows that agree on all columns without aggregation.
type group struct {
	frame   []any // of its first row
	tallies []tally
}

// aggregate emits one row for each group, or one for nothing at all if every
// column aggregates.
func (op *projectOp) aggregate(x *execution, emit func() error) error {
	groups := map[string]*group{}
	var inOrder []*group
	keyed := slices.ContainsFunc(op.items, func(it item) bool { return it.keyed })
	add := func(key string) *group {
		g := &group{frame: slices.Clone(x.frame), tallies: make([]tally, len(op.aggs))}
		groups[key] = g
		inOrder = append(inOrder, g)
		return g
	}
	err := op.input.run(x, func() error {
		g, err := op.groupOf(x, groups, add)
		if err != nil {
			return err
		}
		for i, agg := range op.aggs {
			if err := agg.add(x, &g.tallies[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !keyed && len(inOrder) == 0 {
		clear(x.frame)
		add("")
	}
	for _, g := range inOrder {
		copy(x.frame, g.frame)
		for i, agg := range op.aggs {
			x.frame[agg.slot] = agg.result(&g.tallies[i])
		}
		for _, it := range op.items {
			if it.keyed {
				continue // already in the frame
			}
			v, err := it.value.eval(x)
			if err != nil {
				return err
			}
			x.frame[it.slot] = v
		}
		if err := emit(); err != nil {
			return err
		}
	}
	return nil
}

// groupOf returns the group of the current row, made by add if it is new.
func (op *projectOp) groupOf(x *execution, groups map[string]*group, add func(string) *group) (*group, error) {
	for _, it := range op.items {
		if !it.keyed {
			continue
		}
		v, err := it.value.eval(x)
		if err != nil {
			return nil, err
		}
		x.frame[it.slot] = v
	}
	x.key = x.key[:0]
	for _, it := range op.items {
		if it.keyed {
			x.key = appendKey(x.key, x.frame[it.slot])
		}
	}
	if g, ok := groups[string(x.key)]; ok {
		return g, nil
	}
	return add(string(x.key)), nil
}

// sorter collects rows for ORDER BY.
type sorter struct {
	op   *projectOp
	emit func() error
	rows []sortRow
}

type sortRow struct{ keys, frame []any }

func (s *sorter) add(x *execution) error {
	keys := make([]any, len(s.op.order))
	for i, key := range s.op.order {
		v, err := key.value.eval(x)
		if err != nil {
			return err
		}
		keys[i] = v
	}
	s.rows = append(s.rows, sortRow{keys, slices.Clone(x.frame)})
	return nil
}

// flush emits the rows in order.
func (s *sorter) flush(x *execution) error {
	var failed error
	slices.SortStableFunc(s.rows, func(a, b sortRow) int {
		for i, key := range s.op.order {
			c, err := order(a.keys[i], b.keys[i])
			if err != nil && failed == nil {
				failed = err
			}
			if key.desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	if failed != nil {
		return failed
	}
	for _, row := range s.rows {
		copy(x.frame, row.frame)
		if err := s.emit(); err != nil {
			return err
		}
	}
	return nil
}
