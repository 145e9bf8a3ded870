package view

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
)

// Node is one node: what the record says of it, what the leader sees, and its pod.
type Node struct {
	Name    string `json:"name"`
	Ordinal int    `json:"ordinal"`
	Pod     *Pod   `json:"pod"` // null: there is none, or pods could not be read

	Main       bool `json:"main"`       // by the record
	Standby    bool `json:"standby"`    // has the seat, by the record
	Promotable bool `json:"promotable"` // by the record
	Rebuilding bool `json:"rebuilding,omitempty"`

	Role     string    `json:"role"`            // as the leader sees it; "unknown" without a leader
	Contact  string    `json:"contact"`         // the same
	Mode     string    `json:"mode,omitempty"`  // by MAIN's list of replicas
	State    string    `json:"state,omitempty"` // the same
	Lag      *int64    `json:"lag"`             // timestamps behind MAIN; null: not known; negative: ahead
	InSync   string    `json:"inSync"`          // yes, no or unknown
	Version  string    `json:"memgraphVersion,omitempty"`
	Vertices int64     `json:"vertices"`
	Edges    int64     `json:"edges"`
	Gone     bool      `json:"gone,omitempty"`
	Leaving  bool      `json:"leaving,omitempty"`
	Since    time.Time `json:"since,omitzero"` // of the contact

	MovedAside     []api.Copy `json:"movedAside,omitempty"`
	MovedAsideMore int        `json:"movedAsideMore,omitempty"`
}

// What is known of a thing that is asked of another.
const (
	yes     = "yes"
	no      = "no"
	unknown = "unknown"
)

// nodes takes over the nodes: as many as the release has, or as were seen.
func (v *View) nodes(raw Raw, leader *api.Status) {
	pods := map[string]*corev1.Pod{}
	count := v.Release.Nodes
	for i := range raw.Pods {
		p := &raw.Pods[i]
		n, err := cluster.OrdinalOf(p.Name)
		if p.Labels[ComponentLabel] != NodeComponent || err != nil {
			continue
		}
		pods[v.Release.NodeName(n)] = p
		if v.Release.Nodes == 0 {
			count = max(count, int(n)+1)
		}
	}
	if leader != nil {
		count = max(count, len(leader.Nodes))
	}
	if v.Record != nil {
		count = max(count, v.Record.MasterIndex+1)
	}
	for n := range count {
		node := v.node(n, pods[v.Release.NodeName(cluster.Ordinal(n))])
		if leader != nil && n < len(leader.Nodes) {
			node.see(leader.Nodes[n])
		}
		v.Nodes = append(v.Nodes, node)
	}
	v.listed(leader)
}

// node is what record and pod say of node n.
func (v *View) node(n int, p *corev1.Pod) Node {
	node := Node{Name: v.Release.NodeName(cluster.Ordinal(n)), Ordinal: n, Role: unknown, Contact: unknown, InSync: unknown}
	if r := v.Record; r != nil {
		node.Main, node.Standby = n == r.MasterIndex, r.Standby == node.Name
		node.Promotable = slices.Contains(r.Promotable, node.Name)
		node.Rebuilding = slices.Contains(r.Rebuilding, node.Name)
	}
	if p == nil {
		return node
	}
	pod := podOf(p, NodeComponent)
	node.Pod = &pod
	for _, c := range p.Status.Conditions {
		if c.Type == kube.InSync {
			node.InSync = word(c.Status == corev1.ConditionTrue)
		}
	}
	return node
}

func word(is bool) string {
	if is {
		return yes
	}
	return no
}

// see takes over what the leader sees.
func (n *Node) see(s api.Node) {
	n.Role, n.Contact, n.InSync = s.Role, s.Contact, word(s.InSync)
	n.Version, n.Vertices, n.Edges = s.Version, s.Vertices, s.Edges
	n.Gone, n.Leaving, n.Since = s.Gone, s.Leaving, s.Since
	n.MovedAside, n.MovedAsideMore = s.MovedAside, s.MovedAsideMore
}

// listed takes over what MAIN says of its replicas.
func (v *View) listed(leader *api.Status) {
	if leader == nil || v.Record == nil || v.Record.MasterIndex >= len(leader.Nodes) {
		return
	}
	for _, row := range leader.Nodes[v.Record.MasterIndex].Replicas {
		i := slices.IndexFunc(v.Nodes, func(n Node) bool { return n.Name == row.Name })
		if i < 0 {
			continue // a foreign one; the leader's conditions tell of it
		}
		lag := -row.Behind
		v.Nodes[i].Mode, v.Nodes[i].State, v.Nodes[i].Lag = row.Mode, row.Status, &lag
	}
}

// main returns the node that the record names as MAIN, nil if there is none.
func (v View) main() *Node {
	for i := range v.Nodes {
		if v.Nodes[i].Main {
			return &v.Nodes[i]
		}
	}
	return nil
}

// Up reports whether the node is not known to be down. Without a leader its pod
// counts.
func (n Node) Up() bool {
	if n.Contact == unknown {
		return n.Pod == nil || n.Pod.Phase == string(corev1.PodRunning)
	}
	return n.Contact == cluster.Answered.String() && !n.Gone
}
