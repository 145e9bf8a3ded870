//go:build linux

package judge

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/server"
)

// T is what a case works with. Its methods may be called from the goroutine of
// the case only, except Do, Quiet, Note and Errorf.
type T struct {
	Version Version
	Faults  Faults

	ctx     context.Context
	subject *Subject
	c       Case
	cleanup []func()
	async   sync.WaitGroup

	mu     sync.Mutex
	result Result
	start  time.Time
}

// Context ends when the case must stop.
func (t *T) Context() context.Context { return t.ctx }

// StandIn reports whether the stand-in is judged rather than a real server.
func (t *T) StandIn() bool { return t.subject.Host.Program.StandIn }

// Note adds a line to what was done.
func (t *T) Note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%6.2fs  ", time.Since(t.start).Seconds()) + fmt.Sprintf(format, args...)
	t.result.Steps = append(t.result.Steps, line)
}

// Errorf records an expectation that did not hold; the case goes on.
func (t *T) Errorf(what, want, got string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Failures = append(t.result.Failures, Failure{What: what, Want: want, Got: got})
}

// Fatalf records a failure and ends the case.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(fmt.Sprintf(format, args...), "", "")
	runtime.Goexit()
}

// Skip ends the case without a verdict.
func (t *T) Skip(reason string) {
	t.mu.Lock()
	t.result.Reason = reason
	t.mu.Unlock()
	runtime.Goexit()
}

// Check ends the case if err is not nil.
func (t *T) Check(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Cleanup runs f when the case has ended, last registered first.
func (t *T) Cleanup(f func()) { t.cleanup = append(t.cleanup, f) }

// Cluster prepares nodes, not yet started, that end with the case.
func (t *T) Cluster(names ...string) []*server.Node {
	dir := strings.ReplaceAll(t.subject.Label+"-"+t.c.ID, " ", "")
	if len(t.cleanup) > 0 {
		dir += fmt.Sprintf("-%d", len(t.cleanup))
	}
	c, err := t.subject.Host.Cluster(dir, names...)
	t.Check(err)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf(fmt.Sprintf("clean up: %v", err), "", "")
		}
	})
	return c.Nodes
}

// Port returns a free port for the case's own use.
func (t *T) Port() int {
	p, err := t.subject.Host.Ports.Take()
	t.Check(err)
	return p
}

// Go runs f in the background; the case waits for it before it is judged, and
// its nodes are killed first, so a stalled statement ends.
func (t *T) Go(f func()) { t.async.Go(f) }

// Settle waits for everything Go started.
func (t *T) Settle() { t.async.Wait() }

// execute runs the case and returns the verdict.
func execute(ctx context.Context, s *Subject, c Case, timeout time.Duration) Result {
	t := &T{
		Version: s.Version, Faults: s.Faults, ctx: ctx, subject: s, c: c, start: time.Now(),
		result: Result{Version: s.Label, ID: c.ID, Title: c.FullTitle()},
	}
	if c.Control && s.Faults == nil {
		t.result.Verdict, t.result.Reason = Skipped, NeedsControl
		return t.result
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errors.New("the case took too long"))
	defer cancel()
	t.ctx = ctx
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(t)
	}()
	<-done
	for i := len(t.cleanup) - 1; i >= 0; i-- {
		t.cleanup[i]()
	}
	t.async.Wait()
	if ctx.Err() != nil {
		t.Errorf(fmt.Sprintf("case interrupted: %v", context.Cause(ctx)), "", "")
	}
	return t.verdict()
}

func (t *T) verdict() Result {
	r := t.result
	r.Took = time.Since(t.start)
	switch {
	case len(r.Failures) > 0:
		r.Verdict, r.Reason = Failed, ""
	case r.Reason != "":
		r.Verdict = Skipped
	default:
		r.Verdict = Passed
	}
	return r
}

// queryTimeout bounds one statement; the longest recorded stall is 33 s.
const queryTimeout = 60 * time.Second

// Do runs a statement and notes it, without judging the answer.
func (t *T) Do(n *server.Node, query string) client.Answer {
	return t.DoWithin(n, query, queryTimeout)
}

// DoWithin is Do with a deadline of its own.
func (t *T) DoWithin(n *server.Node, query string, within time.Duration) client.Answer {
	ctx, cancel := context.WithTimeout(t.ctx, within)
	defer cancel()
	a := client.Run(ctx, n.Addr(), query)
	t.Note("%s> %s  → %s", n.Name, query, a)
	return a
}

// Later runs a statement in the background. The channel gives the answer once.
func (t *T) Later(n *server.Node, query string) <-chan client.Answer {
	out := make(chan client.Answer, 1)
	t.Go(func() { out <- t.Do(n, query) })
	return out
}
