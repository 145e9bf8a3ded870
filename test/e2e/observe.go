package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/api"
)

// The components of a release, as the chart labels them.
const (
	Controller = "controller"
	Memgraph   = "memgraph"
)

// Pods lists the pods of a component that are not on their way out, by name.
func (r *Release) Pods(ctx context.Context, component string) ([]corev1.Pod, error) {
	list, err := r.Place.API.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: r.selector(component)})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
	})
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// IsReady reports whether the pod's own conditions say so.
func IsReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Node is the name of the machine that runs a pod.
func (r *Release) Node(ctx context.Context, pod string) (string, error) {
	p, err := r.Place.API.CoreV1().Pods(r.Namespace).Get(ctx, pod, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("find the node of %s: %w", pod, err)
	}
	return p.Spec.NodeName, nil
}

// addresses returns those of the controllers by name. Without an API server they
// are as last seen.
func (r *Release) addresses(ctx context.Context) map[string]string {
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	pods, err := r.Pods(short, Controller)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		clear(r.seen)
		for _, p := range pods {
			if p.Status.PodIP != "" {
				r.seen[p.Name] = p.Status.PodIP
			}
		}
	}
	return maps.Clone(r.seen)
}

// Get asks one controller's HTTP port.
func (r *Release) Get(ctx context.Context, ip, path string) ([]byte, error) {
	return r.call(ctx, http.MethodGet, ip, path)
}

func (r *Release) call(ctx context.Context, method, ip, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+ip+":8080"+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DialContext: r.Place.Dial, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask controller: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("ask controller at %s: %w", ip, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask controller at %s: %s: %s", ip, response.Status, body)
	}
	return body, nil
}

// Statuses asks every controller at once; those that do not answer are absent.
func (r *Release) Statuses(ctx context.Context) map[string]api.Status {
	type answer struct {
		name   string
		status api.Status
		err    error
	}
	all := r.addresses(ctx)
	answers := make(chan answer, len(all))
	for name, ip := range all {
		go func() {
			a := answer{name: name}
			var body []byte
			if body, a.err = r.Get(ctx, ip, "/api/v1/status"); a.err == nil {
				a.err = json.Unmarshal(body, &a.status)
			}
			answers <- a
		}()
	}
	out := map[string]api.Status{}
	for range all {
		if a := <-answers; a.err == nil {
			out[a.name] = a.status
		}
	}
	return out
}

// errNobody is the answer while there is no leader.
var errNobody = errors.New("no controller says that it leads")

// Leader returns the status of the controller that leads. It is an error if
// there is none, or more than one.
func (r *Release) Leader(ctx context.Context) (api.Status, error) {
	var leaders []api.Status
	for _, s := range r.Statuses(ctx) {
		if s.Leading {
			leaders = append(leaders, s)
		}
	}
	switch len(leaders) {
	case 0:
		return api.Status{}, errNobody
	case 1:
		return leaders[0], nil
	}
	return api.Status{}, fmt.Errorf("%d controllers say that they lead: %s and %s", len(leaders), leaders[0].Identity, leaders[1].Identity)
}

// Main returns the name of the pod that is MAIN of a reign that serves.
func (r *Release) Main(ctx context.Context) (string, error) {
	for _, s := range r.Statuses(ctx) {
		if s.Record != nil && s.Record.Stage == "serving" {
			return s.Record.Main, nil
		}
	}
	return "", errors.New("no controller knows a MAIN that serves")
}

// Epoch counts the promotions so far.
func (r *Release) Epoch(ctx context.Context) (uint64, error) {
	leader, err := r.Leader(ctx)
	if err == nil && leader.Record == nil {
		err = errors.New("there is no record")
	}
	if err != nil {
		return 0, err
	}
	return leader.Record.Epoch, nil
}

// Memory is the working set of a container in bytes, as its kubelet counts it.
func (r *Release) Memory(ctx context.Context, p corev1.Pod, container string) (uint64, error) {
	raw, err := r.Place.API.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes", p.Spec.NodeName, "proxy/stats/summary").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask the kubelet of %s: %w", p.Spec.NodeName, err)
	}
	var summary struct {
		Pods []struct {
			PodRef     struct{ UID string }
			Containers []struct {
				Name   string
				Memory struct{ WorkingSetBytes uint64 }
			}
		}
	}
	if err := json.Unmarshal(raw, &summary); err != nil {
		return 0, fmt.Errorf("ask the kubelet of %s: %w", p.Spec.NodeName, err)
	}
	for _, pod := range summary.Pods {
		for _, c := range pod.Containers {
			if pod.PodRef.UID == string(p.UID) && c.Name == container {
				return c.Memory.WorkingSetBytes, nil
			}
		}
	}
	return 0, fmt.Errorf("the kubelet of %s counts no container %s of %s", p.Spec.NodeName, container, p.Name)
}

// Lacks says what is missing until the release is whole, nil if nothing: every
// machine heard of, all pods ready, one leader, OPERATIONAL, MAIN serving, and every other node in step,
// one of them the standby.
func (r *Release) Lacks(ctx context.Context) error {
	if err := r.Place.kubelets(ctx); err != nil {
		return err
	}
	controllers, nodes, err := r.wanted(ctx)
	if err != nil {
		return err
	}
	if err := r.ready(ctx, Controller, controllers); err != nil {
		return err
	}
	if err := r.ready(ctx, Memgraph, nodes); err != nil {
		return err
	}
	leader, err := r.Leader(ctx)
	if err != nil {
		return err
	}
	rec := leader.Record
	switch {
	case leader.Phase != api.Operational || rec == nil:
		return fmt.Errorf("phase %s: %s", leader.Phase, leader.Decision)
	case rec.Stage != "serving":
		return fmt.Errorf("stage %s: %s", rec.Stage, leader.Decision)
	case nodes > 1 && (rec.Standby == "" || len(rec.Promotable) == 0):
		return fmt.Errorf("no standby: %s", leader.Decision)
	case len(leader.Nodes) != nodes:
		return fmt.Errorf("the leader sees %d nodes, want %d", len(leader.Nodes), nodes)
	}
	for _, n := range leader.Nodes {
		if !n.InSync {
			return fmt.Errorf("%s is not in step: %s", n.Name, leader.Decision)
		}
	}
	return nil
}

// wanted returns how many controllers and nodes the release was told to have.
func (r *Release) wanted(ctx context.Context) (controllers, nodes int, err error) {
	d, err := r.Place.API.AppsV1().Deployments(r.Namespace).Get(ctx, r.Name+"-controller", metav1.GetOptions{})
	if err != nil {
		return 0, 0, fmt.Errorf("find the controllers: %w", err)
	}
	s, err := r.Place.API.AppsV1().StatefulSets(r.Namespace).Get(ctx, r.Name+"-memgraph", metav1.GetOptions{})
	if err != nil {
		return 0, 0, fmt.Errorf("find the nodes: %w", err)
	}
	if d.Status.ObservedGeneration < d.Generation || s.Status.ObservedGeneration < s.Generation {
		return 0, 0, errors.New("the last change was not taken note of yet")
	}
	if d.Status.UpdatedReplicas < *d.Spec.Replicas || s.Status.UpdatedReplicas < *s.Spec.Replicas {
		return 0, 0, errors.New("the last change is still being rolled out")
	}
	return int(*d.Spec.Replicas), int(*s.Spec.Replicas), nil
}

func (r *Release) ready(ctx context.Context, component string, want int) error {
	pods, err := r.Pods(ctx, component)
	if err != nil {
		return err
	}
	if len(pods) != want {
		return fmt.Errorf("%d %s pods, want %d", len(pods), component, want)
	}
	for i := range pods {
		if !IsReady(&pods[i]) {
			return fmt.Errorf("pod %s is not ready", pods[i].Name)
		}
	}
	return nil
}

// Settle waits until the release is whole.
func (r *Release) Settle(ctx context.Context, patience time.Duration) error {
	return Until(ctx, patience, "release "+r.Name+" to be whole", r.Lacks)
}

// Record reads the ConfigMap.
func (r *Release) Record(ctx context.Context) (*corev1.ConfigMap, error) {
	m, err := r.Place.API.CoreV1().ConfigMaps(r.Namespace).Get(ctx, r.ConfigMap, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	return m, nil
}

// Logs are those of all pods of a component, of their present containers.
func (r *Release) Logs(ctx context.Context, component string) (string, error) {
	pods, err := r.Pods(ctx, component)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, p := range pods {
		b, err := r.Place.API.CoreV1().Pods(r.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: component}).DoRaw(ctx)
		if err != nil {
			return "", fmt.Errorf("read the log of %s: %w", p.Name, err)
		}
		all.Write(b)
	}
	return all.String(), nil
}
