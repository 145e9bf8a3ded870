package cypher

import (
	"context"
	"errors"
	"iter"
	"time"

	"memgraph-controller/internal/standin/bolt"
)

// tickEvery is how many steps pass between two looks at the context.
const tickEvery = 1024

// execution is the state of a running query.
type execution struct {
	ctx    context.Context // of the current Next
	q      *Query
	g      Graph
	index  PropertyIndex // nil: none
	params map[string]any
	frame  []any // the values of all variables at this point
	stats  Stats
	steps  int
	key    []byte // scratch
}

// tick is called in every loop over data; it ends the query with ctx.
func (x *execution) tick() error {
	if x == nil {
		return nil
	}
	if x.steps++; x.steps%tickEvery == 0 && x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	return nil
}

// node returns the node as it is now; false if it was deleted.
func (x *execution) node(ref *Node) (Node, bool) {
	if !x.q.write {
		return *ref, true
	}
	return x.g.Node(ref.ID)
}

// Stats counts what a query changed.
type Stats struct {
	NodesCreated, NodesDeleted, LabelsAdded, LabelsRemoved, PropertiesSet int64
}

// Rows streams the result of a Query. It implements bolt.Result, save that it
// knows nothing of transactions: wrap it to commit at the end.
type Rows struct {
	x       *execution
	row     []any
	next    func() (error, bool)
	stop    func()
	done    bool
	working time.Duration
}

// Execute starts q on g. Nothing is read or written before the first Next of
// the Rows, but a missing parameter is an error here. params are not changed.
// g must stay valid until the Rows are closed; committing is the caller's.
func Execute(ctx context.Context, q *Query, params map[string]any, g Graph) (*Rows, error) {
	if err := missing(q.params, params); err != nil {
		return nil, err
	}
	x := &execution{ctx: ctx, q: q, g: g, params: params, frame: make([]any, q.slots)}
	x.index, _ = g.(PropertyIndex)
	return &Rows{x: x, row: make([]any, len(q.columns)), stop: func() {}}, nil
}

// missing returns the error for the first parameter not in params.
func missing(want []string, params map[string]any) error {
	for _, name := range want {
		if _, ok := params[name]; !ok {
			return bolt.ClientError("Parameter $" + name + " not provided.")
		}
	}
	return nil
}

// Fields returns the column names; none when the query returns nothing.
func (r *Rows) Fields() []string { return r.x.q.Fields() }

// Next returns the next row, which is valid until the following call. A query
// without RETURN does all its work in the first Next and returns ok == false.
// When ctx ends, the error is its cause.
func (r *Rows) Next(ctx context.Context) (row []any, ok bool, err error) {
	if r.done {
		return nil, false, nil
	}
	began := time.Now()
	defer func() { r.working += time.Since(began) }()
	r.x.ctx = ctx
	if len(r.row) == 0 {
		r.done = true
		return nil, false, r.x.q.plan.run(r.x, func() error { return nil })
	}
	if r.next == nil {
		r.next, r.stop = iter.Pull(r.all)
	}
	if err, ok = r.next(); err != nil || !ok {
		r.done = true
		return nil, false, err
	}
	return r.row, true, nil
}

// errStopped ends the plan of Rows that were closed.
var errStopped = errors.New("rows were closed")

// all yields nil for each row, which it leaves in r.row, or the final error.
func (r *Rows) all(yield func(error) bool) {
	err := r.x.q.plan.run(r.x, func() error {
		for i, column := range r.x.q.columns {
			v, err := r.x.external(r.x.frame[column.slot])
			if err != nil {
				return err
			}
			r.row[i] = v
		}
		if !yield(nil) {
			return errStopped
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStopped) {
		yield(err)
	}
}

// external returns v as it is sent to the client.
func (x *execution) external(v any) (any, error) {
	switch v := v.(type) {
	case *Node:
		n, ok := x.node(v)
		if !ok {
			return nil, bolt.ClientError("Returning a deleted object as a result.")
		}
		return n, nil
	case []any:
		if !holdsNodes(v) {
			return v, nil
		}
		list := make([]any, len(v))
		for i, e := range v {
			var err error
			if list[i], err = x.external(e); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		if !holdsNodes(v) {
			return v, nil
		}
		m := make(map[string]any, len(v))
		for k, e := range v {
			var err error
			if m[k], err = x.external(e); err != nil {
				return nil, err
			}
		}
		return m, nil
	}
	return v, nil
}

// holdsNodes reports whether there is a node somewhere in v.
func holdsNodes(v any) bool {
	switch v := v.(type) {
	case *Node:
		return true
	case []any:
		for _, e := range v {
			if holdsNodes(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if holdsNodes(e) {
				return true
			}
		}
	}
	return false
}

// Stats returns what was changed so far.
func (r *Rows) Stats() Stats { return r.x.stats }

// Summary returns a new map with "type", the times in seconds and, if anything
// was changed, "stats" as Memgraph sends them. The caller may add to it.
func (r *Rows) Summary() map[string]any {
	q := r.x.q
	summary := map[string]any{
		"type":                "r",
		"parsing_time":        q.parsing.Seconds(),
		"plan_execution_time": r.working.Seconds(),
	}
	switch {
	case q.write && q.reading:
		summary["type"] = "rw"
	case q.write:
		summary["type"] = "w"
	}
	if s := r.x.stats; s != (Stats{}) {
		summary["stats"] = map[string]any{
			"nodes-created":         s.NodesCreated,
			"nodes-deleted":         s.NodesDeleted,
			"relationships-created": int64(0),
			"relationships-deleted": int64(0),
			"labels-added":          s.LabelsAdded,
			"labels-removed":        s.LabelsRemoved,
			"properties-set":        s.PropertiesSet,
		}
	}
	return summary
}

// Close releases the iterators. It may be called more than once.
func (r *Rows) Close() {
	r.done = true
	r.stop()
}
