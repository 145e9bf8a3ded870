package e2e

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Diagnose tells in a few lines what a release looks like from every side: for
// whoever reads why a test failed on a machine that is gone by then. What cannot be
// asked is told as that.
func (r *Release) Diagnose(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out strings.Builder
	for _, part := range []func(context.Context) ([]string, error){r.tellPods, r.tellEndpoints, r.tellControllers, r.tellDoors, r.tellWarnings} {
		lines, err := part(ctx)
		if err != nil {
			lines = append(lines, "? "+err.Error())
		}
		for _, line := range lines {
			out.WriteString("  " + line + "\n")
		}
	}
	return out.String()
}

// tellPods tells of all pods, those on their way out too.
func (r *Release) tellPods(ctx context.Context) ([]string, error) {
	pods, err := r.Place.API.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=" + r.Name})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	var lines []string
	for _, p := range pods.Items {
		line := fmt.Sprintf("pod %s on %s at %s: %s", p.Name, p.Spec.NodeName, p.Status.PodIP, p.Status.Phase)
		if p.DeletionTimestamp != nil {
			line += ", being deleted"
		}
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			line += fmt.Sprintf(", %s %s", c.Name, container(c))
		}
		for _, c := range p.Status.Conditions {
			if c.Status != corev1.ConditionTrue {
				line += fmt.Sprintf(", %s=%s since %s (%s %s)", c.Type, c.Status, c.LastTransitionTime.Format(time.TimeOnly), c.Reason, c.Message)
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func container(c corev1.ContainerStatus) string {
	state := "waiting"
	switch {
	case c.State.Running != nil:
		state = "running since " + c.State.Running.StartedAt.Format(time.TimeOnly)
	case c.State.Waiting != nil:
		state = "waiting: " + c.State.Waiting.Reason
	case c.State.Terminated != nil:
		state = fmt.Sprintf("ended with %d", c.State.Terminated.ExitCode)
	}
	return fmt.Sprintf("%s (restarts %d)", state, c.RestartCount)
}

// tellEndpoints tells where the Services lead.
func (r *Release) tellEndpoints(ctx context.Context) ([]string, error) {
	slices, err := r.Place.API.DiscoveryV1().EndpointSlices(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	var lines []string
	for _, s := range slices.Items {
		line := "endpoints " + s.Labels["kubernetes.io/service-name"] + ":"
		for _, e := range s.Endpoints {
			ready := e.Conditions.Ready != nil && *e.Conditions.Ready
			line += fmt.Sprintf(" %s ready=%t", strings.Join(e.Addresses, ","), ready)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// tellControllers tells what each controller thinks.
func (r *Release) tellControllers(ctx context.Context) ([]string, error) {
	all := r.Statuses(ctx)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := all[name]
		line := fmt.Sprintf("controller %s: leading=%t phase=%s", name, s.Leading, s.Phase)
		if s.Record != nil {
			line += fmt.Sprintf(" epoch=%d main=%s stage=%s standby=%s", s.Record.Epoch, s.Record.Main, s.Record.Stage, s.Record.Standby)
		}
		line += ": " + s.Decision
		for _, n := range s.Nodes {
			line += fmt.Sprintf("; %s %s %s", n.Name, n.Contact, n.Role)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// tellDoors connects to the Service and to each controller behind it.
func (r *Release) tellDoors(ctx context.Context) ([]string, error) {
	lines := []string{r.knock(ctx, "Service", r.Gateway())}
	all := r.addresses(ctx)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		lines = append(lines, r.knock(ctx, name, net.JoinHostPort(all[name], "7687")))
	}
	return lines, nil
}

// knock says hello in Bolt and tells what came of it.
func (r *Release) knock(ctx context.Context, name, address string) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	answer := "answers Bolt"
	conn, err := r.Place.Dial(ctx, "tcp", address)
	if err == nil {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		hello := []byte{0x60, 0x60, 0xb0, 0x17, 0, 0, 4, 5, 0, 0, 4, 4, 0, 0, 3, 5, 0, 0, 0, 4}
		if _, err = conn.Write(hello); err == nil {
			_, err = conn.Read(make([]byte, 4))
		}
	}
	if err != nil {
		answer = err.Error()
	}
	return fmt.Sprintf("door %s %s: %s", name, address, answer)
}

// tellWarnings tells the last things that Kubernetes, or a controller, minded.
func (r *Release) tellWarnings(ctx context.Context) ([]string, error) {
	events, err := r.Place.API.CoreV1().Events(r.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	slices.SortFunc(events.Items, func(a, b corev1.Event) int { return last(a).Compare(last(b)) })
	items := events.Items[max(0, len(events.Items)-8):]
	var lines []string
	for _, e := range items {
		lines = append(lines, fmt.Sprintf("event %s %s/%s %s: %s", last(e).Format(time.TimeOnly), e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message))
	}
	return lines, nil
}

func last(e corev1.Event) time.Time {
	if e.LastTimestamp.IsZero() {
		return e.EventTime.Time
	}
	return e.LastTimestamp.Time
}
