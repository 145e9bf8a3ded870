//go:build browser

package browser

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/dashboard"
)

// markup is what nobody must take for markup.
const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`

// stranded is a leader whose MAIN is gone and whom nobody can follow, with markup in
// what others may have a say in.
type stranded struct{ topology cluster.Topology }

func (s stranded) Opinion(context.Context, cluster.Ordinal, cluster.Epoch) cluster.Opinion {
	return cluster.Opinion{}
}

func (s stranded) Status() app.Status {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	node := func(role cluster.Role) cluster.Sighting {
		return cluster.Sighting{Contact: cluster.Answered, Answered: now, Steady: now, Role: role, Data: cluster.Data{Known: true, UUID: "u", Vertices: 7}, Process: cluster.Process{ID: "p", Boot: "b"}, AsOf: now}
	}
	nodes := []cluster.Sighting{{Contact: cluster.Foreign, Fault: markup, Since: now}, node(cluster.RoleReplica), node(cluster.RoleReplica)}
	nodes[0].Replicas = []cluster.Replica{{Name: markup, Node: cluster.NoNode, Address: markup}}
	rec := &cluster.Record{
		Main: 0, Epoch: 7, Stage: cluster.Serving, Target: cluster.NoNode, Seat: 1, UUID: "u", LastUpdated: now, Reason: markup,
		History: []cluster.Reign{{Epoch: 6, Main: 1, Began: now.Add(-time.Hour), Reason: "before", Lost: true}, {Epoch: 7, Main: 0, Began: now, Reason: markup}},
	}
	in := cluster.Input{Record: rec, Policy: cluster.DefaultPolicy(), Topology: s.topology, Observation: cluster.Observation{Now: now.Add(9 * time.Second), Term: now, Nodes: nodes}}
	return app.Status{
		Identity: "c-0", Leading: true, Leader: "c-0", Heard: true, Version: markup, Record: rec,
		Snapshot: &controller.Snapshot{At: now.Add(9 * time.Second), Term: now, Record: rec, Nodes: nodes, Decision: cluster.Decide(in), Answer: markup},
	}
}

// TestDashboardOnKubernetes shows a cluster in need: the commands are those of
// kubectl, those that may lose data say so, and no text becomes markup.
func TestDashboardOnKubernetes(t *testing.T) {
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	nodes := cluster.Topology{{Name: "mg-0", Bolt: "mg-0.mg:7687"}, {Name: "mg-1", Bolt: "mg-1.mg:7687"}, {Name: "mg-2", Bolt: "mg-2.mg:7687"}}
	page, err := dashboard.Handler(dashboard.Options{Namespace: "graph", ConfigMap: "memgraph-controller-state"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(api.Options{
		Replica: stranded{nodes}, Topology: nodes, Policy: cluster.DefaultPolicy(), Page: page, Namespace: "graph", Log: slog.New(slog.DiscardHandler),
	}).Handler())
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	b := browser(t)
	b.open(server.URL)
	for _, want := range []string{
		"kubectl -n graph annotate configmap memgraph-controller-state memgraph-controller/request='pause'",
		"kubectl -n graph annotate configmap memgraph-controller-state memgraph-controller/request='promote 1 --accept-data-loss'",
		"kubectl -n graph annotate configmap memgraph-controller-state memgraph-controller/request='promote 2 --accept-data-loss'",
	} {
		if !strings.Contains(b.text(`[...document.querySelectorAll("#asks code")].map((e) => e.textContent).join("\n")`), want) {
			t.Errorf("the page does not offer %s", want)
		}
	}
	if n := b.text(`document.querySelectorAll("#asks .danger").length`); n != "2" {
		t.Errorf("%s commands are said to be dangerous; want the two promotions", n)
	}
	if n := b.text(`document.querySelectorAll("img, body script").length`); n != "0" {
		t.Errorf("%s elements came from text", n)
	}
	if n := b.text(`document.body.innerText.split("<img src=x").length > 4`); n != "true" {
		t.Errorf("what is markup elsewhere is not shown as the text it is:\n%s", b.text("document.body.innerText"))
	}
	if title := b.text("document.title"); !strings.HasPrefix(title, "mg-0 is MAIN") {
		t.Errorf("title %q", title)
	}
	b.look("stranded")
	b.clean(server.URL)
}
