package e2e

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

//go:embed files/alone.yaml
var alone []byte

// AlonePod is the one pod of what [Place.Alone] makes.
const AlonePod = "alone-0"

// Alone makes one Memgraph without this project, to be measured beside it: what
// Kubernetes does by itself. Of the release it returns, Write, Verify and Erase
// can be used.
func (p *Place) Alone(ctx context.Context) (*Release, error) {
	r := p.NewRelease("bench-alone", "alone")
	if err := r.Erase(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("make the peer: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays there is small, and in the temporary directory
	file := filepath.Join(dir, "alone.yaml")
	if err := os.WriteFile(file, alone, 0o600); err != nil {
		return nil, fmt.Errorf("make the peer: %w", err)
	}
	if _, err := p.Command(ctx, "kubectl", "apply", "-f", file); err != nil {
		return nil, err
	}
	service, err := p.API.CoreV1().Services(r.Namespace).Get(ctx, "alone", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("find the peer: %w", err)
	}
	r.gateway = service.Spec.ClusterIP + ":7687"
	return r, r.AwaitAlone(ctx)
}

// AwaitAlone waits until the peer is ready.
func (r *Release) AwaitAlone(ctx context.Context) error {
	return Until(ctx, 2*time.Minute, "the peer to be ready", func(ctx context.Context) error {
		pod, err := r.Place.API.CoreV1().Pods(r.Namespace).Get(ctx, AlonePod, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !IsReady(pod) || pod.DeletionTimestamp != nil {
			return errors.New("it is not")
		}
		return nil
	})
}
