package lab

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestConfiguration fills in every file of every machine, and checks that what
// comes out can be read.
func TestConfiguration(t *testing.T) {
	s := state{Nodes: 2, Programs: "/programs"}
	for _, h := range hosts(s.Nodes) {
		for name, path := range h.configuration() {
			content, err := s.render(h, name)
			if err != nil {
				t.Errorf("%s of %s: %v", name, h, err)
				continue
			}
			if !filepath.IsAbs(path) || strings.Contains(content, "{{") {
				t.Errorf("%s of %s goes to %q as\n%s", name, h, path, content)
			}
			if filepath.Ext(name) != ".yaml" && filepath.Ext(name) != ".conflist" {
				continue
			}
			var values map[string]any
			if err := yaml.Unmarshal([]byte(content), &values); err != nil || len(values) == 0 {
				t.Errorf("%s of %s cannot be read: %v\n%s", name, h, err, content)
			}
		}
	}
}

// TestKubeletConfiguration checks what keeps the nodes of one host apart.
func TestKubeletConfiguration(t *testing.T) {
	content, err := state{Nodes: 2}.render("n2", "kubelet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var kubelet struct{ CgroupRoot, ContainerRuntimeEndpoint, PodLogsDir string }
	if err := yaml.Unmarshal([]byte(content), &kubelet); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{
		"cgroup": kubelet.CgroupRoot, "runtime": kubelet.ContainerRuntimeEndpoint, "logs": kubelet.PodLogsDir,
	} {
		if !strings.Contains(path, "/n2") {
			t.Errorf("the %s of n2 is at %q, which may be another node's too", what, path)
		}
	}
}

// TestMachineSpec checks that a machine reads what the lab wrote for it.
func TestMachineSpec(t *testing.T) {
	s := state{Nodes: 1, Programs: "/programs"}
	for _, h := range hosts(s.Nodes) {
		spec := s.machine(h)
		encoded, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range spec.Components {
			if seen[c.Name] || c.Log == "" || len(c.Args) == 0 {
				t.Errorf("component %q of %s is there twice, or has no log or no program: %s", c.Name, h, encoded)
			}
			seen[c.Name] = true
		}
		if len(seen) == 0 {
			t.Errorf("%s does nothing: %s", h, encoded)
		}
	}
}
