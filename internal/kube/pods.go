package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"memgraph-controller/internal/aside"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// PrepareContainer is the init container that tells the machine's boot id, and what
// is kept aside on the node's volume.
const PrepareContainer = "prepare-node"

// Pods are the pods of the StatefulSet, as the API server last told. They are the
// controller's Platform.
type Pods struct {
	c       *Cluster
	mirrors []*mirror[*corev1.Pod] // by ordinal
	asOf    []atomic.Pointer[time.Time]
	changed func()
}

// Pods returns the pods of c. changed is called, by several goroutines, when a
// pod's process, address or end has changed; it must not block.
func (c *Cluster) Pods(changed func()) *Pods {
	p := &Pods{c: c, changed: changed, asOf: make([]atomic.Pointer[time.Time], c.Nodes)}
	for n := range c.Nodes {
		// By name: the StatefulSet may be of another chart, with labels of its own.
		byName := fields.OneTermEqualSelector(metav1.ObjectNameField, c.podName(cluster.Ordinal(n)))
		p.mirrors = append(p.mirrors, newMirror[*corev1.Pod](c, c.api.CoreV1().Pods(c.Namespace), byName, nil))
	}
	return p
}

func (c *Cluster) podName(n cluster.Ordinal) string {
	return c.StatefulSet + "-" + strconv.Itoa(int(n))
}

// Run follows the pods until ctx ends.
func (p *Pods) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for n, m := range p.mirrors {
		wg.Go(func() {
			var last view
			m.run(ctx, func(pod *corev1.Pod, gone bool) {
				if pod.Name != p.c.podName(cluster.Ordinal(n)) {
					return
				}
				if gone {
					pod = nil
				}
				if now := p.c.view(pod); now != last {
					last = now
					p.changed()
				}
			}, p.changed)
		})
	}
	wg.Wait()
}

// pod returns the pod of node n, nil if there is none or it is not known yet.
func (p *Pods) pod(n cluster.Ordinal) *corev1.Pod {
	if n < 0 || int(n) >= len(p.mirrors) {
		return nil
	}
	return p.mirrors[n].get(p.c.podName(n))
}

// State implements controller.Platform.
func (p *Pods) State(n cluster.Ordinal) controller.NodeState {
	pod := p.pod(n)
	if pod == nil && (n < 0 || int(n) >= len(p.mirrors) || !p.mirrors[n].known()) {
		return controller.NodeState{} // not known is not gone
	}
	s := p.c.view(pod).state
	if t := p.asOf[n].Load(); t != nil {
		s.AsOf = *t
	}
	return s
}

// Refresh implements controller.Platform. It reads the pod from the API server,
// which a watch may be behind of by any time.
func (p *Pods) Refresh(ctx context.Context, n cluster.Ordinal) error {
	asked := time.Now()
	pod, err := p.c.api.CoreV1().Pods(p.c.Namespace).Get(ctx, p.c.podName(n), metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read pod %s: %w", p.c.podName(n), Explain(err))
	}
	p.mirrors[n].put(pod)
	asOf := asked.Add(-kubeletLag)
	p.asOf[n].Store(&asOf)
	return nil
}

// kubeletLag is how long the API server may not have been told yet what runs. A kubelet
// looks at its containers once a second and reports at once.
const kubeletLag = 2500 * time.Millisecond

// Restart deletes the pod that is seen now; the StatefulSet makes another. One
// second is enough: a killed Memgraph loses nothing it wrote, and a hung one would
// not stop by itself. The API server still waits for the kubelet's word that the
// process has ended.
func (p *Pods) Restart(ctx context.Context, n cluster.Ordinal) error {
	pod := p.pod(n)
	if pod == nil {
		return fmt.Errorf("restart %s: no such pod is known", p.c.podName(n))
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	grace := int64(1)
	err := p.c.api.CoreV1().Pods(p.c.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &grace, Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is another one already
	}
	if err != nil {
		return fmt.Errorf("delete pod %s: %w", pod.Name, Explain(err))
	}
	return nil
}

// Address returns the present address behind a node's own, host:port: the pod's
// IP, which the API server tells at once while DNS may be half a minute behind.
// An address that is no node's, or of a pod without IP, is returned as it is.
func (p *Pods) Address(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	name, _, _ := strings.Cut(host, ".")
	for n := range p.mirrors {
		if name != p.c.podName(cluster.Ordinal(n)) {
			continue
		}
		if pod := p.pod(cluster.Ordinal(n)); pod != nil && pod.Status.PodIP != "" {
			return net.JoinHostPort(pod.Status.PodIP, port)
		}
	}
	return addr
}

// view is what matters of a pod. It is comparable.
type view struct {
	state controller.NodeState
	ip    string
}

// view reads a pod; nil is one that does not exist.
func (c *Cluster) view(pod *corev1.Pod) view {
	if pod == nil {
		return view{state: controller.NodeState{Gone: true}}
	}
	v := view{ip: pod.Status.PodIP}
	v.state.Leaving = pod.DeletionTimestamp != nil
	v.state.Aside = movedAside(pod)
	status, ok := container(pod.Status.ContainerStatuses, c.Container)
	if !ok || status.State.Running == nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		v.state.Gone = true
		return v
	}
	v.state.Process = cluster.Process{ID: string(pod.UID) + "/" + shortID(status.ContainerID), Boot: bootID(pod)}
	return v
}

func container(list []corev1.ContainerStatus, name string) (corev1.ContainerStatus, bool) {
	for _, s := range list {
		if s.Name == name {
			return s, true
		}
	}
	return corev1.ContainerStatus{}, false
}

// shortID returns the first 12 digits of a container's id without its runtime's
// name, as crictl shows it.
func shortID(id string) string {
	if _, digits, ok := strings.Cut(id, "://"); ok {
		id = digits
	}
	return id[:min(len(id), 12)]
}

// bootID returns the boot id that the init container told in its termination
// message, "" if it did not: then a restart cannot be told from a reboot, and
// counts as one.
func bootID(pod *corev1.Pod) string {
	var told struct {
		BootID string `json:"bootID"`
	}
	if err := json.Unmarshal(lastWords(pod), &told); err != nil || len(told.BootID) > 64 {
		return ""
	}
	return told.BootID
}

// movedAside returns what the init container told of the data kept aside, nothing
// if it told nothing or what cannot be.
func movedAside(pod *corev1.Pod) cluster.Aside {
	var told struct {
		Aside []struct {
			Name  string `json:"name"`
			Bytes int64  `json:"bytes"`
		} `json:"aside"`
		More int `json:"asideMore"`
	}
	if err := json.Unmarshal(lastWords(pod), &told); err != nil || told.More < 0 || len(told.Aside) > cluster.AsideListed {
		return cluster.Aside{}
	}
	kept := cluster.Aside{More: told.More}
	for i, c := range told.Aside {
		since, ok := aside.Time(aside.RebuildStamp(c.Name))
		if !ok || c.Bytes < 0 {
			return cluster.Aside{}
		}
		kept.Newest[i] = cluster.Copy{Name: c.Name, Since: since, Bytes: c.Bytes}
	}
	return kept
}

// lastWords returns the termination message of the init container, nothing while
// there is none.
func lastWords(pod *corev1.Pod) []byte {
	status, ok := container(pod.Status.InitContainerStatuses, PrepareContainer)
	if !ok || status.State.Terminated == nil {
		return nil
	}
	return []byte(status.State.Terminated.Message)
}
