package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// InSync is the condition, and readiness gate, that makes rolling updates, drains
// and disruption budgets wait for redundancy.
const InSync corev1.PodConditionType = "memgraph-controller/in-sync"

// Gates keeps the condition InSync of the pods. Only a leader publishes to it.
type Gates struct {
	pods *Pods
	wake chan struct{}

	mu   sync.Mutex
	want map[cluster.Ordinal]bool
	at   time.Time // of want

	tried map[cluster.Ordinal]trial // owned by Run
}

// trial is the last try to write one pod's condition.
type trial struct {
	pod    types.UID
	in     bool
	seen   string        // the pod's version at that time
	failed time.Duration // what is waited for after a failure; 0: it was written
	next   time.Time     // when to try again after a failure
}

// NewGates returns gates that nobody has published to.
func NewGates(p *Pods) *Gates {
	return &Gates{pods: p, wake: make(chan struct{}, 1), tried: map[cluster.Ordinal]trial{}}
}

// Publish takes over what a leader's loop knows. It does not block.
func (g *Gates) Publish(s controller.Snapshot) {
	want := map[cluster.Ordinal]bool{}
	for n, seen := range s.Nodes {
		o := cluster.Ordinal(n)
		want[o] = seen.Contact == cluster.Answered && !seen.Gone && cluster.InSync(s.Record, o)
	}
	g.mu.Lock()
	g.want, g.at = want, time.Now()
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

const (
	// settle is how long a pod must have been wanted otherwise before it is told so:
	// a standby that changes hands is no news for the kubelet.
	settle = 300 * time.Millisecond
	// stale is how long a wish holds. A leader wishes at least once a second; who was
	// deposed must not have the last word.
	stale = 5 * time.Second
	// What was refused is tried again after firstRetry, and then ever later.
	firstRetry, lastRetry = time.Second, 30 * time.Second
)

// Run writes conditions until ctx ends.
func (g *Gates) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.wake:
		}
		if !pause(ctx, settle) {
			return
		}
		for n, in := range g.wanted() {
			g.settle(ctx, n, in)
		}
	}
}

// wanted returns what the leader wishes, nothing if this replica leads no more.
func (g *Gates) wanted() map[cluster.Ordinal]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Since(g.at) > stale {
		return nil
	}
	return g.want
}

// settle writes the condition of one pod, if it has the gate and says otherwise,
// unless it was tried a moment ago.
func (g *Gates) settle(ctx context.Context, n cluster.Ordinal, in bool) {
	pod := g.pods.pod(n)
	if pod == nil || !gated(pod) || says(pod, in) {
		delete(g.tried, n)
		return
	}
	last := g.tried[n]
	if last.pod != pod.UID || last.in != in {
		last = trial{pod: pod.UID, in: in}
	} else if last.failed == 0 && last.seen == pod.ResourceVersion || time.Now().Before(last.next) {
		return // written, and the watch has yet to tell; or it is too early to try again
	}
	last.seen = pod.ResourceVersion
	switch err := g.write(ctx, pod, in); {
	case err == nil, apierrors.IsConflict(err), apierrors.IsNotFound(err): // if not, it is another pod by now
		last.failed, last.next = 0, time.Time{}
	case ctx.Err() == nil:
		g.pods.c.outage.tell(g.pods.c, err)
		last.failed = min(max(2*last.failed, firstRetry), lastRetry)
		if unanswered(err) {
			last.failed = firstRetry
		}
		last.next = time.Now().Add(last.failed)
	}
	g.tried[n] = last
}

// says reports whether the pod's condition is as wanted.
func says(pod *corev1.Pod, in bool) bool {
	want := corev1.ConditionFalse
	if in {
		want = corev1.ConditionTrue
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == InSync && c.Status == want {
			return true
		}
	}
	return false
}

// write patches the condition of one pod.
func (g *Gates) write(ctx context.Context, pod *corev1.Pod, in bool) error {
	status, reason, message := corev1.ConditionFalse, "NotInSync", "it is down, catches up, or the cluster has nobody else to take over"
	if in {
		status, reason, message = corev1.ConditionTrue, "InSync", "it is MAIN, or follows MAIN closely"
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID},
		"status": map[string]any{"conditions": []any{map[string]any{
			"type": InSync, "status": status, "reason": reason, "message": message,
			"lastTransitionTime": metav1.Now(),
		}}},
	})
	if err != nil {
		return fmt.Errorf("encode the condition of %s: %w", pod.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err = g.pods.c.api.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("set condition %s of pod %s: %w", InSync, pod.Name, err)
	}
	return nil
}

func gated(pod *corev1.Pod) bool {
	for _, g := range pod.Spec.ReadinessGates {
		if g.ConditionType == InSync {
			return true
		}
	}
	return false
}
