package metrics

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The chart's alerts and dashboard ask for metrics by name; a name that is wrong
// shows nothing and fires never. These tests compare them with what is exported.

func read(t *testing.T, parts ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rule is an alert of charts/memgraph-ha/rules/alerts.yaml.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.UnmarshalStrict(read(t, "charts", "memgraph-ha", "rules", "alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) == 0 {
		t.Fatalf("alerts.yaml has %d groups; want one, with rules", len(file.Groups))
	}
	return file.Groups[0].Rules
}

// asked is one series that an expression asks for.
type asked struct {
	name   string
	labels map[string]string // label → the matcher with its operator, like ="x"
}

var (
	selectors = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^{}]*)\}`)
	matchers  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*((?:=~|!~|!=|=)\s*"[^"]*")`)
	clauses   = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)|\[[^\[\]]*\]|"[^"]*"`)
	words     = regexp.MustCompile(`[a-zA-Z_:$][a-zA-Z0-9_:]*\s*\(?`)
	keywords  = []string{"and", "or", "unless", "bool", "offset"}
)

// series returns what expr asks for. Every metric must have a selector in braces:
// without one it would mix the releases of a Prometheus.
func series(t *testing.T, where, expr string) []asked {
	t.Helper()
	var list []asked
	for _, m := range selectors.FindAllStringSubmatch(expr, -1) {
		a := asked{name: m[1], labels: map[string]string{}}
		for _, l := range matchers.FindAllStringSubmatch(m[2], -1) {
			a.labels[l[1]] = l[2]
		}
		list = append(list, a)
	}
	rest := clauses.ReplaceAllString(selectors.ReplaceAllString(expr, " "), " ")
	for _, word := range words.FindAllString(rest, -1) {
		if !strings.HasSuffix(word, "(") && !slices.Contains(keywords, strings.TrimSpace(word)) {
			t.Errorf("%s: %q in %q is neither a function nor a metric with a selector", where, word, expr)
		}
	}
	if len(list) == 0 {
		t.Errorf("%s asks for no metric: %q", where, expr)
	}
	return list
}

// scrapedLabels are what Prometheus and the ServiceMonitor add to every series.
var scrapedLabels = []string{"namespace", "job", "pod", "le"}

// checkSeries demands that a is exported, with the labels that it is selected by.
func checkSeries(t *testing.T, where string, a asked) {
	t.Helper()
	if strings.HasPrefix(a.name, "process_") || strings.HasPrefix(a.name, "go_") {
		if !strings.Contains(everything(t), "\n"+a.name+" ") {
			t.Errorf("%s: there is no %s", where, a.name)
		}
		return
	}
	name, suffix := a.name, ""
	for _, s := range []string{"_bucket", "_sum", "_count"} {
		if n, ok := strings.CutSuffix(a.name, s); ok {
			name, suffix = n, s
		}
	}
	f := documented(t)[name]
	if f == nil || (f.kind == "histogram") != (suffix != "") {
		t.Errorf("%s: there is no %s", where, a.name)
		return
	}
	for label, matcher := range a.labels {
		if !slices.Contains(f.labels, label) && !slices.Contains(scrapedLabels, label) {
			t.Errorf("%s: %s has no label %s", where, a.name, label)
		}
		checkValues(t, where, f, label, matcher)
	}
}

// everything is a scrape of a leader, with the runtime's metrics.
func everything(t *testing.T) string {
	t.Helper()
	m := happened(t, serving(t, leader()))
	found, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, mf := range found {
		b.WriteString("\n" + mf.GetName() + " ")
	}
	return b.String()
}

// said holds the sources of the words that are values of labels.
var said = map[string][]string{
	"memgraph_cluster_condition":               {"internal/cluster/condition.go"},
	"memgraph_controller_phase":                {"internal/app/status.go"},
	"memgraph_node_replication":                {"internal/cluster/cluster.go", "internal/metrics/scrape.go"},
	"memgraph_node_role":                       {"internal/cluster/cluster.go"},
	"memgraph_cluster_promotions_total":        {"internal/controller/turn.go"},
	"memgraph_controller_steps_total":          {"internal/metrics/metrics.go"},
	"memgraph_controller_decisions_total":      {"internal/cluster/rule.go"},
	"memgraph_controller_errors_total":         {"internal/metrics/metrics.go"},
	"memgraph_gateway_connection_errors_total": {"internal/metrics/scrape.go"},
}

// checkValues demands that every value a label is selected by is a word of the
// source that the values come from.
func checkValues(t *testing.T, where string, f *family, label, matcher string) {
	t.Helper()
	if slices.Contains(scrapedLabels, label) {
		return
	}
	files := said[f.name]
	if len(files) == 0 {
		t.Errorf("%s: %s is selected by %s, and this test does not know where its values come from", where, f.name, label)
		return
	}
	var source strings.Builder
	for _, file := range files {
		source.Write(read(t, file))
	}
	for _, value := range strings.Split(strings.Trim(strings.TrimLeft(matcher, "=!~ "), `"`), "|") {
		if !strings.Contains(source.String(), `"`+value+`"`) {
			t.Errorf("%s: %s{%s} never is %q", where, f.name, label, value)
		}
	}
}

// TestAlerts checks what an alert asks for, and what it must have beside that.
func TestAlerts(t *testing.T) {
	list := rules(t)
	if len(list) < 12 || len(list) > 15 {
		t.Errorf("%d alerts; want 12 or more, and no more than anybody tells apart at night", len(list))
	}
	tests := string(read(t, "tools", "alerts", "tests.yaml"))
	index := string(read(t, "docs", "runbooks", "README.md"))
	seen := map[string]bool{}
	for _, r := range list {
		if seen[r.Alert] || !strings.HasPrefix(r.Alert, "Memgraph") || r.For == "" {
			t.Errorf("%s: twice, or not ours by its name, or fires at once", r.Alert)
		}
		seen[r.Alert] = true
		if s := r.Labels["severity"]; s != "critical" && s != "warning" && !strings.Contains(s, "critical{{ else }}warning") {
			t.Errorf("%s: severity %q; want critical or warning", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Annotations["runbook_url"] != "@RUNBOOKS@/"+r.Alert+".md" {
			t.Errorf("%s: annotations %v; want summary, description and the link to its runbook", r.Alert, r.Annotations)
		}
		for _, a := range series(t, r.Alert, r.Expr) {
			if a.labels["namespace"] != `="@NAMESPACE@"` || a.labels["job"] != `="@JOB@"` {
				t.Errorf("%s: %s is not selected by the release's namespace and job", r.Alert, a.name)
			}
			checkSeries(t, r.Alert, a)
		}
		if !strings.Contains(tests, "alertname: "+r.Alert+"\n        exp_alerts") {
			t.Errorf("%s: no test in tools/alerts has it fire", r.Alert)
		}
		if !strings.Contains(index, "("+r.Alert+".md)") {
			t.Errorf("%s is not in docs/runbooks/README.md", r.Alert)
		}
		checkRunbook(t, r.Alert)
	}
	books, err := filepath.Glob(filepath.Join("..", "..", "docs", "runbooks", "Memgraph*.md"))
	if err != nil || len(books) != len(list) {
		t.Errorf("%d runbooks of %d alerts (%v); want one each", len(books), len(list), err)
	}
}

// chapters are what whoever is woken needs to know, in this order.
var chapters = []string{"## What it means", "## Are data at risk?", "## What to look at", "## What to do", "## When to leave it alone"}

func checkRunbook(t *testing.T, alert string) {
	t.Helper()
	text := string(read(t, "docs", "runbooks", alert+".md"))
	at := strings.Index(text, "# "+alert+"\n")
	for _, chapter := range chapters {
		next := strings.Index(text, chapter+"\n")
		if at < 0 || next <= at {
			t.Errorf("runbook of %s: %q is not there, or not in its place", alert, chapter)
			return
		}
		at = next
	}
	for _, name := range regexp.MustCompile(`memgraph_[a-z_]+`).FindAllString(text, -1) {
		if documented(t)[name] == nil && documented(t)[strings.TrimSuffix(name, "_bucket")] == nil {
			t.Errorf("runbook of %s speaks of %s, which is not exported", alert, name)
		}
	}
}

// panel is as much of Grafana's panel as this test looks at.
type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Targets []struct {
		RefID, Expr string
		Datasource  struct{ Type, UID string }
	}
}

func TestDashboard(t *testing.T) {
	var board struct {
		UID, Title    string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type string }
		}
		Panels []panel
	}
	if err := json.Unmarshal(read(t, "charts", "memgraph-ha", "dashboards", "memgraph-ha.json"), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" || board.SchemaVersion < 39 || len(board.Panels) < 12 {
		t.Errorf("dashboard %q %q, schema %d, %d panels", board.UID, board.Title, board.SchemaVersion, len(board.Panels))
	}
	var variables []string
	for _, v := range board.Templating.List {
		variables = append(variables, v.Name+" "+v.Type)
	}
	if want := []string{"datasource datasource", "namespace query", "job query"}; !slices.Equal(variables, want) {
		t.Errorf("variables %v; want %v", variables, want)
	}
	titles, ids := map[string]bool{}, map[int]bool{}
	for i, p := range board.Panels {
		if p.Title == "" || titles[p.Title] || p.ID == 0 || ids[p.ID] || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q lacks a title, id or description of its own, a unit or a query", p.ID, p.Title)
		}
		titles[p.Title], ids[p.ID] = true, true
		if !slices.Contains([]string{"stat", "table", "timeseries"}, p.Type) {
			t.Errorf("panel %q is a %s: not every Grafana draws it", p.Title, p.Type)
		}
		checkPlace(t, p, board.Panels[:i])
		if p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q asks data source %q; want the variable", p.Title, p.Datasource.UID)
		}
		for _, target := range p.Targets {
			if target.RefID == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: a query without refId, or to data source %q", p.Title, target.Datasource.UID)
			}
			for _, a := range series(t, p.Title, target.Expr) {
				if a.labels["namespace"] != `="$namespace"` || a.labels["job"] != `="$job"` {
					t.Errorf("panel %q: %s is not selected by the variables", p.Title, a.name)
				}
				checkSeries(t, p.Title, a)
			}
		}
	}
	for _, title := range []string{"MAIN", "Data at risk?", "Leader", "Phase"} {
		i := slices.IndexFunc(board.Panels, func(p panel) bool { return p.Title == title })
		if i < 0 || board.Panels[i].GridPos.Y != 0 {
			t.Errorf("panel %q is not in the top row", title)
		}
	}
}

// checkPlace demands that p is within Grafana's 24 columns and covers no other panel.
func checkPlace(t *testing.T, p panel, others []panel) {
	t.Helper()
	g := p.GridPos
	if g.W <= 0 || g.H <= 0 || g.X < 0 || g.X+g.W > 24 {
		t.Errorf("panel %q has the place %+v; the grid has 24 columns", p.Title, g)
	}
	for _, o := range others {
		if h := o.GridPos; g.X < h.X+h.W && h.X < g.X+g.W && g.Y < h.Y+h.H && h.Y < g.Y+g.H {
			t.Errorf("panel %q covers %q", p.Title, o.Title)
		}
	}
}
