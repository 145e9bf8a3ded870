package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"memgraph-controller/internal/cluster"
)

// Peers are the other controller replicas: the pods with the same labels as this
// one, but for those that tell the revisions of a Deployment apart.
type Peers struct {
	c      *Cluster
	client *http.Client
	mirror atomic.Pointer[mirror[*corev1.Pod]] // nil until this pod's labels are known
}

// Peers returns the other controllers. They are not known before Run.
func (c *Cluster) Peers() *Peers {
	return &Peers{c: c, client: &http.Client{Transport: &http.Transport{
		DialContext: (&net.Dialer{Timeout: time.Second}).DialContext, MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Second,
	}}}
}

// Run follows the controllers' pods until ctx ends.
func (p *Peers) Run(ctx context.Context) {
	defer p.client.CloseIdleConnections()
	ask := patience{c: p.c}
	for {
		var pod *corev1.Pod
		err := ask.patiently(ctx, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			pod, err = p.c.api.CoreV1().Pods(p.c.Namespace).Get(ctx, p.c.Pod, metav1.GetOptions{})
			return err
		})
		if err == nil {
			alike := siblings(pod)
			if alike.Empty() {
				return // nobody can be told to be like it
			}
			m := newMirror[*corev1.Pod](p.c, p.c.api.CoreV1().Pods(p.c.Namespace), nil, alike)
			p.mirror.Store(m)
			m.run(ctx, func(*corev1.Pod, bool) {}, nil)
			return
		}
		if !pause(ctx, refusalPause) {
			return
		}
	}
}

// siblings selects the pods of all revisions of the Deployment that pod is of; it is
// empty for a pod without labels.
func siblings(pod *corev1.Pod) labels.Selector {
	set := labels.Set{}
	for key, value := range pod.Labels {
		switch key {
		case "pod-template-hash", "app.kubernetes.io/version", "helm.sh/chart":
		default:
			set[key] = value
		}
	}
	return set.AsSelector()
}

// addresses returns host:port of those that run.
func (p *Peers) addresses() []string {
	m := p.mirror.Load()
	if m == nil {
		return nil
	}
	var list []string
	for _, pod := range m.all() {
		if pod.Name != p.c.Pod && pod.Status.PodIP != "" && pod.Status.Phase == corev1.PodRunning {
			list = append(list, net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(p.c.HTTPPort)))
		}
	}
	return list
}

// Ask implements controller.Peers.
func (p *Peers) Ask(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var opinions []cluster.Opinion
	for _, addr := range p.addresses() {
		wg.Go(func() {
			o, err := p.ask(ctx, addr, n, newest)
			if err != nil {
				return // one that cannot be asked has no opinion
			}
			mu.Lock()
			defer mu.Unlock()
			opinions = append(opinions, o)
		})
	}
	wg.Wait()
	return opinions
}

func (p *Peers) ask(ctx context.Context, addr string, n cluster.Ordinal, newest cluster.Epoch) (cluster.Opinion, error) {
	url := fmt.Sprintf("http://%s/api/v1/opinion?node=%d&epoch=%d", addr, n, newest)
	if n == cluster.NoNode { // a controller of an older version looks even so
		url = fmt.Sprintf("http://%s/api/v1/opinion?node=0&look=no&epoch=%d", addr, newest)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return cluster.Opinion{}, fmt.Errorf("ask %s: %w", addr, err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return cluster.Opinion{}, fmt.Errorf("ask %s: %w", addr, err)
	}
	defer resp.Body.Close()
	var told struct {
		From, Contact string
		Epoch         cluster.Epoch
	}
	if resp.StatusCode != http.StatusOK {
		return cluster.Opinion{}, fmt.Errorf("ask %s: %s", addr, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 4096)).Decode(&told); err != nil {
		return cluster.Opinion{}, fmt.Errorf("ask %s: %w", addr, err)
	}
	contact, ok := cluster.ParseContact(told.Contact)
	if !ok {
		return cluster.Opinion{}, fmt.Errorf("ask %s: it has seen node %d as %q, which is no contact", addr, n, told.Contact)
	}
	return cluster.Opinion{From: told.From, Contact: contact, Epoch: told.Epoch}, nil
}
