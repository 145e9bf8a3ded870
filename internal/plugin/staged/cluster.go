package staged

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/view"
)

// Namespace is where the cluster lives.
const Namespace = "shop"

// Now is the time in the cluster.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Cluster is a release with three nodes and three controllers, well in epoch 4.
// Tests change what they like before they use it.
type Cluster struct {
	Record     *cluster.Record // nil: there is no ConfigMap
	Notes      map[string]string
	Status     *api.Status // of the leader; nil: nobody leads
	Deployment *appsv1.Deployment
	Lease      *coordinationv1.Lease
	Pods       []corev1.Pod
	Name       string
}

// New returns the cluster of a release.
func New(name string) *Cluster {
	c := &Cluster{Name: name, Record: record(name), Notes: map[string]string{}}
	c.Deployment = c.deployment()
	c.Lease = c.lease()
	for n := range 3 {
		c.Pods = append(c.Pods, c.node(n))
	}
	for _, id := range []string{"7c9f-4xk2p", "7c9f-b8mzq", "7c9f-w5d7n"} {
		c.Pods = append(c.Pods, c.controller(id))
	}
	c.Status = c.status()
	return c
}

// Leader is the name of the leader's pod.
func (c *Cluster) Leader() string { return c.Name + "-controller-7c9f-b8mzq" }

// Node is the name of node n.
func (c *Cluster) Node(n int) string { return fmt.Sprintf("%s-memgraph-%d", c.Name, n) }

// Forget removes the controllers: what a cluster is whose Deployment has none.
func (c *Cluster) Forget() {
	var left []corev1.Pod
	for _, p := range c.Pods {
		if p.Labels[view.ComponentLabel] != view.ControllerComponent {
			left = append(left, p)
		}
	}
	c.Pods, c.Status = left, nil
	c.Lease.Spec.HolderIdentity = nil
}

// ConfigMap returns the record as Kubernetes has it, nil if there is none.
func (c *Cluster) ConfigMap() *corev1.ConfigMap {
	if c.Record == nil {
		return nil
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.recordName(), Namespace: Namespace, ResourceVersion: "100", Annotations: c.Notes,
			Labels: map[string]string{view.ManagedByLabel: view.ManagedBy},
		},
		Data: c.Record.Encode(),
	}
}

// Objects returns all of it, for a fake API server.
func (c *Cluster) Objects() []runtime.Object {
	list := []runtime.Object{c.Deployment, c.Lease}
	for i := range c.Pods {
		list = append(list, &c.Pods[i])
	}
	if m := c.ConfigMap(); m != nil {
		list = append(list, m)
	}
	return list
}

// StatusOf is what the controller in a pod says of itself.
func (c *Cluster) StatusOf(pod string) *api.Status {
	if c.Status != nil && pod == c.Leader() {
		return c.Status
	}
	return &api.Status{Identity: pod, Version: "0.9.0", Phase: api.Operational, Leader: c.Leader(), Gateway: c.gateway(3)}
}

// Raw is what is read of it if nothing is in the way.
func (c *Cluster) Raw() view.Raw {
	raw := view.Raw{
		Release: view.OfDeployment(c.Deployment), Now: Now, ConfigMap: c.ConfigMap(), Lease: c.Lease, Pods: c.Pods, Told: map[string]view.Told{},
	}
	for _, p := range c.Pods {
		if p.Labels[view.ComponentLabel] == view.ControllerComponent {
			raw.Told[p.Name] = view.Told{Status: c.StatusOf(p.Name)}
		}
	}
	return raw
}

func (c *Cluster) recordName() string { return c.Deployment.Annotations[view.StateAnnotation] }

func record(name string) *cluster.Record {
	process := func(n int) cluster.Process {
		return cluster.Process{ID: fmt.Sprintf("uid-%d/0123456789ab", n), Boot: "b00t"}
	}
	began := func(hours int) time.Time { return Now.Add(-time.Duration(hours) * time.Hour) }
	return &cluster.Record{
		Main: 0, LastUpdated: began(3), Version: "0.9.0", Epoch: 4, Stage: cluster.Serving, Target: cluster.NoNode,
		MainProcess: process(0), UUID: "5d3c", Seat: 1, Promotable: []cluster.Proof{{Node: 1, Process: process(1), UUID: "5d3c"}},
		Readers: []cluster.Ordinal{1, 2}, Leader: name + "-controller-7c9f-b8mzq", Reason: name + "-memgraph-1 is promotable",
		History: []cluster.Reign{
			{Epoch: 2, Main: 1, Began: began(90), Reason: "switchover by request"},
			{Epoch: 3, Main: 1, Began: began(75), Reason: "MAIN took a fresh epoch", Lost: true},
			{Epoch: 4, Main: 0, Began: began(3), Reason: "MAIN " + name + "-memgraph-1 is gone"},
		},
	}
}

func (c *Cluster) labels(component string) map[string]string {
	return map[string]string{view.NameLabel: view.Chart, view.InstanceLabel: c.Name, view.ComponentLabel: component}
}

func (c *Cluster) deployment() *appsv1.Deployment {
	state, lease := "memgraph-controller-state", "memgraph-controller-leader"
	if c.Name != "mg" {
		state, lease = c.Name+"-state", c.Name+"-leader"
	}
	env := []corev1.EnvVar{
		{Name: "STATEFULSET_NAME", Value: c.Name + "-memgraph"},
		{Name: "MEMGRAPH_REPLICAS", Value: "3"},
		{Name: "HTTP_PORT", Value: "8080"},
		{Name: "STATE_CONFIGMAP", Value: state},
		{Name: "LEASE_NAME", Value: lease},
		{Name: "DURABILITY", Value: "available"},
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: c.Name + "-controller", Namespace: Namespace, Labels: c.labels(view.ControllerComponent),
			Annotations: map[string]string{view.StateAnnotation: state, view.LeaseAnnotation: lease},
		},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: view.ControllerComponent, Env: env}},
		}}},
	}
}

func (c *Cluster) lease() *coordinationv1.Lease {
	leader, lasts := c.Leader(), int32(15)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: c.Deployment.Annotations[view.LeaseAnnotation], Namespace: Namespace},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &leader, LeaseDurationSeconds: &lasts, RenewTime: &metav1.MicroTime{Time: Now.Add(-time.Second)},
		},
	}
}

func (c *Cluster) pod(name, component string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: Namespace, Labels: c.labels(component), CreationTimestamp: metav1.Time{Time: Now.Add(-100 * time.Hour)},
		},
		Spec: corev1.PodSpec{NodeName: "machine-a", Containers: []corev1.Container{{Name: component}}},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: component}},
		},
	}
}

func (c *Cluster) node(n int) corev1.Pod {
	p := c.pod(c.Node(n), view.NodeComponent)
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kube.InSync, Status: corev1.ConditionTrue})
	p.Spec.Volumes = []corev1.Volume{{Name: "state", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: c.recordName()}},
	}}}
	return p
}

func (c *Cluster) controller(id string) corev1.Pod {
	p := c.pod(c.Name+"-controller-"+id, view.ControllerComponent)
	p.Spec.Containers = c.Deployment.Spec.Template.Spec.Containers
	return p
}

func (c *Cluster) gateway(clients int) api.Gateway {
	return api.Gateway{Epoch: 4, Main: c.Node(0), State: "open", Confirmed: true, Clients: clients}
}

func (c *Cluster) status() *api.Status {
	node := func(n int, role string) api.Node {
		return api.Node{
			Name: c.Node(n), Contact: "answered", Role: role, Version: "3.12.0", Vertices: 1200, Edges: 3400, InSync: true, Since: Now.Add(-3 * time.Hour),
		}
	}
	s := &api.Status{
		Identity: c.Leader(), Version: "0.9.0", Leading: true, Leader: c.Leader(), Phase: api.Operational,
		Decision: "all is well", Gateway: c.gateway(12), Nodes: []api.Node{node(0, "main"), node(1, "replica"), node(2, "replica")},
	}
	s.Nodes[0].Replicas = []api.Row{
		{Name: c.Node(1), Mode: "strict_sync", Status: "ready"},
		{Name: c.Node(2), Mode: "async", Status: "replicating", Behind: -2},
	}
	return s
}
