package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/staged"
	"memgraph-controller/internal/plugin/view"
)

func serve(clusters ...*staged.Cluster) (source.Source, *fake.Clientset) {
	client := staged.Serve(clusters...)
	return source.Source{API: client, Namespace: staged.Namespace, Host: staged.Host}, client
}

func TestReadIsWhatIsThere(t *testing.T) {
	c := staged.New("mg")
	src, _ := serve(c)
	raw, err := src.Read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	raw.Now = staged.Now
	v := view.Of(raw)
	if v.Leader != c.Leader() || len(v.Nodes) != 3 || len(v.Controllers) != 3 || v.Record == nil || len(v.Missing) != 0 {
		t.Errorf("leader %q, %d nodes, %d controllers, record %v, missing %v", v.Leader, len(v.Nodes), len(v.Controllers), v.Record, v.Missing)
	}
	if v.Nodes[1].Mode != "strict_sync" || !v.Nodes[1].Standby {
		t.Errorf("standby: %+v", v.Nodes[1])
	}
}

func TestChoice(t *testing.T) {
	for _, c := range []struct {
		name, release, want, fails string
		clusters                   []string
	}{
		{name: "the only one", clusters: []string{"mg"}, want: "mg"},
		{name: "by name", clusters: []string{"mg", "other"}, release: "other", want: "other"},
		{name: "by its record", clusters: []string{"mg", "other"}, release: "other-state", want: "other"},
		{name: "several", clusters: []string{"mg", "other"}, fails: "several releases are in namespace shop: say which with --release NAME, of mg, other"},
		{name: "no such", clusters: []string{"mg"}, release: "mh", fails: "no release mh is in namespace shop: there is mg"},
		{name: "none", fails: "no release of the chart memgraph-ha is in namespace shop: name another with -n"},
	} {
		var clusters []*staged.Cluster
		for _, name := range c.clusters {
			clusters = append(clusters, staged.New(name))
		}
		src, _ := serve(clusters...)
		raw, err := src.Read(t.Context(), c.release)
		switch {
		case c.fails == "" && (err != nil || raw.Release.Name != c.want):
			t.Errorf("%s: %q, %v", c.name, raw.Release.Name, err)
		case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v, want %s", c.name, err, c.fails)
		}
	}
}

// TestOrphan: the record that an uninstalled release has left can be looked at, but
// is no reason to ask which beside one that lives.
func TestOrphan(t *testing.T) {
	gone := staged.New("gone")
	src, client := serve()
	if err := client.Tracker().Add(gone.ConfigMap()); err != nil {
		t.Fatal(err)
	}
	raw, err := src.Read(t.Context(), "")
	if err != nil || !raw.Release.Orphan || view.Of(raw).Record == nil {
		t.Errorf("alone: %+v, %v", raw.Release, err)
	}
	for _, o := range staged.New("mg").Objects() {
		if err := client.Tracker().Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if raw, err = src.Read(t.Context(), ""); err != nil || raw.Release.Name != "mg" {
		t.Errorf("beside another: %+v, %v", raw.Release, err)
	}
}

// TestRights: each right that is missing costs what it is needed for, and is named.
func TestRights(t *testing.T) {
	for _, c := range []struct{ verb, resource, missing, need string }{
		{"list", "deployments", "", ""},
		{"list", "configmaps", "", ""},
		{"list", "pods", view.PodsPart, "list pods in namespace shop"},
		{"get", "leases", view.LeasePart, `get leases.coordination.k8s.io "memgraph-controller-leader" in namespace shop`},
	} {
		src, client := serve(staged.New("mg"))
		staged.Refuse(client, c.verb, c.resource, staged.Forbidden(c.resource))
		raw, err := src.Read(t.Context(), "")
		if err != nil {
			t.Errorf("%s %s: %v", c.verb, c.resource, err)
			continue
		}
		raw.Now = staged.Now
		v := view.Of(raw)
		if v.Record == nil || v.Record.Main != "mg-memgraph-0" {
			t.Errorf("%s %s: record %+v", c.verb, c.resource, v.Record)
		}
		switch {
		case c.resource != "leases" && v.Nodes[0].Role != "main":
			t.Errorf("%s %s: what the leader sees is not known", c.verb, c.resource)
		case c.missing == "" && len(v.Missing) > 0:
			t.Errorf("%s %s: missing %+v", c.verb, c.resource, v.Missing)
		case c.missing != "" && (len(v.Missing) == 0 || v.Missing[0].What != c.missing || v.Missing[0].Need.String() != c.need):
			t.Errorf("%s %s: missing %+v, want %s (%s)", c.verb, c.resource, v.Missing, c.missing, c.need)
		}
	}
}

// TestNoProxy: what the leader sees is missing, and the rest is shown.
func TestNoProxy(t *testing.T) {
	src, client := serve(staged.New("mg"))
	staged.Proxy(client, func(string) rest.ResponseWrapper { return staged.Answer{Err: staged.Forbidden("pods")} })
	raw, err := src.Read(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(raw.Missing) != 1 || raw.Missing[0].Need.String() != "get pods/proxy in namespace shop" {
		t.Errorf("missing %+v", raw.Missing)
	}
}

// TestNoRightsAtAll: when nothing can be seen the error names a right, not a release.
func TestNoRightsAtAll(t *testing.T) {
	src, client := serve(staged.New("mg"))
	staged.Refuse(client, "*", "*", staged.Forbidden("anything"))
	_, err := src.Read(t.Context(), "")
	var d *problem.Denied
	if !errors.As(err, &d) || !strings.Contains(err.Error(), "you may not list deployments.apps in namespace shop") {
		t.Errorf("%v", err)
	}
}

func TestUnreachable(t *testing.T) {
	src, client := serve()
	staged.Refuse(client, "*", "*", errors.New("dial tcp 10.0.0.1:6443: connect: connection refused"))
	_, err := src.Read(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "the API server at https://k:6443 does not answer") {
		t.Errorf("%v", err)
	}
}

// TestHungControllerDelaysNothing: once the leader has answered the others have a moment.
func TestHungControllerDelaysNothing(t *testing.T) {
	c := staged.New("mg")
	src, client := serve(c)
	staged.Proxy(client, func(pod string) rest.ResponseWrapper {
		if pod != c.Leader() {
			return hung{}
		}
		raw, err := json.Marshal(c.Status)
		return staged.Answer{Raw: raw, Err: err}
	})
	began := time.Now()
	raw, err := src.Read(t.Context(), "")
	if err != nil || time.Since(began) > 3*time.Second {
		t.Fatalf("%v after %s", err, time.Since(began))
	}
	if v := view.Of(raw); v.Nodes[0].Role != "main" || !strings.Contains(v.Controllers[0].Error, "did not answer in time") {
		t.Errorf("%+v", v.Controllers[0])
	}
}

type hung struct{ staged.Answer }

func (hung) DoRaw(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestClock(t *testing.T) {
	behind := 42 * time.Second
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-behind).UTC().Format(http.TimeFormat))
	}))
	defer server.Close()
	for _, c := range []struct{ behind, want time.Duration }{{42 * time.Second, 42 * time.Second}, {0, 0}} {
		behind = c.behind
		clock := &source.DateClock{}
		if _, known := clock.Ahead(); known {
			t.Error("known before anything was answered")
		}
		client := http.Client{Transport: clock.Wrap(http.DefaultTransport)}
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if ahead, known := clock.Ahead(); !known || (ahead-c.want).Abs() > source.Coarse {
			t.Errorf("ahead %s, %v; want %s", ahead, known, c.want)
		}
	}
}
