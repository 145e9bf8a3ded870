package lab

import (
	"errors"
	"strings"
	"testing"
)

func TestComponentNames(t *testing.T) {
	l := &Lab{state: state{Nodes: 2}}
	for name, hint := range map[string]string{
		"":               "name one of controlplane/etcd, ",
		"kube-nothing":   "n2/kubelet",
		"n3/kubelet":     "n2/kubelet",
		"client/etcd":    "controlplane/etcd",
		"n1/":            "n1/containerd",
		"kubelet":        "name one of n1/kubelet, n2/kubelet",
		"kube-proxy":     "name one of client/kube-proxy, controlplane/kube-proxy, n1/kube-proxy, n2/kube-proxy",
		"etcd, coredns":  "client/coredns",
		"controlplane/*": "controlplane/kube-scheduler",
	} {
		h, component, err := l.component(name)
		if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), hint) {
			t.Errorf("component %q: %s/%s, %v; want an ErrName that says %q", name, h, component, err, hint)
		}
	}
}

func TestNodeNames(t *testing.T) {
	l := &Lab{state: state{Nodes: 2}}
	if h, err := l.node("n2"); err != nil || h != "n2" {
		t.Errorf("node n2: %s, %v", h, err)
	}
	for _, name := range []string{"", "n0", "n3", "controlplane", "client", "N1"} {
		if h, err := l.node(name); !errors.Is(err, ErrName) || !strings.HasSuffix(err.Error(), "name one of n1, n2") {
			t.Errorf("node %q: %s, %v; want an ErrName that names n1 and n2", name, h, err)
		}
	}
}
