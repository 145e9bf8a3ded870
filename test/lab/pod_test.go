package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// config is what containerd writes for runc, as far as it matters.
func config(annotations, cgroup string) string {
	return fmt.Sprintf(`{"ociVersion":"1.0.2-dev","annotations":{%s},"linux":{"cgroupsPath":%q}}`, annotations, cgroup)
}

const (
	ofPod = `"io.kubernetes.cri.sandbox-namespace":"default","io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-uid":"u-1"`
	group = "/mglab/n1/kubepods/besteffort/podu-1/4711"
)

func TestParseContainer(t *testing.T) {
	want := container{Node: "n1", Namespace: "default", Pod: "web-0", UID: "u-1", ID: "4711", Cgroup: group}
	got, err := parseContainer("n1", "4711", []byte(config(ofPod+`,"io.kubernetes.cri.container-type":"sandbox"`, group)))
	if err != nil || got != want {
		t.Errorf("sandbox: %+v, %v; want %+v", got, err, want)
	}
	want.Name = "server"
	got, err = parseContainer("n1", "4711", []byte(config(ofPod+`,"io.kubernetes.cri.container-name":"server"`, group)))
	if err != nil || got != want {
		t.Errorf("container: %+v, %v; want %+v", got, err, want)
	}
}

func TestParseContainerRefuses(t *testing.T) {
	for name, content := range map[string]string{
		"nothing":        "",
		"half a file":    config(ofPod, group)[:40],
		"another's":      config("", group),
		"no cgroup":      config(ofPod, ""),
		"systemd's form": config(ofPod, "kubepods.slice:cri-containerd:4711"),
		"no pod":         config(strings.Replace(ofPod, "web-0", "", 1), group),
		"no namespace":   config(strings.Replace(ofPod, "default", "", 1), group),
	} {
		// An empty cgroup would stand for every process of the machine.
		if got, err := parseContainer("n1", "4711", []byte(content)); err == nil || !strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %+v, %v; want an error that names the container", name, got, err)
		}
	}
}

// TestParseAddress reads what a pod's kernel printed.
func TestParseAddress(t *testing.T) {
	trie, err := os.ReadFile("testdata/fib_trie")
	if err != nil {
		t.Fatal(err)
	}
	for subnet, want := range map[string]string{
		"10.244.1.0/24": "10.244.1.12",
		"127.0.0.0/8":   "127.0.0.1",
		"10.244.2.0/24": "", // another node's
		"10.244.1.0/31": "", // routes and broadcast addresses are no pod's
		"":              "",
	} {
		got, err := parseAddress(string(trie), subnet)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("address in %q: %q, %v; want %q", subnet, got, err, want)
		}
	}
	if got, err := parseAddress("", "10.244.1.0/24"); err == nil {
		t.Errorf("address in an empty table: %q, want an error", got)
	}
}

func TestContainerNames(t *testing.T) {
	one := pod{containers: []container{{Name: "server", ID: "1"}}}
	two := pod{containers: []container{{Name: "server", ID: "1"}, {Name: "exporter", ID: "2"}}}
	for _, test := range []struct {
		pod     pod
		name    string
		want    string // the id
		unknown bool   // an ErrName
	}{
		{one, "", "1", false},
		{one, "server", "1", false},
		{one, "exporter", "", true},
		{two, "exporter", "2", false},
		{two, "", "", true},
		{pod{}, "", "", false}, // it may run again in a moment
		{pod{}, "server", "", false},
	} {
		got, err := test.pod.container(test.name)
		if got.ID != test.want || (err == nil) != (test.want != "") || errors.Is(err, ErrName) != test.unknown {
			t.Errorf("container %q of %d: %q, %v; want %q, unknown %v", test.name, len(test.pod.containers), got.ID, err, test.want, test.unknown)
		}
	}
}
