//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/api"
)

func TestThreeReplicasOneLeads(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		first := get(t, r.Leader)
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			all := r.Statuses(t.Context())
			if len(all) != 3 {
				t.Fatalf("%d of 3 controllers answer", len(all))
			}
			for name, s := range all {
				if s.Leading != (name == first.Identity) || s.Leader != first.Identity {
					t.Errorf("%s: leading %t, leader %q; want %s to lead", name, s.Leading, s.Leader, first.Identity)
				}
			}
		}
		lease, err := place.API.CoordinationV1().Leases(r.Namespace).Get(t.Context(), r.Lease, metav1.GetOptions{})
		must(t, err)
		if *lease.Spec.HolderIdentity != first.Identity || *lease.Spec.LeaseDurationSeconds != 15 {
			t.Errorf("lease: %+v", lease.Spec)
		}
	})
}

func TestLeaderKilledAnotherLeads(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		old, before := get(t, r.Leader), reign(t, r)
		began := time.Now()
		must(t, r.Murder(t.Context(), old.Identity))
		next := newLeader(t, r, old.Identity, Takeover)
		t.Logf("%s leads %s after %s was killed", next.Identity, since(began), old.Identity)
		same(t, r, before)
	})
}

// The same pod may lead again: it is the only one that can have its name.
func TestLeaderProcessKilled(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(*Load) {
		old, before := get(t, r.Leader), reign(t, r)
		began := time.Now()
		must(t, place.Lab.Kill(t.Context(), r.Namespace, old.Identity, Controller))
		must(t, Until(t.Context(), Takeover, "a leader", func(ctx context.Context) error {
			_, err := r.Leader(ctx)
			return err
		}))
		t.Logf("a leader again after %s", since(began))
		same(t, r, before)
	})
}

func TestLeadersNodeDies(t *testing.T) {
	needsLab(t)
	r := shared(t)
	underWrites(t, r, func(*Load) {
		old := get(t, r.Leader)
		machine, err := r.Node(t.Context(), old.Identity)
		must(t, err)
		began := time.Now()
		must(t, place.Lab.PowerOff(t.Context(), machine))
		next := newLeader(t, r, old.Identity, Takeover)
		t.Logf("%s leads %s after %s, where %s led, lost its power", next.Identity, since(began), machine, old.Identity)
		must(t, Until(t.Context(), Takeover, "a MAIN that serves", func(ctx context.Context) error {
			s, err := r.Leader(ctx)
			if err == nil && (s.Record == nil || s.Record.Stage != "serving") {
				err = fmt.Errorf("record %+v: %s", s.Record, s.Decision)
			}
			return err
		}))
	})
}

func TestLeaderReleasedCleanly(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		old, before := get(t, r.Leader), reign(t, r)
		began := time.Now()
		must(t, place.API.CoreV1().Pods(r.Namespace).Delete(t.Context(), old.Identity, metav1.DeleteOptions{}))
		next := newLeader(t, r, old.Identity, 5*time.Second)
		t.Logf("%s leads %s after %s was told to stop", next.Identity, since(began), old.Identity)
		same(t, r, before)
	})
}

func TestTwentyLeaderChanges(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := reign(t, r)
		for range 20 {
			old := get(t, r.Leader)
			must(t, place.API.CoreV1().Pods(r.Namespace).Delete(t.Context(), old.Identity, metav1.DeleteOptions{}))
			newLeader(t, r, old.Identity, Takeover)
			same(t, r, before)
		}
	})
}

// newLeader waits until somebody else leads.
func newLeader(t *testing.T, r *Release, old string, patience time.Duration) api.Status {
	t.Helper()
	s, err := r.Successor(t.Context(), old, patience)
	must(t, err)
	return s
}

// reignOf is what must not change when only leaders do.
type reignOf struct{ main, epoch string }

func reign(t *testing.T, r *Release) reignOf {
	t.Helper()
	m := get(t, r.Record)
	return reignOf{m.Data["masterIndex"], m.Data["epoch"]}
}

func same(t *testing.T, r *Release, want reignOf) {
	t.Helper()
	if is := reign(t, r); is != want {
		t.Errorf("MAIN changed with the leader: %+v, was %+v", is, want)
	}
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }
