//go:build linux

package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/server"
)

// OK runs a statement that must succeed; otherwise the case goes on, failed.
func (t *T) OK(n *server.Node, query string) client.Answer {
	a := t.Do(n, query)
	if !a.OK() {
		t.Errorf(n.Name+"> "+query, "OK", a.Outcome())
	}
	return a
}

// Must runs a statement without whose success the case makes no sense.
func (t *T) Must(n *server.Node, query string) client.Answer {
	a := t.Do(n, query)
	if !a.OK() {
		t.Errorf(n.Name+"> "+query, "OK", a.Outcome())
		t.Fatalf("the case cannot go on")
	}
	return a
}

// Refused runs a statement that must fail in exactly this way.
func (t *T) Refused(n *server.Node, query string, want Refusal) client.Answer {
	a := t.Do(n, query)
	t.WantRefusal(n.Name+"> "+query, a, want)
	return a
}

// WantRefusal judges an answer that came earlier.
func (t *T) WantRefusal(what string, a client.Answer, want Refusal) {
	if w := want.Judge(a); w != "" {
		t.Errorf(what, w, a.Outcome())
	}
}

// Announced runs a replication statement that must succeed with no columns, no
// rows and exactly one notification of this code and title.
func (t *T) Announced(n *server.Node, query, code, title string) {
	a := t.OK(n, query)
	if !a.OK() {
		return
	}
	want := []client.Notification{{Code: code, Title: title, Severity: "INFO"}}
	got := a.Notifications
	if !slices.Equal(got, want) || len(a.Columns) > 0 || len(a.Rows) > 0 {
		t.Errorf(n.Name+"> "+query, fmt.Sprintf("no columns, one notification %+v", want),
			fmt.Sprintf("columns %q, %d rows, notifications %+v", a.Columns, len(a.Rows), a.Notifications))
	}
}

// Value runs a statement that must answer this one value, rendered as in the
// transcripts.
func (t *T) Value(n *server.Node, query, want string) {
	a := t.OK(n, query)
	if !a.OK() {
		return
	}
	v, ok := a.Single()
	if got := client.Value(v); !ok || got != want {
		t.Errorf(n.Name+"> "+query, want, a.String())
	}
}

// Role demands that the node says it has this role.
func (t *T) Role(n *server.Node, want string) {
	a := t.OK(n, "SHOW REPLICATION ROLE")
	v, ok := a.Single()
	if a.OK() && (!ok || v != want || !slices.Equal(a.Columns, []string{"replication role"})) {
		t.Errorf(n.Name+"> SHOW REPLICATION ROLE", fmt.Sprintf("column \"replication role\", value %q", want),
			fmt.Sprintf("columns %q: %s", a.Columns, a))
	}
}

// ShowReplicas returns the rows of SHOW REPLICAS; a malformed answer ends the
// case.
func (t *T) ShowReplicas(n *server.Node) []Replica {
	rows, err := ParseReplicas(t.Do(n, "SHOW REPLICAS"))
	t.Check(err)
	return rows
}

// Quiet runs a statement without noting it, for polling and for load.
func (t *T) Quiet(n *server.Node, query string) client.Answer {
	ctx, cancel := context.WithTimeout(t.ctx, queryTimeout)
	defer cancel()
	return client.Run(ctx, n.Addr(), query)
}

// Replicas demands that SHOW REPLICAS says exactly this now (see Match).
func (t *T) Replicas(n *server.Node, patterns ...string) {
	if rows := t.ShowReplicas(n); !Match(rows, patterns...) {
		t.Errorf(n.Name+"> SHOW REPLICAS", strings.Join(patterns, ", "), Rows(rows))
	}
}

// ReplicasWithin waits until SHOW REPLICAS says this and returns how long that
// took. It records a failure if it never did, and returns the whole time.
func (t *T) ReplicasWithin(n *server.Node, within time.Duration, patterns ...string) time.Duration {
	start := time.Now()
	var last string
	ok := t.Within(within, func() bool {
		rows, err := ParseReplicas(t.Quiet(n, "SHOW REPLICAS"))
		last = Rows(rows)
		if err != nil {
			last = err.Error()
		}
		return err == nil && Match(rows, patterns...)
	})
	took := time.Since(start)
	t.Note("%s> SHOW REPLICAS until %s → %s after %s", n.Name, strings.Join(patterns, ", "), last, took.Round(time.Millisecond))
	if !ok {
		t.Errorf(fmt.Sprintf("%s> SHOW REPLICAS within %s", n.Name, within), strings.Join(patterns, ", "), last)
	}
	return took
}

// Within polls cond until it is true or the time is over.
func (t *T) Within(within time.Duration, cond func() bool) bool {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); t.Pause(20 * time.Millisecond) {
		if cond() {
			return true
		}
	}
	return false
}

// Holds demands that cond stays true for the whole time.
func (t *T) Holds(what string, during time.Duration, cond func() bool) {
	for deadline := time.Now().Add(during); time.Now().Before(deadline); {
		if !cond() {
			t.Errorf(what, "unchanged for "+during.String(), "it changed")
			return
		}
		t.Pause(50 * time.Millisecond)
	}
}

// Pause waits, because the world is to be seen after this time and not before.
func (t *T) Pause(d time.Duration) {
	select {
	case <-t.ctx.Done():
		t.Fatalf("%v", context.Cause(t.ctx))
	case <-time.After(d):
	}
}

// Took demands that a statement took between lo and hi.
func (t *T) Took(what string, took, lo, hi time.Duration) {
	if took < lo || took > hi {
		t.Errorf("duration of "+what, fmt.Sprintf("%s to %s", lo, hi), took.Round(time.Millisecond).String())
	}
}

// Await returns the answer of a Later, or ends the case after the time.
func (t *T) Await(what string, ch <-chan client.Answer, within time.Duration) client.Answer {
	select {
	case a := <-ch:
		return a
	case <-time.After(within):
		t.Fatalf("%s: no answer within %s", what, within)
	case <-t.ctx.Done():
		t.Fatalf("%s: %v", what, context.Cause(t.ctx))
	}
	return client.Answer{}
}

// Pending demands that the statement has not been answered yet.
func (t *T) Pending(what string, ch <-chan client.Answer) {
	if len(ch) > 0 {
		a := <-ch
		t.Errorf(what, "still waiting", a.Outcome())
		t.Fatalf("the case cannot go on")
	}
}
