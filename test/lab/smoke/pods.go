package smoke

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/test/lab"
)

func podFaults() []check {
	return []check{
		{"kill: a container dies at once and is started again", (*smoke).kill},
		{"freeze: connections stay and nobody answers; thaw: it goes on", (*smoke).freeze},
		{"a frozen pod that is killed dies when it is thawed", (*smoke).killFrozen},
		{"names that stand for nothing are refused", (*smoke).wrongNames},
	}
}

// life is what tells one run of a pod's container from the next.
type life struct {
	restarts  int32
	container string
}

func lifeOf(pod *corev1.Pod) life {
	if len(pod.Status.ContainerStatuses) == 0 {
		return life{}
	}
	c := pod.Status.ContainerStatuses[0]
	return life{restarts: c.RestartCount, container: c.ContainerID}
}

// lives are those of all pods, by name.
func (s *smoke) lives(ctx context.Context) (map[string]life, error) {
	all := map[string]life{}
	for _, name := range everybody {
		pod, err := s.pod(ctx, name)
		if err != nil {
			return nil, err
		}
		all[name] = lifeOf(pod)
	}
	return all, nil
}

// diedOnce checks that one container was started again, once, and none of the
// other pods' was.
func (s *smoke) diedOnce(ctx context.Context, before map[string]life, dead string) error {
	err := until(ctx, patience, func(ctx context.Context) error {
		pod, err := s.waitForCondition(ctx, dead, corev1.PodReady)
		if err != nil {
			return err
		}
		now := lifeOf(pod)
		if now.container == before[dead].container {
			return fmt.Errorf("the API still shows the dead container of %s", dead)
		}
		return expect("the restart count of "+dead, now.restarts, before[dead].restarts+1, nil)
	})
	if err != nil {
		return err
	}
	after, err := s.lives(ctx)
	if err != nil {
		return err
	}
	for _, name := range everybody {
		if name != dead && after[name] != before[name] {
			return fmt.Errorf("%s was started again too: %v, before %v", name, after[name], before[name])
		}
	}
	return s.hears(ctx, client, dead)
}

func (s *smoke) kill(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	open, err := s.openTo(ctx, "probe-0")
	if err != nil {
		return "", err
	}
	defer open.conn.Close()
	if err := s.lab.Kill(ctx, namespace, "probe-0", ""); err != nil {
		return "", err
	}
	if err := open.ended(); err != nil {
		return "", err
	}
	if err := s.diedOnce(ctx, before, "probe-0"); err != nil {
		return "", err
	}
	return "its connections end, the API counts it, its file is there", s.filesSurvived(ctx)
}

func (s *smoke) freeze(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	old, err := s.openTo(ctx, "probe-1")
	if err != nil {
		return "", err
	}
	defer old.conn.Close()
	if err := s.lab.Freeze(ctx, namespace, "probe-1"); err != nil {
		return "", err
	}
	fresh, err := s.open(ctx, old.with) // the kernel connects, not the pod
	if err != nil {
		return "", fmt.Errorf("while frozen: %w", err)
	}
	defer fresh.conn.Close()
	if err := errors.Join(old.say(whoAreYou), fresh.say(whoAreYou)); err != nil {
		return "", fmt.Errorf("while frozen: %w", err)
	}
	if err := together(
		old.silent, fresh.silent,
		func() error { return s.deaf(ctx, "outsider", "probe-1") },
		func() error { return s.hears(ctx, "probe-0", "probe-2") },
	); err != nil {
		return "", fmt.Errorf("while frozen: %w", err)
	}
	for range 2 { // the second time there is nothing to thaw
		if err := s.lab.Thaw(ctx, namespace, "probe-1"); err != nil {
			return "", err
		}
	}
	if err := errors.Join(old.hears("probe-1"), fresh.hears("probe-1")); err != nil {
		return "", fmt.Errorf("once thawed: %w", err)
	}
	after, err := s.lives(ctx)
	if err := expect("the container once thawed", after["probe-1"], before["probe-1"], err); err != nil {
		return "", err
	}
	return "both connections are answered late, by the same process", s.waitForProbe(ctx, "probe-1")
}

func (s *smoke) killFrozen(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	open, err := s.openTo(ctx, "outsider")
	if err != nil {
		return "", err
	}
	defer open.conn.Close()
	if err := errors.Join(s.lab.Freeze(ctx, namespace, "outsider"), s.lab.Kill(ctx, namespace, "outsider", "probe")); err != nil {
		return "", err
	}
	// With version 2 of cgroups it dies frozen: only the end is the same.
	_ = s.lab.Thaw(ctx, namespace, "outsider")
	if err := open.ended(); err != nil {
		return "", err
	}
	return "and is started again", s.diedOnce(ctx, before, "outsider")
}

// wrongNames must be told apart from faults that failed.
func (s *smoke) wrongNames(ctx context.Context) (string, error) {
	before, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	tries := map[string]error{
		"kill nobody":           s.lab.Kill(ctx, namespace, "nobody", ""),
		"kill in no namespace":  s.lab.Kill(ctx, "nowhere", "probe-0", ""),
		"kill no container":     s.lab.Kill(ctx, namespace, "probe-0", "nothing"),
		"freeze nobody":         s.lab.Freeze(ctx, namespace, "nobody"),
		"cut nobody":            s.lab.Cut(ctx, "pod:"+namespace+"/nobody", client, false),
		"cut no kind of target": s.lab.Cut(ctx, client, "moon", false),
		"cut from itself":       s.lab.Cut(ctx, client, client, false),
		"power off no node":     s.lab.PowerOff(ctx, "controlplane"),
		"stop no component":     s.lab.Stop(ctx, "kube-nothing"),
		"stop one of several":   s.lab.Stop(ctx, "kubelet"),
	}
	for what, err := range tries {
		if !errors.Is(err, lab.ErrName) {
			return "", fmt.Errorf("%s: not refused as an unknown name: %v", what, err) //nolint:errorlint // it may be nil
		}
	}
	after, err := s.lives(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range everybody {
		if err := expect("the container of "+name, after[name], before[name], nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d of them, and nothing happened", len(tries)), nil
}
