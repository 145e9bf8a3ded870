// Package client runs single statements through the official Neo4j driver and
// keeps everything a judge wants to compare: columns, rows, notifications, how
// long it took, and at which moment (RUN, PULL, COMMIT) the server refused.
//
// Every statement gets a connection of its own, so a server that was killed or
// restarted between two statements never shows up as a stale pooled
// connection. Nothing is retried.
package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The moments at which a statement can end badly.
const (
	AtConnect = "connect" // no session could be opened
	AtBegin   = "begin"   // BEGIN was refused
	AtRun     = "run"     // RUN was refused: parsing, semantics, role
	AtPull    = "pull"    // PULL was refused: the work itself
	AtCommit  = "commit"  // COMMIT was refused
	AtLost    = "lost"    // the connection ended or the deadline passed
)

// Notification is one entry of a summary's notifications.
type Notification struct{ Code, Title, Severity, Description string }

// Answer is what a server said to one statement. At is empty if it succeeded.
type Answer struct {
	Query         string
	Columns       []string
	Rows          [][]any
	Notifications []Notification
	At            string        // one of the At constants, or ""
	Code          string        // of the server's failure, else ""
	Message       string        // of the server's failure, or the local error
	Took          time.Duration // from sending to the end
}

// OK reports whether the statement succeeded.
func (a Answer) OK() bool { return a.At == "" }

// Outcome describes the end of the statement in one line.
func (a Answer) Outcome() string {
	switch {
	case a.At == "":
		return "OK"
	case a.Code != "":
		return fmt.Sprintf("ERROR@%s code=%s msg=%q", a.At, a.Code, a.Message)
	default:
		return fmt.Sprintf("ERROR@%s %s", a.At, a.Message)
	}
}

// String describes the answer as a transcript would: rows, then the outcome.
func (a Answer) String() string {
	var b strings.Builder
	for i, r := range a.Rows {
		if i == 5 {
			fmt.Fprintf(&b, "… %d rows; ", len(a.Rows))
			break
		}
		b.WriteString(Row(r) + "; ")
	}
	fmt.Fprintf(&b, "%s (%s)", a.Outcome(), a.Took.Round(time.Millisecond))
	return b.String()
}

// Single returns the only value of the only row, and whether there is one.
func (a Answer) Single() (any, bool) {
	if len(a.Rows) != 1 || len(a.Rows[0]) != 1 {
		return nil, false
	}
	return a.Rows[0][0], true
}

// Row renders one row the way the transcripts do: values joined by " | ".
func Row(vs []any) string {
	s := make([]string, len(vs))
	for i, v := range vs {
		s[i] = Value(v)
	}
	return strings.Join(s, " | ")
}

// Value renders one value: strings quoted, maps ordered by key, floats marked.
func Value(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64) + "(float)"
	case []any:
		s := make([]string, len(v))
		for i, e := range v {
			s[i] = Value(e)
		}
		return "[" + strings.Join(s, ", ") + "]"
	case map[string]any:
		s := make([]string, 0, len(v))
		for k, e := range v {
			s = append(s, strconv.Quote(k)+": "+Value(e))
		}
		slices.Sort(s)
		return "{" + strings.Join(s, ", ") + "}"
	default:
		return fmt.Sprint(v)
	}
}
