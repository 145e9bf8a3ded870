//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/sandbox/bench"
)

// failAfter is the chart's default: how long MAIN may be silent.
const failAfter = 3 * time.Second

func TestMainPodDeleted(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main := get(t, r.Main)
		blow := strike(t, func() error {
			return place.API.CoreV1().Pods(r.Namespace).Delete(t.Context(), main, metav1.DeleteOptions{})
		})
		// It serves until its successor does: what counts is how long a client waited.
		must(t, Until(t.Context(), time.Minute, "another MAIN than "+main, func(ctx context.Context) error {
			if now, err := r.Main(ctx); err != nil || now == main {
				return errors.Join(errNotYet, err)
			}
			return nil
		}))
		resumes(t, l, 1500*time.Millisecond, bench.Blow{Before: time.Now(), After: time.Now()})
		gap, _ := bench.LongestGap(l.Attempts(), blow, time.Now())
		t.Logf("the longest that any client waited is %s", gap.Round(time.Millisecond))
		if gap > 1500*time.Millisecond {
			t.Errorf("a client waited %s, want at most 1.5s", gap)
		}
	})
}

func TestMainProcessKilled(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main := get(t, r.Main)
		resumes(t, l, 1500*time.Millisecond, strike(t, func() error {
			return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph)
		}))
		moved(t, r, main)
	})
}

// Nobody waits for Kubernetes to call the node NotReady, which takes 40 s. But who is at
// the door on that machine, or is sent to it, waits for his own timeout: there must be
// enough clients for some to be elsewhere.
func TestMainsNodePoweredOff(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWritesOf(t, r, 6*clients, func(l *Load) {
		must(t, r.LeadAwayFromMain(t.Context()))
		main := get(t, r.Main)
		machine, err := r.Node(t.Context(), main)
		must(t, err)
		resumes(t, l, failAfter+2*time.Second, strike(t, func() error { return place.Lab.PowerOff(t.Context(), machine) }))
		moved(t, r, main)
	})
}

func TestMainKilledDuringALeaderChange(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(l *Load) {
		main, old := get(t, r.Main), get(t, r.Leader)
		blow := strike(t, func() error {
			must(t, r.Murder(t.Context(), old.Identity))
			return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph)
		})
		resumes(t, l, Takeover+Naming+time.Second, blow)
		newLeader(t, r, old.Identity, Takeover)
	})
}

// points are the steps of a failover after which a leader may die: stages written
// to the record, and what is done to nodes.
var points = []string{"promoting", "promote", "register", "mark", "serving"}

func TestLeaderDiesBetweenStepsOfAFailover(t *testing.T) {
	needsLab(t)
	r := own(t, "faults", "controller.image.repository=memgraph-controller-faults")
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			underWrites(t, r, func(l *Load) {
				main, leader := get(t, r.Main), get(t, r.Leader)
				ip := r.addresses(t.Context())[leader.Identity]
				_, err := r.call(t.Context(), "POST", ip, "/debug/die-at?point="+url.QueryEscape(point))
				must(t, err)
				resumes(t, l, Takeover+time.Second, strike(t, func() error { return place.Lab.Kill(t.Context(), r.Namespace, main, Memgraph) }))
				must(t, Until(t.Context(), Takeover, "the leader to have died", func(ctx context.Context) error {
					return restarted(ctx, r, leader.Identity)
				}))
				moved(t, r, main)
			})
		})
	}
}

// resumes waits until writes go on and complains if that takes longer than the bar.
func resumes(t *testing.T, l *Load, bar time.Duration, blow bench.Blow) {
	t.Helper()
	took, err := l.Resumed(t.Context(), blow, bar+30*time.Second)
	must(t, err)
	t.Logf("writes resumed after %s", took.Round(time.Millisecond))
	if took > bar {
		t.Errorf("writes resumed after %s, want at most %s", took, bar)
	}
}

func moved(t *testing.T, r *Release, old string) {
	t.Helper()
	if main := get(t, r.Main); main == old {
		t.Errorf("%s is MAIN still", main)
	}
}

// restarted is an error until a container of the pod has been started again.
func restarted(ctx context.Context, r *Release, pod string) error {
	p, err := place.API.CoreV1().Pods(r.Namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.RestartCount > 0 {
			return nil
		}
	}
	return errNotYet
}

// has reports whether a log has a line with all words.
func has(log string, words ...string) bool {
	for line := range strings.Lines(log) {
		found := 0
		for _, w := range words {
			if strings.Contains(line, w) {
				found++
			}
		}
		if found == len(words) {
			return true
		}
	}
	return false
}
