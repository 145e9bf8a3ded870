package kube

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"memgraph-controller/internal/cluster"
)

// pod is a pod of the StatefulSet that runs and has a readiness gate.
func pod(n cluster.Ordinal) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("memgraph-%d", n), UID: types.UID(fmt.Sprintf("uid-of-%d", n)),
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet"}},
		},
		Spec: corev1.PodSpec{NodeName: "machine", ReadinessGates: []corev1.PodReadinessGate{{ConditionType: InSync}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.1.0.%d", n+1),
			InitContainerStatuses: []corev1.ContainerStatus{{
				Name: PrepareContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: `{"bootID":"boot-1"}`}},
			}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "sidecar", ContainerID: "containerd://aaaaaaaaaaaaaaaa", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
				{Name: "memgraph", ContainerID: "containerd://0123456789abcdef", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			},
		},
	}
}

// controllerPod is a pod of this controller's Deployment.
func controllerPod(name, ip string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"app.kubernetes.io/name": "memgraph-ha", "app.kubernetes.io/instance": "r", "app.kubernetes.io/component": "controller",
			"pod-template-hash": "of-" + name, "app.kubernetes.io/version": "v-" + name, "helm.sh/chart": "c-" + name,
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip},
	}
}

// leaseOf is what a holder writes into the Lease.
func leaseOf(holder string) resourcelock.LeaderElectionRecord {
	now := metav1.Now()
	return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaseDurationSeconds: 15, AcquireTime: now, RenewTime: now}
}
