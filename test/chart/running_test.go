//go:build chart

package chart

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cluster is an API server that answers what templates look up, and has what an
// earlier installation left there.
func cluster(t *testing.T, there *rendering) string {
	t.Helper()
	answers := map[string]any{
		"/apis/apps/v1": metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "apps/v1",
			APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Namespaced: true}, {Name: "statefulsets", Kind: "StatefulSet", Namespaced: true}},
		},
	}
	deployments := appsv1.DeploymentList{TypeMeta: metav1.TypeMeta{Kind: "DeploymentList", APIVersion: "apps/v1"}}
	if there != nil {
		deployments.Items = append(deployments.Items, *deployment(t, there))
		answers["/apis/apps/v1/namespaces/graph/statefulsets/"+statefulSet(t, there).Name] = statefulSet(t, there)
	}
	answers["/apis/apps/v1/namespaces/graph/deployments"] = deployments
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.Path]
		if !ok {
			answer = metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
		}
		w.Header().Set("Content-Type", "application/json")
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Errorf("answer %s: %v", r.URL.Path, err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Some values are wrong only because of what is in the namespace already. helm must
// say so before it has changed anything, and say what to do.
func TestRunningRelease(t *testing.T) {
	mine := with(t, "--set", "memgraph.persistence.storageClass=fast")
	volatile := with(t, "--set", "memgraph.persistence.enabled=false")
	for _, c := range []struct {
		name    string
		there   *rendering
		release string
		flags   string
		want    []string // none: it goes on
	}{
		{"first installation", nil, "mg", "controller.replicas=1", nil},
		{"nothing changes", mine, "mg", "memgraph.persistence.storageClass=fast", nil},
		{"whatever can change", mine, "mg", "memgraph.persistence.storageClass=fast,memgraph.replicas=5,controller.replicas=1,image.tag=3.13.0", nil},
		{"no volumes still", volatile, "mg", "memgraph.persistence.enabled=false", nil},
		{
			"larger volumes", mine, "mg", "memgraph.persistence.storageClass=fast,memgraph.persistence.size=20Gi",
			[]string{"memgraph.persistence.size: 20Gi", "has 10Gi", "patch pvc data-mg-memgraph-0", "kubectl -n graph delete statefulset mg-memgraph --cascade=orphan"},
		},
		{
			"another storage class", mine, "mg", "memgraph.persistence.storageClass=slow",
			[]string{`memgraph.persistence.storageClass: "slow"`, `has "fast"`, "kubectl -n graph delete statefulset mg-memgraph --cascade=orphan"},
		},
		{"volumes no more", mine, "mg", "memgraph.persistence.enabled=false", []string{"memgraph.persistence.enabled: false", "install a second release and copy the data"}},
		{"volumes at last", volatile, "mg", "memgraph.persistence.enabled=true", []string{"memgraph.persistence.enabled: true", "install a second release and copy the data"}},
		{
			"a second release", mine, "other", "memgraph.replicas=3",
			[]string{`release "mg" in namespace "graph" already uses ConfigMap "memgraph-controller-state" or Lease "memgraph-controller-leader"`, "--set state.configMapName=other-state --set leaderElection.leaseName=other-leader"},
		},
		{"a second release with its own record", mine, "other", "state.configMapName=other-state", []string{`release "mg" in namespace "graph" already uses`}},
		{"a second release with its own names", mine, "other", "state.configMapName=other-state,leaderElection.leaseName=other-leader", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := template(t, chartDir, c.release, "graph", "--set", c.flags, "--dry-run=server", "--kube-apiserver", cluster(t, c.there))
			if (err != nil) != (c.want != nil) {
				t.Errorf("helm says %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("helm says %v\nwant %s", err, want)
				}
			}
		})
	}
}
