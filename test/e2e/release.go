package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/internal/sandbox/bench"
)

// What the chart calls things unless it is told otherwise.
const (
	ConfigMap = "memgraph-controller-state"
	Lease     = "memgraph-controller-leader"
)

// Release is one installation of the chart. Its methods may be called from any
// goroutine, those that change the installation from one at a time.
type Release struct {
	Place     *Place
	Namespace string
	Name      string
	// ConfigMap and Lease are the names this release uses.
	ConfigMap, Lease string

	values []string

	mu      sync.Mutex
	gateway string            // host:port of the Service, known since it was installed
	since   time.Time         // of the first installation
	seen    map[string]string // addresses of controller pods by name, as last listed

	ids      atomic.Int64    // the last id that a client was given
	attempts []bench.Attempt // of all loads that were stopped
	removed  int64           // the last id that Forget has removed from the nodes
}

// base are the values of every release here: the images of this repository, and
// little of the machine.
var base = []string{
	"image.repository=memgraph-standin", "image.tag=dev",
	"controller.image.repository=memgraph-controller", "controller.image.tag=dev",
	"memgraph.persistence.size=64Mi",
	"memgraph.resources.requests.cpu=10m", "memgraph.resources.requests.memory=32Mi",
	"controller.resources.requests.cpu=10m", "controller.resources.requests.memory=32Mi",
}

// NewRelease names a release; nothing is installed yet. Values are those of helm's
// --set and beat the base.
func (p *Place) NewRelease(namespace, name string, values ...string) *Release {
	return &Release{
		Place: p, Namespace: namespace, Name: name, ConfigMap: ConfigMap, Lease: Lease,
		values: slices.Concat(base, values), seen: map[string]string{},
	}
}

// Apart gives the release names of its own for record and lease, as a second
// release in a namespace needs them.
func (r *Release) Apart() {
	r.ConfigMap, r.Lease = r.Name+"-state", r.Name+"-leader"
	r.values = append(r.values, "state.configMapName="+r.ConfigMap, "leaderElection.leaseName="+r.Lease)
}

// Helm installs the release or changes it to the values it was made with and
// those given, and returns as soon as the API server has the objects.
func (r *Release) Helm(ctx context.Context, values ...string) error {
	began := time.Now()
	args := []string{"upgrade", "--install", r.Name, r.Place.chart, "--namespace", r.Namespace, "--create-namespace"}
	for _, v := range slices.Concat(r.values, values) {
		args = append(args, "--set", v)
	}
	if _, err := r.Place.Command(ctx, "helm", args...); err != nil {
		return err
	}
	service, err := r.Place.API.CoreV1().Services(r.Namespace).Get(ctx, r.Name+"-gateway", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("find the gateway: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		r.since = began
	}
	r.gateway = fmt.Sprintf("%s:%d", service.Spec.ClusterIP, service.Spec.Ports[0].Port)
	return nil
}

// Gateway is the address of the read/write Service, good also while the API
// server is away.
func (r *Release) Gateway() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gateway
}

// Scale changes the number of controllers, as kubectl does, and waits until there
// are as many pods, those that are stopping among them.
func (r *Release) Scale(ctx context.Context, controllers int) error {
	scale := fmt.Sprintf(`{"spec":{"replicas":%d}}`, controllers)
	_, err := r.Place.API.AppsV1().Deployments(r.Namespace).Patch(ctx, r.Name+"-controller", types.MergePatchType, []byte(scale), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("scale the controllers: %w", err)
	}
	return Until(ctx, time.Minute, fmt.Sprintf("%d controllers", controllers), func(ctx context.Context) error {
		all, err := r.Place.API.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{LabelSelector: r.selector(Controller)})
		if err == nil && len(all.Items) != controllers {
			err = fmt.Errorf("%d pods", len(all.Items))
		}
		return err
	})
}

// Uninstall removes the release and leaves the namespace.
func (r *Release) Uninstall(ctx context.Context) error {
	_, err := r.Place.Command(ctx, "helm", "uninstall", r.Name, "--namespace", r.Namespace, "--wait")
	return err
}

// Erase removes the namespace with everything in it and waits until it is gone.
func (r *Release) Erase(ctx context.Context) error {
	namespaces := r.Place.API.CoreV1().Namespaces()
	now := int64(0)
	// Pods that are asked nicely take as long as their preStop hooks wait for a
	// successor, and there will be none.
	err := r.Place.API.CoreV1().Pods(r.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("erase namespace %s: %w", r.Namespace, err)
	}
	err = namespaces.Delete(ctx, r.Namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("erase namespace %s: %w", r.Namespace, err)
	}
	return Until(ctx, 2*time.Minute, "namespace "+r.Namespace+" to be gone", func(ctx context.Context) error {
		_, err := namespaces.Get(ctx, r.Namespace, metav1.GetOptions{})
		if err == nil {
			return errors.New("it is still there")
		}
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// Until calls f every 50 ms until it returns nil; the error is f's last.
func Until(ctx context.Context, patience time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var last error
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", patience, what, last)
		}
	}
}

// selector picks the pods of a component.
func (r *Release) selector(component string) string {
	return strings.Join([]string{"app.kubernetes.io/instance=" + r.Name, "app.kubernetes.io/component=" + component}, ",")
}
