//go:build chart

package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLint runs what chart repositories run.
func TestLint(t *testing.T) {
	for _, set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			_, namespace := identity(set)
			if out, err := lint(t, chartDir, "--namespace", namespace, "--values", filepath.Join(valuesDir, set+".yaml")); err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

func TestLintFindsFaults(t *testing.T) {
	t.Parallel()
	for name, wreck := range map[string]func(text string) string{
		"Chart.yaml":                        func(text string) string { return strings.Replace(text, "version: 0", "version: x", 1) },
		"values.yaml":                       func(text string) string { return text + "\nunknown: 1\n" },
		"templates/memgraph-objects.yaml":   func(text string) string { return text + "{{ .Values.nothing.here }}\n" },
		"templates/controller-objects.yaml": func(text string) string { return text + "  - :\n  x" },
	} {
		dir := changed(t, map[string]func(string) string{name: wreck})
		if out, err := lint(t, dir); err == nil {
			t.Errorf("helm lint finds nothing in a broken %s:\n%s", name, out)
		}
	}
}

func lint(t *testing.T, chart string, flags ...string) (string, error) {
	t.Helper()
	return run(t, helm, append([]string{"lint", chart, "--strict", "--kube-version", newest(t)}, flags...)...)
}

// changed returns a copy of the chart in which some files are changed. A file that
// the chart does not have is changed from the empty text.
func changed(t *testing.T, changes map[string]func(text string) string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "memgraph-ha")
	if err := os.CopyFS(dir, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	for name, change := range changes {
		path := filepath.Join(dir, name)
		before, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		after := change(string(before))
		if after == string(before) {
			t.Fatalf("%s: nothing to change", name)
		}
		if err := os.WriteFile(path, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
