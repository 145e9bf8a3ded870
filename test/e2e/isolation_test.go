//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Two releases share a namespace and nothing else.
func TestTwoReleasesInOneNamespaceDoNotSeeEachOther(t *testing.T) {
	a := shared(t)
	b := place.NewRelease(a.Namespace, "second")
	must(t, a.Settle(t.Context(), settled))
	if err := b.Helm(t.Context()); err == nil || !strings.Contains(err.Error(), "state.configMapName") {
		t.Errorf("a second release with the first one's names: %v; want it refused, with the value to set", err)
	}
	b = place.NewRelease(a.Namespace, "second")
	b.Apart()
	t.Cleanup(func() { removeSecond(t, b) })
	must(t, b.Helm(t.Context()))
	underWrites(t, b, func(lb *Load) {
		underWrites(t, a, func(la *Load) {
			reigns := map[*Release]reignOf{a: reign(t, a), b: reign(t, b)}
			if place.Lab != nil {
				main := get(t, b.Main)
				resumes(t, lb, 1500*time.Millisecond, strike(t, func() error { return place.Lab.Kill(t.Context(), b.Namespace, main, Memgraph) }))
				moved(t, b, main)
			}
			old := get(t, b.Leader)
			same(t, a, reigns[a])
			if la.Failed() > 0 {
				t.Errorf("%d writes to the other release were not acknowledged: %s", la.Failed(), la.Errors())
			}
			for _, n := range old.Nodes {
				if !strings.HasPrefix(n.Name, "second-") {
					t.Errorf("the second release's leader sees %s", n.Name)
				}
			}
		})
	})
}

// removeSecond takes a release out of a namespace that another lives in.
func removeSecond(t *testing.T, r *Release) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	must(t, r.Uninstall(ctx))
	claims := place.API.CoreV1().PersistentVolumeClaims(r.Namespace)
	must(t, claims.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.Name}))
}
