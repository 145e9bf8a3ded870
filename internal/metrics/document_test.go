package metrics

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// TestDocument checks that docs/metrics.md says what the families say.
func TestDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "metrics.md")
	want := document()
	if *rewrite {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the metrics say (%v); go test ./internal/metrics -run TestDocument -rewrite", path, err)
	}
}

// documented returns the families of all groups by name.
func documented(t testing.TB) map[string]*family {
	t.Helper()
	list := map[string]*family{}
	for _, g := range groups() {
		for _, f := range g.families {
			if list[f.name] != nil {
				t.Errorf("%s is in two groups", f.name)
			}
			list[f.name] = f
		}
	}
	return list
}

// TestEveryMetricIsDocumented compares what is really scraped, in all scenes and
// after everything has happened, with the families: names, types and labels.
func TestEveryMetricIsDocumented(t *testing.T) {
	list, seen := documented(t), map[string]bool{}
	for name, v := range scenes() {
		found, err := happened(t, serving(t, v)).registry.Gather()
		if err != nil {
			t.Fatalf("gather %s: %v", name, err)
		}
		for _, mf := range found {
			if !strings.HasPrefix(mf.GetName(), "memgraph_") {
				continue // of the runtime
			}
			f := list[mf.GetName()]
			if f == nil {
				t.Fatalf("%s is scraped and in no group of groups()", mf.GetName())
			}
			seen[f.name] = true
			if kind := strings.ToLower(mf.GetType().String()); kind != f.kind {
				t.Errorf("%s is a %s and documented as a %s", f.name, kind, f.kind)
			}
			for _, m := range mf.GetMetric() {
				if got := labels(m); !slices.Equal(got, slices.Sorted(slices.Values(f.labels))) {
					t.Errorf("%s has labels %v and is documented with %v", f.name, got, f.labels)
				}
			}
		}
	}
	for name, f := range list {
		if !seen[name] {
			t.Errorf("%s is documented and never scraped", name)
		}
		if !strings.HasSuffix(f.help, ".") || strings.Contains(f.help, "|") {
			t.Errorf("%s: its help is no sentence, or breaks a table: %q", name, f.help)
		}
	}
}

func labels(m *dto.Metric) []string {
	var list []string
	for _, l := range m.GetLabel() {
		list = append(list, l.GetName())
	}
	slices.Sort(list)
	return list
}

const head = `<!-- Written by go test ./internal/metrics -run TestDocument -rewrite; edit internal/metrics/families.go instead. -->
# Metrics

Every controller replica answers ` + "`GET /metrics`" + ` on its HTTP port (8080), leader or not. With the Prometheus operator: ` + "`--set monitoring.serviceMonitor.enabled=true`" + `, alerts with ` + "`monitoring.prometheusRule.enabled`" + `, Grafana's dashboard with ` + "`monitoring.dashboard.enabled`" + `; see the chart's values. With a NetworkPolicy, ` + "`networkPolicy.monitoring`" + ` names who may ask. Without the operator, scrape the pods with label ` + "`app.kubernetes.io/component: controller`" + `, port ` + "`http`" + `, and give the series the labels ` + "`namespace`" + ` and ` + "`job`" + ` (the name of the controllers' Service): the alerts and the dashboard select by them.

Beside these there are ` + "`go_*`" + ` and ` + "`process_*`" + `, of Go's runtime and of the process. What to do about an alert: [runbooks](runbooks/README.md).

[![The board after a failover and a switchover under writes](images/grafana.png)](images/grafana.png)

What the chart's board shows of a sandbox that loses its MAIN and then hands over, under writes: asked of a real Prometheus, and drawn by ` + "`make board`" + ` from the board's queries, not by Grafana. The sandbox has no API server, so those panels are empty.

The name tells what to do with several replicas: ` + "`memgraph_cluster_*`" + ` and ` + "`memgraph_node_*`" + ` come from the leader alone, ` + "`memgraph_record_*`" + ` are the same on all, ` + "`memgraph_controller_*`" + ` and ` + "`memgraph_gateway_*`" + ` are each replica's own. Two exceptions have names of earlier deployments: memgraph_controller_last_reconciliation_timestamp comes from the leader alone, and memgraph_cluster_pods_total is a gauge.
`

func document() []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n", g.title, g.about)
		for _, f := range g.families {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, code(f.labels), strings.ReplaceAll(f.help, "<", "&lt;"))
		}
	}
	return b.Bytes()
}

func code(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "`" + strings.Join(list, "`, `") + "`"
}
