package smoke

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/test/lab"
)

func nodeFaults() []check {
	return []check{
		{"a node without power is silent; it comes back with its disk", (*smoke).power},
		{"a kubelet stops: its pods serve, nothing is started again", (*smoke).kubelet},
	}
}

// disruptions are those that a cluster plans itself.
func disruptions() []check {
	return []check{
		{"a drain respects the disruption budget", (*smoke).drain},
		{"a rolling update honours preStop and gates", (*smoke).rollout},
	}
}

func (s *smoke) power(ctx context.Context) (string, error) {
	old, err := s.pod(ctx, "probe-1")
	if err != nil {
		return "", err
	}
	node := old.Spec.NodeName
	open, err := s.openTo(ctx, "probe-1")
	if err != nil {
		return "", err
	}
	defer open.conn.Close()
	if err := s.all(ctx, "before", [2]string{"probe-0", "probe-1"}, [2]string{"probe-0", "probe-2"}); err != nil {
		return "", err
	}
	for range 2 { // the second time it is off already
		if err := s.lab.PowerOff(ctx, node); err != nil {
			return "", err
		}
	}
	if err := open.say(whoAreYou); err != nil {
		return "", fmt.Errorf("without power: %w", err)
	}
	if err := together(
		open.silent,
		func() error { return s.deaf(ctx, client, "probe-1") },
		func() error { return s.deaf(ctx, "probe-0", "probe-1") },
		func() error { return s.all(ctx, "the others", [2]string{"probe-0", "probe-2"}) },
		func() error { return s.isOff(ctx, node) },
	); err != nil {
		return "", fmt.Errorf("without power: %w", err)
	}
	// What is off gets its cuts with its power.
	if err := s.lab.Cut(ctx, "node:"+node, target("probe-0"), false); err != nil {
		return "", err
	}
	start := time.Now()
	for range 2 {
		if err := s.lab.PowerOn(ctx, node); err != nil {
			return "", err
		}
	}
	if err := s.powerBack(ctx, old); err != nil {
		return "", fmt.Errorf("with power again: %w", err)
	}
	saw := fmt.Sprintf("its pod serves %.1f s after it got its power back, cut as it was", time.Since(start).Seconds())
	if err := s.lab.Heal(ctx); err != nil {
		return "", err
	}
	if err := s.all(ctx, "healed", [2]string{"probe-0", "probe-1"}); err != nil {
		return "", err
	}
	return saw, s.filesSurvived(ctx)
}

// powerBack waits until the same pod runs again, with another container, and
// checks that it is still cut from probe-0.
func (s *smoke) powerBack(ctx context.Context, old *corev1.Pod) error {
	first, err := firstAddresses(old.Status.PodIP)
	if err != nil {
		return err
	}
	err = until(ctx, patience, func(ctx context.Context) error {
		// Who asks for a pod before it is there must find it later.
		s.knockInVain(ctx, first)
		pod, err := s.pod(ctx, old.Name)
		if err != nil {
			return err
		}
		if now := lifeOf(pod); now.restarts <= lifeOf(old).restarts || now.container == lifeOf(old).container {
			return fmt.Errorf("%s is not started again", old.Name)
		}
		return expect("the pod", pod.UID, old.UID, nil)
	})
	if err != nil {
		return err
	}
	if err := s.waitForProbe(ctx, old.Name); err != nil {
		return err
	}
	return together(
		func() error { return s.deaf(ctx, "probe-0", old.Name) },
		func() error { return s.deaf(ctx, old.Name, "probe-0") },
		func() error { return s.all(ctx, "the others", [2]string{old.Name, "probe-2"}) },
	)
}

// firstAddresses are those that a node gives to its pods after it was off, when
// all are free: it has one or two pods of ours.
func firstAddresses(podIP string) ([]string, error) {
	ip, err := netip.ParseAddr(podIP)
	if err != nil || !ip.Is4() {
		return nil, fmt.Errorf("address of a pod: %q", podIP)
	}
	var first []string
	for _, last := range []byte{2, 3} {
		four := ip.As4()
		four[3] = last
		first = append(first, net.JoinHostPort(netip.AddrFrom4(four).String(), port))
	}
	return first, nil
}

// knockInVain sends a packet or two to each address, whatever comes of it.
func (s *smoke) knockInVain(ctx context.Context, addresses []string) {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_ = together(
		func() error { _, err := s.get(ctx, addresses[0], "/"); return err },
		func() error { _, err := s.get(ctx, addresses[1], "/"); return err },
	)
}

// isOff checks what the lab says of a node without power.
func (s *smoke) isOff(ctx context.Context, node string) error {
	machines, err := s.lab.Status(ctx)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if err := expect("that "+m.Name+" is on", m.On, m.Name != node, nil); err != nil {
			return err
		}
	}
	if err := s.lab.Kill(ctx, namespace, "probe-1", ""); !errors.Is(err, lab.ErrName) {
		return fmt.Errorf("its pod is not refused as one that does not run: %v", err) //nolint:errorlint // it may be nil
	}
	return failsWith("stopping its kubelet", s.lab.Stop(ctx, node+"/kubelet"), "has no power")
}

func (s *smoke) kubelet(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	pod, err := s.pod(ctx, "probe-2")
	if err != nil {
		return "", err
	}
	component := pod.Spec.NodeName + "/kubelet"
	if err := s.logs(ctx); err != nil {
		return "", fmt.Errorf("before: %w", err)
	}
	if err := s.lab.Stop(ctx, component); err != nil {
		return "", err
	}
	dead := func(ctx context.Context) error {
		return failsWith("asking a dead container", s.answers(ctx, "probe-2"), "connection refused")
	}
	if err := inOrder(
		func() error { return s.answers(ctx, "probe-2") },
		func() error {
			return failsWith("asking the kubelet for logs", s.logs(ctx), "connection refused")
		},
		func() error { return s.lab.Kill(ctx, namespace, "probe-2", "") },
		func() error { return until(ctx, soon, dead) },
		func() error { return throughout(ctx, 2*silence, dead) },
	); err != nil {
		return "", fmt.Errorf("without a kubelet: %w", err)
	}
	if err := s.lab.Start(ctx, component); err != nil {
		return "", err
	}
	return "a killed container stays dead until it is started", s.diedOnce(ctx, before, "probe-2")
}

// mayEvict asks the API server whether the budget lets a pod go, without doing it.
func (s *smoke) mayEvict(ctx context.Context, name string) error {
	return s.api.PolicyV1().Evictions(namespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Name: name, Namespace: namespace},
		DeleteOptions: &metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}},
	})
}

// mustStay checks that the budget is what holds a pod.
func (s *smoke) mustStay(ctx context.Context, name string) error {
	err := s.mayEvict(ctx, name)
	if !apierrors.IsTooManyRequests(err) {
		return fmt.Errorf("the budget does not hold %s: %v", name, err) //nolint:errorlint // it may be nil
	}
	return nil
}

func (s *smoke) drain(ctx context.Context) (string, error) {
	first, err := s.pod(ctx, "probe-0")
	if err != nil {
		return "", err
	}
	second, err := s.pod(ctx, "probe-1")
	if err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(ctx context.Context) error { return s.mayEvict(ctx, second.Name) }); err != nil {
		return "", fmt.Errorf("before: %w", err)
	}
	err = s.drainBoth(ctx, first, second)
	for _, pod := range []*corev1.Pod{first, second} {
		err = errors.Join(err, s.uncordon(context.WithoutCancel(ctx), pod.Spec.NodeName))
	}
	if err != nil {
		return "", err
	}
	if _, err := s.waitForSuccessor(ctx, first); err != nil {
		return "", err
	}
	if err := s.mustStay(ctx, second.Name); err != nil {
		return "", fmt.Errorf("while the gate of the first is shut: %w", err)
	}
	if err := s.waitForProbe(ctx, first.Name); err != nil {
		return "", err
	}
	if err := until(ctx, soon, func(ctx context.Context) error { return s.mayEvict(ctx, second.Name) }); err != nil {
		return "", fmt.Errorf("once the first is ready: %w", err)
	}
	return "the second pod stays until the first is ready again", s.filesSurvived(ctx)
}

// drainBoth drains the node of the first pod, and fails to drain the second's.
func (s *smoke) drainBoth(ctx context.Context, first, second *corev1.Pod) error {
	// Whatever else runs on the nodes is none of our business.
	drain := func(node, patience string) (string, error) {
		return s.kubectl(ctx, "", "drain", node, "--pod-selector", "app=probe", "--timeout", patience)
	}
	if _, err := drain(first.Spec.NodeName, "30s"); err != nil {
		return err
	}
	out, err := drain(second.Spec.NodeName, "1s")
	if err == nil {
		return errors.New("the drain of a second node succeeds")
	}
	if !strings.Contains(out, "violate the pod's disruption budget") {
		return fmt.Errorf("the drain of a second node fails for another reason: %w", err)
	}
	now, err := s.pod(ctx, second.Name)
	if err != nil {
		return err
	}
	if now.UID != second.UID || now.DeletionTimestamp != nil {
		return fmt.Errorf("%s was evicted all the same", second.Name)
	}
	return errors.Join(s.answers(ctx, second.Name), s.mustStay(ctx, second.Name))
}

func (s *smoke) uncordon(ctx context.Context, node string) error {
	patch := []byte(`{"spec":{"unschedulable":null}}`)
	if _, err := s.api.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("let pods onto %s again: %w", node, err)
	}
	return nil
}

func (s *smoke) rollout(ctx context.Context) (string, error) {
	var old []*corev1.Pod
	for _, name := range probes {
		pod, err := s.pod(ctx, name)
		if err != nil {
			return "", err
		}
		old = append(old, pod)
	}
	patch := []byte(`{"spec":{"template":{"metadata":{"annotations":{"round":"2"}}}}}`)
	if _, err := s.api.AppsV1().StatefulSets(namespace).Patch(ctx, "probe", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return "", fmt.Errorf("begin a rolling update: %w", err)
	}
	served, err := s.servedWhileGoing(ctx, old[2])
	if err != nil {
		return "", err
	}
	for i, pod := range slices.Backward(old) {
		if _, err := s.waitForSuccessor(ctx, pod); err != nil {
			return "", err
		}
		if err := throughout(ctx, silence, func(ctx context.Context) error { return s.unchanged(ctx, old[:i]) }); err != nil {
			return "", fmt.Errorf("while the gate of %s is shut: %w", pod.Name, err)
		}
		if err := s.waitForProbe(ctx, pod.Name); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("one pod at a time, and it serves for %.1f s of preStop", served.Seconds()), s.filesSurvived(ctx)
}

// servedWhileGoing returns how long a pod still answers once it is to go; the
// preStop hook takes a second.
func (s *smoke) servedWhileGoing(ctx context.Context, old *corev1.Pod) (time.Duration, error) {
	err := until(ctx, soon, func(ctx context.Context) error {
		pod, err := s.pod(ctx, old.Name)
		if err == nil && pod.UID == old.UID && pod.DeletionTimestamp == nil {
			err = fmt.Errorf("%s is not told to go", old.Name)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = until(ctx, soon, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, silence)
		defer cancel()
		if _, err := s.get(ctx, old.Status.PodIP+":"+port, "/"); err == nil {
			return fmt.Errorf("%s does not go", old.Name)
		}
		return nil
	})
	served := time.Since(start)
	if err == nil && served < silence/2 {
		err = fmt.Errorf("%s answers for %s of its preStop hook's second", old.Name, served)
	}
	return served, err
}

// unchanged checks that pods are what they were, and ready.
func (s *smoke) unchanged(ctx context.Context, pods []*corev1.Pod) error {
	for _, old := range pods {
		pod, err := s.pod(ctx, old.Name)
		if err != nil {
			return err
		}
		if pod.UID != old.UID || pod.DeletionTimestamp != nil || !condition(pod, corev1.PodReady) {
			return fmt.Errorf("%s is not left alone", old.Name)
		}
	}
	return nil
}
