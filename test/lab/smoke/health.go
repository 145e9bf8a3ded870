package smoke

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// asBefore waits until the lab is healthy, as Run demands at its start.
func (s *smoke) asBefore(ctx context.Context) (string, error) {
	return "all machines, components and nodes", until(ctx, patience, s.healthy)
}

// healthy checks that every machine is on, with all its components, and every
// node ready for pods.
func (s *smoke) healthy(ctx context.Context) error {
	machines, err := s.lab.Status(ctx)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if !m.On {
			return fmt.Errorf("%s has no power", m.Name)
		}
		for name, pid := range m.Components {
			if pid == 0 {
				return fmt.Errorf("%s of %s is down", name, m.Name)
			}
		}
	}
	for _, name := range s.lab.Nodes() {
		node, err := s.api.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("get node %s: %w", name, err)
		}
		ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		if !ready || node.Spec.Unschedulable {
			return fmt.Errorf("node %s takes no pods", name)
		}
	}
	return nil
}
