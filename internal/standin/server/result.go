package server

import (
	"context"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
)

// databaseName is the only database there is.
const databaseName = "memgraph"

// notification is what Memgraph adds to a summary.
type notification struct {
	severity, code, title, description string
}

func info(code, title string) notification { return notification{"INFO", code, title, ""} }

func encodeNotifications(list []notification) []any {
	out := make([]any, 0, len(list))
	for _, n := range list {
		out = append(out, map[string]any{
			"severity": n.severity, "code": n.code, "title": n.title, "description": n.description,
		})
	}
	return out
}

// answer is what a system query has done.
type answer struct {
	rows  [][]any
	notes []notification
}

// lazy is the result of a system query: the work happens with the first pull, as in Memgraph, so
// that most failures are failures of PULL.
type lazy struct {
	fields  []string
	work    func(context.Context) (answer, error)
	release func() // gives back what the query holds; may be nil

	done   bool
	answer answer
	next   int
}

var _ bolt.Result = (*lazy)(nil)

func (r *lazy) Fields() []string { return r.fields }

func (r *lazy) Next(ctx context.Context) ([]any, bool, error) {
	if !r.done {
		r.done = true
		var err error
		if r.answer, err = r.work(ctx); err != nil {
			return nil, false, err
		}
	}
	if r.next == len(r.answer.rows) {
		return nil, false, nil
	}
	row := r.answer.rows[r.next]
	r.next++
	return row, true, nil
}

func (r *lazy) Summary() map[string]any {
	summary := map[string]any{
		"type": "rw", "db": databaseName, "cost_estimate": 0.0,
		"parsing_time": 0.0, "planning_time": 0.0, "plan_execution_time": 0.0,
	}
	if len(r.answer.notes) > 0 {
		summary["notifications"] = encodeNotifications(r.answer.notes)
	}
	return summary
}

func (r *lazy) Close() {
	if r.release != nil {
		r.release()
		r.release = nil
	}
}

// rows is the result of a data query; at its end it commits if it is alone in its transaction.
type rows struct {
	*cypher.Rows
	tx    *transaction
	auto  bool
	notes []notification
}

var _ bolt.Result = (*rows)(nil)

func (r *rows) Next(ctx context.Context) ([]any, bool, error) {
	ctx, stop := r.tx.bind(ctx)
	defer stop()
	row, ok, err := r.Rows.Next(ctx)
	if err != nil {
		return nil, false, dataError(err)
	}
	if ok || !r.auto {
		return row, ok, nil
	}
	r.notes, err = r.tx.commit(ctx, true)
	return nil, false, err
}

func (r *rows) Summary() map[string]any {
	summary := r.Rows.Summary()
	summary["db"] = databaseName
	if len(r.notes) > 0 {
		summary["notifications"] = encodeNotifications(r.notes)
	}
	return summary
}

func (r *rows) Close() {
	r.Rows.Close()
	if r.auto {
		r.tx.rollback()
	}
}
