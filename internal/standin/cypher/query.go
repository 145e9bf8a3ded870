package cypher

import (
	"fmt"
	"time"

	"memgraph-controller/internal/standin/bolt"
)

// Query is a statement about data. It is immutable, so one Query may be
// executed many times, and at the same time.
type Query struct {
	plan    operator
	slots   int
	columns []item
	write   bool
	reading bool
	params  []string
	scans   []*scanOp
	parsing time.Duration
}

// Kind returns Write when the query contains a clause that may change data.
func (q *Query) Kind() Kind {
	if q.write {
		return Write
	}
	return Read
}

// Fields returns the names of the columns; none without RETURN.
func (q *Query) Fields() []string {
	names := make([]string, len(q.columns))
	for i, c := range q.columns {
		names[i] = c.name
	}
	return names
}

// LabelScan is a place where the query looks for nodes by label.
type LabelScan struct {
	Variable   string   // empty: anonymous
	Labels     []string // never empty
	Properties []string // keys whose value is asked for, too
}

// LabelScans returns the places where the query looks for nodes by label, in
// order, so that a server can hint at missing indexes.
func (q *Query) LabelScans() []LabelScan {
	var scans []LabelScan
	for _, s := range q.scans {
		if s.node.bound || len(s.node.labels) == 0 {
			continue
		}
		scan := LabelScan{Variable: s.node.name, Labels: s.node.labels}
		for _, l := range s.lookups {
			if l.key != "" {
				scan.Properties = append(scan.Properties, l.key)
			}
		}
		scans = append(scans, scan)
	}
	return scans
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
