package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Each of these takes a second or two on a quiet machine.
const (
	apiPatience  = 3 * time.Minute
	nodePatience = 3 * time.Minute
	dnsPatience  = time.Minute
)

func (l *Lab) waitForAPI(ctx context.Context) error {
	err := until(ctx, apiPatience, "the API server", func(ctx context.Context) error {
		client, err := l.clientset()
		if err != nil {
			return err
		}
		return client.RESTClient().Get().AbsPath("/readyz").Timeout(5 * time.Second).Do(ctx).Error()
	})
	if err != nil {
		return fmt.Errorf("%w: its log is in %s", err, host(controlPlane).logs())
	}
	return nil
}

func (l *Lab) clientset() (*kubernetes.Clientset, error) {
	config, err := l.RESTConfig()
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make API client: %w", err)
	}
	return client, nil
}

func (l *Lab) applyCluster(ctx context.Context) error {
	manifest, err := l.state.render(controlPlane, "cluster.yaml")
	if err != nil {
		return err
	}
	// The namespace kube-system is made by the API server itself, a moment after it answers.
	return until(ctx, apiPatience, "the cluster's own objects", func(ctx context.Context) error {
		_, err := l.kubectl(ctx, manifest, "apply", "--server-side", "--force-conflicts", "-f", "-")
		return err
	})
}

// waitForNodes waits for those that are on.
func (l *Lab) waitForNodes(ctx context.Context) error {
	client, err := l.clientset()
	if err != nil {
		return err
	}
	err = until(ctx, nodePatience, "the nodes to be ready", func(ctx context.Context) error {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready := map[string]bool{}
		for _, node := range list.Items {
			ready[node.Name] = isReady(node)
		}
		var missing []string
		for _, name := range l.Nodes() {
			if host(name).pid() != 0 && !ready[name] {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("not ready: %s", strings.Join(missing, ", "))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: the nodes' logs are in %s", err, l.Logs())
	}
	return nil
}

func isReady(node corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// waitForDNS waits until a client outside finds the API server by name, and
// reaches it by its Service's address.
func (l *Lab) waitForDNS(ctx context.Context) error {
	const name = "kubernetes.default.svc"
	transport := &http.Transport{DialContext: l.Dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // only reachability is asked for
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	return until(ctx, dnsPatience, "cluster DNS and Service addresses", func(ctx context.Context) error {
		addresses, err := l.LookupHost(ctx, name)
		if err != nil {
			return err
		}
		if len(addresses) != 1 || addresses[0] != serviceAPIIP {
			return fmt.Errorf("%s is %v, want %s", name, addresses, serviceAPIIP)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort(name, "443")+"/version", nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		return nil
	})
}

// LoadImages gives image tars (docker or OCI archives) to every node that is on.
func (l *Lab) LoadImages(ctx context.Context, tars ...string) error {
	if len(tars) == 0 {
		return errors.New("no image named: give one or more tar files, as \"make images\" makes them")
	}
	for _, tar := range tars {
		if !exists(tar) {
			return fmt.Errorf("no file %s: \"make images\" makes the project's images", tar)
		}
	}
	var on []host
	for _, name := range l.Nodes() {
		if host(name).pid() != 0 {
			on = append(on, host(name))
		}
	}
	return l.importInto(ctx, on, tars)
}

// importInto loads the images into the nodes, a few nodes at a time.
func (l *Lab) importInto(ctx context.Context, nodes []host, tars []string) error {
	errs := make([]error, len(nodes))
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for i, h := range nodes {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = h.importImages(ctx, tars)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (h host) importImages(ctx context.Context, tars []string) error {
	ctr := func(ctx context.Context, args ...string) error {
		out, err := exec.CommandContext(ctx, "ctr", append([]string{"-a", h.containerd(), "-n", "k8s.io"}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, tail(string(out), 500))
		}
		return nil
	}
	err := until(ctx, time.Minute, "containerd of "+string(h), func(ctx context.Context) error { return ctr(ctx, "version") })
	if err != nil {
		return err
	}
	for _, tar := range tars {
		if err := ctr(ctx, "images", "import", "--digests=false", tar); err != nil {
			return fmt.Errorf("load %s into %s: %w", tar, h, err)
		}
	}
	return nil
}
