//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/api"
)

func TestFreshClusterBootstraps(t *testing.T) {
	r := own(t, "fresh")
	underWrites(t, r, func(*Load) {
		m := get(t, r.Record)
		if m.Data["masterIndex"] != "0" {
			t.Errorf("masterIndex %q, want 0", m.Data["masterIndex"])
		}
		written, err := time.Parse(time.RFC3339Nano, m.Data["lastUpdated"])
		if err != nil || time.Since(written) > 5*time.Minute || time.Until(written) > time.Minute {
			t.Errorf("lastUpdated %q: %v", m.Data["lastUpdated"], err)
		}
		if leader := get(t, r.Leader); m.Data["controllerVersion"] == "" || m.Data["controllerVersion"] != leader.Version {
			t.Errorf("controllerVersion %q, want the leader's %q", m.Data["controllerVersion"], leader.Version)
		}
		if len(m.OwnerReferences) != 0 {
			t.Errorf("owned by %v: what removes its owner would remove the record", m.OwnerReferences)
		}
	})
}

func TestConfigMapDeletedRebootstrapsToTheSameMain(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before := get(t, r.Record)
		must(t, forget(t.Context(), r))
		again := rewritten(t, r, before)
		t.Logf("the record was there again after %s", again)
	})
}

func TestConfigMapKeptLeaderKilledStartsOperational(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before, old := get(t, r.Record), get(t, r.Leader)
		must(t, r.Murder(t.Context(), old.Identity))
		must(t, Until(t.Context(), Takeover, "another leader than "+old.Identity, func(ctx context.Context) error {
			for _, s := range r.Statuses(ctx) {
				if s.Phase == api.Bootstrap {
					t.Errorf("%s is in phase %s while there is a record", s.Identity, s.Phase)
				}
				if s.Leading && s.Identity != old.Identity {
					return nil
				}
			}
			return errNobody
		}))
		if m := get(t, r.Record); m.UID != before.UID || m.Data["masterIndex"] != before.Data["masterIndex"] || m.Data["epoch"] != before.Data["epoch"] {
			t.Errorf("the record was not taken over as it was: %v, was %v", m.Data, before.Data)
		}
	})
}

func TestConfigMapDeletedAndLeaderKilledBootstraps(t *testing.T) {
	r := shared(t)
	underWrites(t, r, func(*Load) {
		before, old := get(t, r.Record), get(t, r.Leader)
		must(t, r.Murder(t.Context(), old.Identity))
		must(t, forget(t.Context(), r))
		began := time.Now()
		rewritten(t, r, before)
		next := newLeader(t, r, old.Identity, Takeover)
		t.Logf("%s has bootstrapped %s after record and leader were gone", next.Identity, since(began))
	})
}

// forget deletes the record.
func forget(ctx context.Context, r *Release) error {
	return place.API.CoreV1().ConfigMaps(r.Namespace).Delete(ctx, r.ConfigMap, metav1.DeleteOptions{})
}

// rewritten waits until there is a record again, which must name the same MAIN, and
// returns how long that took.
func rewritten(t *testing.T, r *Release, before *corev1.ConfigMap) time.Duration {
	t.Helper()
	began := time.Now()
	var m *corev1.ConfigMap
	must(t, Until(t.Context(), Takeover+10*time.Second, "a record", func(ctx context.Context) (err error) {
		if m, err = r.Record(ctx); err != nil {
			return err
		}
		if m.UID == before.UID {
			return errors.New("the old one is still there")
		}
		if m.Data["stage"] != "serving" {
			return fmt.Errorf("stage %s: %s", m.Data["stage"], m.Data["reason"])
		}
		return nil
	}))
	took := since(began)
	if is, was := m.Data["masterIndex"], before.Data["masterIndex"]; is != was {
		t.Errorf("MAIN is node %s, was node %s", is, was)
	}
	return took
}
