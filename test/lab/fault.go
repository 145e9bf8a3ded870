package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"memgraph-controller/test/lab/machine"
)

// Kill sends SIGKILL to every process of a pod's container, as the kernel does
// when memory runs out; the kubelet starts the container again. An empty
// container name means the pod's only one. It takes some milliseconds and needs
// no API server. A frozen process dies when it is thawed, at the latest.
func (l *Lab) Kill(_ context.Context, namespace, pod, container string) error {
	p, err := l.state.findPod(namespace, pod)
	if err != nil {
		return err
	}
	c, err := p.container(container)
	if err != nil {
		return fmt.Errorf("kill in pod %s/%s: %w", namespace, pod, err)
	}
	pids, err := processes(cgroupMount, c.Cgroup)
	if err != nil {
		return fmt.Errorf("kill %s in pod %s/%s: %w", c.Name, namespace, pod, err)
	}
	var failed error
	for _, pid := range pids {
		// The container's first process takes the others with it.
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			failed = errors.Join(failed, fmt.Errorf("kill process %d of pod %s/%s: %w", pid, namespace, pod, err))
		}
	}
	return failed
}

// Freeze stops every process of the pod where it is, as a long pause of the
// machine does: connections stay open and nobody answers. It returns when all
// of them stand still.
func (l *Lab) Freeze(_ context.Context, namespace, pod string) error {
	return l.setFrozen(namespace, pod, true)
}

// Thaw lets a frozen pod go on. Thawing what is not frozen does nothing.
func (l *Lab) Thaw(_ context.Context, namespace, pod string) error {
	return l.setFrozen(namespace, pod, false)
}

func (l *Lab) setFrozen(namespace, pod string, frozen bool) error {
	p, err := l.state.findPod(namespace, pod)
	if err != nil {
		return err
	}
	if err := freezerOf(cgroupMount, p.Cgroup).set(frozen); err != nil {
		return fmt.Errorf("pod %s/%s: %w", namespace, pod, err)
	}
	return nil
}

// PowerOff takes the power from a node: nothing of it is heard from the moment
// the call acts, no connection is closed, and what was in its memory is lost.
// What it wrote to its disk stays even if it was not synced: the disk is this
// host's, which goes on. A node that is off is left alone.
func (l *Lab) PowerOff(ctx context.Context, node string) error {
	h, err := l.node(node)
	if err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if h.pid() == 0 {
		return nil
	}
	// First the cable: a dying process would say goodbye to its peers.
	if err := h.unplug(ctx); err != nil {
		return fmt.Errorf("power off %s: %w", node, err)
	}
	if err := h.kill(); err != nil {
		return err
	}
	if err := h.disconnect(ctx); err != nil {
		return fmt.Errorf("power off %s: %w", node, err)
	}
	return nil
}

// PowerOn gives a node its power back and returns at once; the kubelet then
// starts the node's pods again. Cuts that concern it still hold. A node that is
// on is left alone.
func (l *Lab) PowerOn(ctx context.Context, node string) error {
	h, err := l.node(node)
	if err != nil {
		return err
	}
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	if h.pid() != 0 {
		return nil
	}
	return l.state.powerOn(ctx, h)
}

// Stop kills a component and keeps it down: "kube-apiserver", "etcd",
// "kube-controller-manager", or with the machine's name where several have it:
// "n1/kubelet". It returns when the process is gone. What is stopped stays
// stopped until Start, or until its machine is switched off.
func (l *Lab) Stop(ctx context.Context, component string) error {
	h, name, err := l.component(component)
	if err != nil {
		return err
	}
	if err := machine.Stop(ctx, h.control(), name); err != nil {
		return fmt.Errorf("stop %s: %w", component, err)
	}
	return nil
}

// Start starts a component that was stopped, and returns before it serves: wait
// for what you need of it.
func (l *Lab) Start(ctx context.Context, component string) error {
	h, name, err := l.component(component)
	if err != nil {
		return err
	}
	if err := machine.Start(ctx, h.control(), name); err != nil {
		return fmt.Errorf("start %s: %w", component, err)
	}
	return nil
}

// component finds the machine of a component.
func (l *Lab) component(full string) (host, string, error) {
	var known []string
	found := map[host]string{}
	for _, h := range hosts(l.state.Nodes) {
		for _, c := range l.state.components(h) {
			name := string(h) + "/" + c.Name
			known = append(known, name)
			if full == name || full == c.Name {
				found[h] = c.Name
			}
		}
	}
	machines := slices.Sorted(maps.Keys(found))
	switch len(machines) {
	case 0:
		return "", "", noName("no component %q: name one of %s", full, strings.Join(known, ", "))
	case 1:
		h := machines[0]
		if h.pid() == 0 {
			return "", "", fmt.Errorf("component %s: %s has no power: give it some with \"lab power-on %s\"", full, h, h)
		}
		return h, found[h], nil
	}
	names := make([]string, len(machines))
	for i, h := range machines {
		names[i] = string(h) + "/" + full
	}
	return "", "", noName("%d machines have a component %s: name one of %s", len(names), full, strings.Join(names, ", "))
}
