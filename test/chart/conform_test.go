//go:build chart

package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// releases returns the Kubernetes releases whose schemas are here, oldest first.
func releases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(schemaDir, "v*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find schemas in %s: %d, %v", schemaDir, len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "v"), ".json")
	}
	slices.SortFunc(files, func(a, b string) int { return minor(t, a) - minor(t, b) })
	return files
}

func newest(t *testing.T) string {
	t.Helper()
	all := releases(t)
	return all[len(all)-1]
}

// minor returns 28 of 1.28.15.
func minor(t *testing.T, release string) int {
	t.Helper()
	parts := strings.Split(release, ".")
	if len(parts) != 3 || parts[0] != "1" {
		t.Fatalf("%s is no release of Kubernetes", release)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		t.Fatalf("%s is no release of Kubernetes: %v", release, err)
	}
	return n
}

// TestReleases checks that no release is left out between the oldest that the
// chart installs on and the newest known here.
func TestReleases(t *testing.T) {
	all := releases(t)
	for i, release := range all {
		if minor(t, release) != minor(t, all[0])+i {
			t.Errorf("schemas of %v: want one of each minor release", all)
		}
	}
	oldest := "1." + strconv.Itoa(minor(t, all[0]))
	if chart := read(t, filepath.Join(chartDir, "Chart.yaml")); !strings.Contains(chart, `kubeVersion: ">=`+oldest+`.0-0"`) {
		t.Errorf("Chart.yaml does not begin with Kubernetes %s, the oldest that is checked", oldest)
	}
	if guide := read(t, filepath.Join(repository, "docs", "installation.md")); !strings.Contains(guide, "Kubernetes "+oldest+" or newer") {
		t.Errorf("docs/installation.md does not say Kubernetes %s or newer", oldest)
	}
	older := "1." + strconv.Itoa(minor(t, all[0])-1) + ".9"
	if _, err := run(t, helm, "template", "mg", chartDir, "--kube-version", older); err == nil || !strings.Contains(err.Error(), "kubeVersion") {
		t.Errorf("on Kubernetes %s the chart gives %v, want a refusal", older, err)
	}
}

// verdict is what kubeconform says.
type verdict struct {
	Resources []struct{ Filename, Kind, Name, Status, Msg string }
	Summary   struct{ Valid, Invalid, Errors, Skipped int }
}

// conform judges manifests by the schemas of a release.
func conform(t *testing.T, release string, files ...string) (verdict, error) {
	t.Helper()
	args := []string{
		"-strict", "-summary", "-output", "json", "-kubernetes-version", release,
		"-schema-location", filepath.Join(schemaDir, "{{.Group}}.json"),
		"-schema-location", filepath.Join(schemaDir, "{{.NormalizedKubernetesVersion}}.json"),
	}
	out, failed := run(t, kubeconform, append(args, files...)...)
	var v verdict
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("kubeconform answers %q: %v, %v", out, err, failed)
	}
	return v, failed
}

// TestKubernetesTakesIt checks every set of values against every release.
func TestKubernetesTakesIt(t *testing.T) {
	dir, files, objects := t.TempDir(), []string{}, 0
	for _, set := range sets(t) {
		r := render(t, set)
		files = append(files, write(t, dir, set, r.text))
		objects += len(r.objects)
	}
	for _, release := range releases(t) {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			v, failed := conform(t, release, files...)
			if failed != nil || v.Summary.Valid != objects || v.Summary.Invalid+v.Summary.Errors+v.Summary.Skipped != 0 {
				t.Errorf("of %d objects %+v: %v", objects, v.Summary, failed)
			}
			for _, r := range v.Resources {
				t.Errorf("%s: %s %s: %s", filepath.Base(r.Filename), r.Kind, r.Name, r.Msg)
			}
		})
	}
}

// breakage is what makes a manifest wrong, and what is to be said about it.
type breakage struct{ name, from, to, want string }

// A check that lets one of these pass checks nothing.
func TestKubernetesRefuses(t *testing.T) {
	all := releases(t)
	for _, release := range []string{all[0], all[len(all)-1]} {
		refuses(t, release, render(t, "defaults").text, []breakage{
			{"an unknown field", "publishNotReadyAddresses:", "publishNotReadyAdresses:", "additional properties 'publishNotReadyAdresses' not allowed"},
			{"an unknown field of a pod", "enableServiceLinks:", "enableServiceLink:", "additional properties 'enableServiceLink' not allowed"},
			{"a wrong type", "replicas: 3", `replicas: "3"`, "at '/spec/replicas': got string, want"},
			{"a number for a name", `name: "memgraph-controller-state", optional`, "name: 1e3, optional", "got number, want string"},
			{"a lost field", "roleRef:", "#", "missing property 'roleRef'"},
			{"an API that is gone", "apiVersion: policy/v1", "apiVersion: policy/v1beta1", "at '/apiVersion': value must be 'policy/v1'"},
			{"an unknown kind", "kind: StatefulSet", "kind: StatefulSets", "at '/kind': value must be one of"},
			{"a cluster-wide right", "kind: Role\n", "kind: ClusterRole\n", "at '/kind': value must be one of"},
			{"no quantity", "memory: 64Mi", "memory: 64 MB", "does not match pattern"},
			{"a key twice", "clusterIP: None", "clusterIP: None\n  clusterIP: None", "already set in map"},
		})
	}
}

// The operator's kinds are unknown to Kubernetes: what its CRDs say is checked.
func TestPrometheusOperatorRefuses(t *testing.T) {
	const good = `apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m}
spec:
  selector: {matchLabels: {a: b}}
  endpoints: [{port: http, interval: 30s}]
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: r}
spec:
  groups: [{name: g, rules: [{alert: A, expr: up == 0, for: 5m}]}]
`
	if v, failed := conform(t, newest(t), write(t, t.TempDir(), "good", good)); failed != nil || v.Summary.Valid != 2 {
		t.Fatalf("of two good manifests %+v: %v: %v", v.Summary, v.Resources, failed)
	}
	refuses(t, newest(t), good, []breakage{
		{"an unknown field", "endpoints:", "endpoint:", "additional properties 'endpoint' not allowed"},
		{"no duration", "interval: 30s", "interval: soon", "does not match pattern"},
		{"a rule without its expression", "expr: up == 0, ", "", "missing property 'expr'"},
		{"a wrong type", "for: 5m", "for: 5", "got number, want string"},
		{"an unknown kind", "kind: PrometheusRule", "kind: PrometheusRules", "at '/kind': value must be one of"},
	})
}

// refuses breaks a good text in each of the ways, and checks that each is found.
func refuses(t *testing.T, release, good string, ways []breakage) {
	t.Helper()
	dir, files := t.TempDir(), []string{}
	for _, way := range ways {
		broken := strings.ReplaceAll(good, way.from, way.to)
		if broken == good {
			t.Errorf("%s: there is no %q to break", way.name, way.from)
		}
		files = append(files, write(t, dir, way.name, broken))
	}
	v, failed := conform(t, release, files...)
	if failed == nil {
		t.Errorf("kubeconform ends well on broken manifests")
	}
	for i, way := range ways {
		found := []string{}
		for _, r := range v.Resources {
			if r.Filename == files[i] {
				found = append(found, r.Msg)
			}
		}
		if !slices.ContainsFunc(found, func(msg string) bool { return strings.Contains(msg, way.want) }) {
			t.Errorf("Kubernetes %s says of %s: %q\nwant %s", release, way.name, found, way.want)
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
