//go:build linux

package judge

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// CaseTimeout bounds one case.
const CaseTimeout = 3 * time.Minute

// Report is told each verdict as it comes, one at a time.
type Report func(done, total int, r Result)

// job is one case against one subject.
type job struct {
	s *Subject
	c Case
}

// Run judges every pair of subject and case, at most parallel at a time, the
// long ones first, and returns the results. Each result is handed to report as
// it comes, one at a time. It stops early when ctx ends.
func Run(ctx context.Context, work map[*Subject][]Case, parallel int, report Report) []Result {
	var jobs []job
	for s, cs := range work {
		for _, c := range cs {
			jobs = append(jobs, job{s, c})
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int {
		if a.c.Long != b.c.Long {
			return int((b.c.Long - a.c.Long) / time.Millisecond)
		}
		return CompareIDs(a.c.ID, b.c.ID)
	})
	results := make(chan Result)
	var g errgroup.Group
	g.SetLimit(parallel)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for _, j := range jobs {
			if ctx.Err() != nil {
				break
			}
			g.Go(func() error {
				results <- execute(ctx, j.s, j.c, CaseTimeout)
				return nil
			})
		}
		_ = g.Wait()
		close(results)
	}()
	var out []Result
	for r := range results {
		out = append(out, r)
		report(len(out), len(jobs), r)
	}
	<-finished
	return out
}

// Identify starts one node of the subject, asks it for its release and keeps
// the answer in the subject. The result is that of the pseudo-case 0.
func Identify(ctx context.Context, s *Subject) Result {
	return execute(ctx, s, Case{ID: "0", Title: "starts, answers on Bolt and says which release it is", Run: func(t *T) {
		n := t.Cluster("a")[0]
		_, err := n.Start(t.ctx)
		t.Check(err)
		a := t.Must(n, "SHOW VERSION")
		said, _ := a.Single()
		text, ok := said.(string)
		if !ok || !slices.Equal(a.Columns, []string{"version"}) {
			t.Fatalf("SHOW VERSION: columns %q, answer %s", a.Columns, a)
		}
		v, err := ParseVersion(text)
		t.Check(err)
		if s.Label == "real" {
			s.Label = text
			t.result.Version = text
		} else if asked, err := ParseVersion(s.Label); err != nil || asked.Major != v.Major || asked.Minor != v.Minor && s.Label != "next" {
			t.Errorf("SHOW VERSION", s.Label, text)
		}
		s.Version = v
	}}, CaseTimeout)
}
