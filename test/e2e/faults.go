package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/internal/api"
)

// Takeover is how long nobody leads at most when a leader dies without a word: its
// lease runs out, then another tries, every two seconds and a bit.
const Takeover = 15*time.Second + 5*time.Second

// Naming is how long a new leader waits, at most, for the word of the API server on which
// processes answer, before it promotes one of them.
const Naming = 3 * time.Second

// errNotYet asks for more patience.
var errNotYet = errors.New("not yet")

// Delete deletes a pod as kubectl does: it is told to stop, and has its grace period.
func (r *Release) Delete(ctx context.Context, pod string) error {
	return r.Place.API.CoreV1().Pods(r.Namespace).Delete(ctx, pod, metav1.DeleteOptions{})
}

// Murder kills a controller without a word, and has its pod replaced before it is
// started again. Without the lab it is only told to hurry.
func (r *Release) Murder(ctx context.Context, pod string) error {
	if r.Place.Lab != nil {
		if err := r.Place.Lab.Kill(ctx, r.Namespace, pod, Controller); err != nil {
			return err
		}
	}
	now := int64(0)
	return r.Place.API.CoreV1().Pods(r.Namespace).Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: &now})
}

// Restart is "kubectl rollout restart" of the nodes. It returns at once.
func (r *Release) Restart(ctx context.Context) error {
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`, time.Now().Format(time.RFC3339Nano))
	_, err := r.Place.API.AppsV1().StatefulSets(r.Namespace).Patch(ctx, r.Name+"-memgraph", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("restart the nodes: %w", err)
	}
	return nil
}

// Successor waits until a controller other than old says that it leads, and is
// sure about the record.
func (r *Release) Successor(ctx context.Context, old string, patience time.Duration) (api.Status, error) {
	var s api.Status
	err := Until(ctx, patience, "another leader than "+old, func(ctx context.Context) error {
		for _, one := range r.Statuses(ctx) {
			if one.Leading && one.Identity != old {
				s = one
				return nil
			}
		}
		return errNobody
	})
	return s, err
}

// LeadAwayFromMain makes the leader run on another machine than MAIN, so that one power cut
// takes one of them, and waits until the release is whole.
func (r *Release) LeadAwayFromMain(ctx context.Context) error {
	return r.arrange(ctx, "leader and MAIN to be on two machines", func(a, b string) bool { return a != b })
}

// LeadBesideMain makes the leader run on MAIN's machine, and waits until the release is
// whole.
func (r *Release) LeadBesideMain(ctx context.Context) error {
	return r.arrange(ctx, "leader and MAIN to be on one machine", func(a, b string) bool { return a == b })
}

// LeadFromFreshPod makes a pod lead none of whose containers was ever started again: the
// kubelet delays the next start of others. Then it waits until the release is whole.
func (r *Release) LeadFromFreshPod(ctx context.Context) error {
	return Until(ctx, 5*time.Minute, "the leader to be a pod that has not died yet", func(ctx context.Context) error {
		if err := r.Settle(ctx, 2*time.Minute); err != nil {
			return err
		}
		leader, err := r.Leader(ctx)
		if err != nil {
			return err
		}
		pod, err := r.Place.API.CoreV1().Pods(r.Namespace).Get(ctx, leader.Identity, metav1.GetOptions{})
		if err != nil {
			return err
		}
		died := slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.RestartCount > 0 })
		if !died {
			return nil
		}
		return r.relieve(ctx, leader.Identity)
	})
}

// arrange deletes leaders until the machines of leader and MAIN are as wanted.
func (r *Release) arrange(ctx context.Context, what string, wanted func(leaders, mains string) bool) error {
	return Until(ctx, 5*time.Minute, what, func(ctx context.Context) error {
		if err := r.Settle(ctx, 2*time.Minute); err != nil {
			return err
		}
		leader, err := r.Leader(ctx)
		if err != nil {
			return err
		}
		main, err := r.Main(ctx)
		if err != nil {
			return err
		}
		leaders, err := r.Node(ctx, leader.Identity)
		if err != nil {
			return err
		}
		mains, err := r.Node(ctx, main)
		if err != nil || wanted(leaders, mains) {
			return err
		}
		return r.relieve(ctx, leader.Identity)
	})
}

// relieve deletes a leader and waits for the next. Its error says who that is, and asks
// for more patience.
func (r *Release) relieve(ctx context.Context, leader string) error {
	if err := r.Delete(ctx, leader); err != nil {
		return err
	}
	next, err := r.Successor(ctx, leader, Takeover)
	if err != nil {
		return err
	}
	return fmt.Errorf("%s leads now, %w", next.Identity, errNotYet)
}
