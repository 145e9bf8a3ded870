package view

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
)

// The chart's labels and annotations by which a release is found.
const (
	Chart           = "memgraph-ha"
	NameLabel       = "app.kubernetes.io/name"
	InstanceLabel   = "app.kubernetes.io/instance"
	ComponentLabel  = "app.kubernetes.io/component"
	ManagedByLabel  = "app.kubernetes.io/managed-by"
	ManagedBy       = "memgraph-controller" // of a record that a controller has created
	StateAnnotation = "memgraph-controller/state"
	LeaseAnnotation = "memgraph-controller/lease"

	ControllerComponent = "controller" // of pods, and the name of their container
	NodeComponent       = "memgraph"   // of pods, and the name of their container
)

const (
	defaultRecord = "memgraph-controller-state"
	defaultLease  = "memgraph-controller-leader"
	defaultPort   = "8080"
)

// Release says where a cluster lives.
type Release struct {
	Name        string `json:"name"` // of a record that nobody uses, its ConfigMap's
	Namespace   string `json:"namespace"`
	Record      string `json:"record"` // name of the ConfigMap
	Lease       string `json:"lease"`
	StatefulSet string `json:"statefulSet,omitempty"` // empty: not known
	Nodes       int    `json:"nodes,omitempty"`       // 0: not known
	HTTPPort    string `json:"httpPort"`
	Durability  string `json:"durability,omitempty"` // available or strict; empty: not known
	Orphan      bool   `json:"orphan,omitempty"`     // a record without a release
	Caller      Caller `json:"-"`
}

// OfDeployment reads the release of a controllers' Deployment.
func OfDeployment(d *appsv1.Deployment) Release {
	r := ofControllers(d.Labels, &d.Spec.Template.Spec)
	r.Namespace = d.Namespace
	if name := d.Annotations[StateAnnotation]; name != "" {
		r.Record = name
	}
	if name := d.Annotations[LeaseAnnotation]; name != "" {
		r.Lease = name
	}
	return r
}

// OfPod reads the release of a pod of the chart. A node's pod tells the name of the
// record, but neither that of the lease nor how many nodes there are.
func OfPod(p *corev1.Pod) Release {
	if p.Labels[ComponentLabel] == ControllerComponent {
		r := ofControllers(p.Labels, &p.Spec)
		r.Namespace = p.Namespace
		return r
	}
	r := Release{Name: p.Labels[InstanceLabel], Namespace: p.Namespace, Record: defaultRecord, Lease: defaultLease, HTTPPort: defaultPort}
	for _, v := range p.Spec.Volumes {
		if v.Name == "state" && v.ConfigMap != nil {
			r.Record = v.ConfigMap.Name
		}
	}
	if n, err := cluster.OrdinalOf(p.Name); err == nil {
		r.StatefulSet = strings.TrimSuffix(p.Name, fmt.Sprintf("-%d", n))
	}
	return r
}

// OfRecord is the release of a record that no release uses.
func OfRecord(m *corev1.ConfigMap) Release {
	return Release{Name: m.Name, Namespace: m.Namespace, Record: m.Name, Lease: defaultLease, HTTPPort: defaultPort, Orphan: true}
}

func ofControllers(labels map[string]string, spec *corev1.PodSpec) Release {
	r := Release{Name: labels[InstanceLabel], Record: defaultRecord, Lease: defaultLease, HTTPPort: defaultPort, Durability: "available"}
	for _, c := range spec.Containers {
		if c.Name != ControllerComponent {
			continue
		}
		for _, e := range c.Env {
			r.set(e.Name, e.Value)
		}
	}
	return r
}

// set takes over a setting of the controller's.
func (r *Release) set(name, value string) {
	if value == "" {
		return
	}
	switch name {
	case "STATE_CONFIGMAP":
		r.Record = value
	case "LEASE_NAME":
		r.Lease = value
	case "STATEFULSET_NAME":
		r.StatefulSet = value
	case "HTTP_PORT":
		r.HTTPPort = value
	case "DURABILITY":
		r.Durability = value
	case "MEMGRAPH_REPLICAS":
		r.Nodes, _ = strconv.Atoi(value) // 0 is "not known"
	}
}

// NodeName returns the name of node n.
func (r Release) NodeName(n cluster.Ordinal) string {
	if n == cluster.NoNode || r.StatefulSet == "" {
		return n.String()
	}
	return fmt.Sprintf("%s-%d", r.StatefulSet, n)
}

// Node finds a node by its pod's name or its ordinal.
func (v View) Node(text string) (cluster.Ordinal, error) {
	names := make([]string, 0, len(v.Nodes))
	for _, n := range v.Nodes {
		if text == n.Name || text == strconv.Itoa(n.Ordinal) {
			return cluster.Ordinal(n.Ordinal), nil
		}
		names = append(names, n.Name)
	}
	if len(names) == 0 {
		return cluster.NoNode, fmt.Errorf("node %q: the nodes of release %s are not known: neither its pods nor its controllers could be read", text, v.Release.Name)
	}
	return cluster.NoNode, fmt.Errorf("node %q is none of release %s: want %s, or its number", text, v.Release.Name, either(names))
}

// either lists words as alternatives: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
