package e2e

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heartbeat is twice what a kubelet lets pass between two renewals of its lease, 10 s
// by default.
const heartbeat = 20 * time.Second

// Hearing is how long a kubelet may take to hear that a pod is to be stopped, after an
// outage of the API server: its watch is tried again after up to 30 s, with client-go's
// backoff, though it renews its lease long before.
const Hearing = 35 * time.Second

// kubelets says which machine is not ready or was not heard of lately. After an
// outage of the API server every pod is called ready as it was before, until the node
// controller notices that no kubelet has called and says NotReady of them all; nothing
// on them is started or stopped before they have called again.
func (p *Place) kubelets(ctx context.Context) error {
	nodes, err := p.API.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the machines: %w", err)
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		lease, err := p.API.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(ctx, node.Name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("read the lease of machine %s: %w", node.Name, err)
		}
		if lease.Spec.RenewTime == nil || time.Since(lease.Spec.RenewTime.Time) > heartbeat {
			return fmt.Errorf("machine %s was not heard of for %s", node.Name, heartbeat)
		}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
				return fmt.Errorf("machine %s is not ready: %s", node.Name, c.Message)
			}
		}
	}
	return nil
}
