package cypher

import (
	"context"
	"fmt"

	"memgraph-controller/internal/standin/bolt"
)

// Query is a statement about data. It is immutable, so one Query may be
// executed many times, and at the same time.
type Query struct {
	write bool
}

// Kind returns Write when the query contains a clause that may change data.
func (q *Query) Kind() Kind {
	if q.write {
		return Write
	}
	return Read
}

// SyntaxError reports a text that is no statement of the subset, in the words
// of Memgraph's parser.
type SyntaxError struct {
	Line, Column int // both from 1
	Reason       string
}

// Error returns Memgraph's text.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("Error on line %d position %d. The underlying parsing error is %s", e.Line, e.Column, e.Reason)
}

// BoltCode returns the code of a syntax error.
func (e *SyntaxError) BoltCode() string { return bolt.CodeClient }

// Parse returns the statement that text holds. The error is a *SyntaxError,
// or a *bolt.Error for a text that parses but has no meaning ("Unbound
// variable: x.").
func Parse(text string) (Statement, error) {
	return nil, &SyntaxError{Line: 1, Column: 1, Reason: "not written yet"}
}

// SplitStatements splits text at the semicolons outside strings and comments.
// Statements come back trimmed and without the semicolon; empty ones are left
// out.
func SplitStatements(text string) []string { return nil }

// Execute starts q on g. Nothing is read or written before the first Next of
// the Rows, but a missing parameter is an error here. params are not changed.
// g must stay valid until the Rows are closed; committing is the caller's.
func Execute(ctx context.Context, q *Query, params map[string]any, g Graph) (*Rows, error) {
	return nil, bolt.ClientError("not written yet")
}

// Stats counts what a query changed.
type Stats struct {
	NodesCreated, NodesDeleted, LabelsAdded, LabelsRemoved, PropertiesSet int64
}

// Rows streams the result of a Query. It implements bolt.Result, save that it
// knows nothing of transactions: wrap it to commit at the end.
type Rows struct {
	stats Stats
}

// Fields returns the column names; none when the query returns nothing.
func (r *Rows) Fields() []string { return nil }

// Next returns the next row. A query without RETURN does all its work in the
// first Next and returns ok == false. ctx is observed at least every 1024 rows.
func (r *Rows) Next(ctx context.Context) (row []any, ok bool, err error) { return nil, false, nil }

// Stats returns what was changed so far.
func (r *Rows) Stats() Stats { return r.stats }

// Summary returns a new map with "type" and, if anything was changed, "stats"
// as Memgraph sends them. The caller may add to it.
func (r *Rows) Summary() map[string]any { return map[string]any{} }

// Close releases the iterators. It may be called more than once.
func (r *Rows) Close() {}
