package metrics

import (
	"bytes"
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"memgraph-controller/internal/app"
)

var rewrite = flag.Bool("rewrite", false, "write testdata and docs/metrics.md anew")

// scraped returns what Prometheus would read of m, without the runtime's own.
func scraped(t testing.TB, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("GET /metrics: %d %s; want 200", w.Code, w.Body)
	}
	var ours []string
	for line := range strings.Lines(w.Body.String()) {
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "memgraph_") {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "")
}

// TestScenes compares what replicas in every phase tell with what is written down.
// The help texts are docs/metrics.md's matter.
func TestScenes(t *testing.T) {
	for name, v := range scenes() {
		t.Run(name, func(t *testing.T) {
			var got []byte
			for line := range strings.Lines(scraped(t, serving(t, v))) {
				if !strings.HasPrefix(line, "#") {
					got = append(got, line...)
				}
			}
			path := filepath.Join("testdata", name+".txt")
			if *rewrite {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("scrape of %s differs from %s (%v):\n%s\nif it should: go test ./internal/metrics -rewrite, and read git diff", name, path, err, got)
			}
		})
	}
}

// TestOnlyTheLeaderKnows: a sum over all replicas must not count anything twice.
func TestOnlyTheLeaderKnows(t *testing.T) {
	of := map[string]string{}
	for name, v := range scenes() {
		of[name] = scraped(t, serving(t, v))
	}
	for _, f := range slices.Concat(clusterFamilies, nodeFamilies) {
		series := "\n" + f.name + "{"
		if len(f.labels) == 0 {
			series = "\n" + f.name + " "
		}
		for _, name := range []string{"unknown", "operational_follower", "deposed"} {
			if strings.Contains(of[name], series) {
				t.Errorf("%s is there in scene %s, of a replica that does not lead", f.name, name)
			}
		}
		if !strings.Contains(of["operational_leader"]+of["bootstrap_leader"], series) {
			t.Errorf("%s is not told by a leader", f.name)
		}
	}
}

// TestPedantic has a registry look closely: every series described, none twice.
func TestPedantic(t *testing.T) {
	for name, v := range scenes() {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(scrape{Options{Status: func() app.Status { return v }, Topology: nodes}})
		if _, err := r.Gather(); err != nil {
			t.Errorf("gather %s: %v", name, err)
		}
	}
}

// unclean are the names that a linter would have otherwise: earlier deployments have
// them, and so have their dashboards.
var unclean = []string{"memgraph_cluster_pods_total"}

func TestLint(t *testing.T) {
	for name, v := range scenes() {
		problems, err := testutil.GatherAndLint(happened(t, serving(t, v)).registry)
		if err != nil {
			t.Fatalf("gather %s: %v", name, err)
		}
		for _, p := range problems {
			if !slices.Contains(unclean, p.Metric) {
				t.Errorf("%s: %s: %s", name, p.Metric, p.Text)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the time of an error is told
		got := scraped(t, happened(t, serving(t, leader())))
		for _, want := range []string{
			`memgraph_controller_reconciliations_total 3`,
			`memgraph_controller_reconciliations_successful_total 1`,
			`memgraph_controller_reconciliations_failed_total 2`,
			`memgraph_controller_reconciliation_duration_seconds_count 3`,
			`memgraph_controller_errors_total{type="record_conflict"} 1`,
			`memgraph_controller_errors_total{type="record"} 1`,
			`memgraph_controller_errors_total{type="step"} 1`,
			`memgraph_controller_last_error_timestamp{type="step"} 9.466848e+08`,
			`memgraph_controller_record_writes_total 1`,
			`memgraph_controller_steps_total{result="done",step="promote"} 1`,
			`memgraph_controller_steps_total{result="busy",step="register"} 1`,
			`memgraph_controller_steps_total{result="done",step="register"} 0`,
			`memgraph_controller_step_duration_seconds_sum{step="promote"} 0.25`,
			`memgraph_cluster_promotions_total{cause="failover"} 1`,
			`memgraph_cluster_promotions_total{cause="refresh"} 1`,
			`memgraph_cluster_promotions_total{cause="resumed"} 1`,
			`memgraph_cluster_promotions_total{cause="switchover"} 0`,
			`memgraph_cluster_main_changes_total 2`,
			`memgraph_cluster_promotion_duration_seconds_sum{cause="failover"} 0.5`,
			`memgraph_cluster_promotion_duration_seconds_bucket{cause="failover",le="0.5"} 1`,
			`memgraph_cluster_promotion_part_duration_seconds_sum{cause="failover",part="promote"} 0.4`,
			`memgraph_cluster_promotion_part_duration_seconds_sum{cause="failover",part="wait"} 0.1`,
			`memgraph_cluster_detection_delay_seconds_sum{cause="failover"} 3`,
			`memgraph_cluster_detection_delay_seconds_count{cause="restart"} 0`,
			`memgraph_cluster_unprotected_seconds_total 1.5`,
			`memgraph_controller_decisions_total{outcome="record",rule="failover"} 1`,
			`memgraph_controller_decisions_total{outcome="wait",rule="steady"} 2`,
			`memgraph_node_probe_duration_seconds_sum{node="mg-1"} 0.004`,
			`memgraph_node_probe_duration_seconds_count{node="mg-0"} 0`,
			`memgraph_gateway_hold_duration_seconds_bucket{le="2"} 1`,
			`memgraph_gateway_hold_duration_seconds_sum 1.5`,
		} {
			if !strings.Contains(got, "\n"+want+"\n") {
				t.Errorf("a scrape after the events has no line %q", want)
			}
		}
		for _, never := range []string{`duration_seconds_count{cause="resumed"}`, `type="none"`} {
			if strings.Contains(got, never) {
				t.Errorf("a scrape has %s", never)
			}
		}
		if t.Failed() {
			t.Logf("the scrape was\n%s", got)
		}
	})
}

// BenchmarkScrape is what one scrape costs the leader.
func BenchmarkScrape(b *testing.B) {
	m := happened(b, serving(b, leader()))
	for b.Loop() {
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	}
}

// BenchmarkEvents is what a pass that has nothing to do costs, which is what a
// quiet leader makes some times a second.
func BenchmarkEvents(b *testing.B) {
	m := serving(b, leader())
	b.ReportAllocs()
	for b.Loop() {
		m.Passed(1, nil)
	}
}
