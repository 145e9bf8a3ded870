// Package netpol enforces networking.k8s.io/v1 NetworkPolicy for the pods of
// one node with one nftables table in the node's network namespace.
//
// It promises the whole v1 API for IPv4: pod and namespace selectors, ipBlock
// with exceptions, numbered, named and ranged ports, ingress and egress. Every
// packet in a connection's own direction is judged, so that a new policy also
// cuts connections that are open; replies pass. What a node itself sends to its
// pods passes too, as the API demands (probes).
//
// It does not judge IPv6, host-network pods, or what a pod sends to its own
// node. A change reaches the kernel some 50 ms after the API server told it.
package netpol

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// settle is how long a burst of changes may grow before it is applied.
const settle = 20 * time.Millisecond

// retry is the pause after the kernel refused a rule set.
const retry = time.Second

// Main runs the engine with the given command line until ctx ends.
func Main(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("lab-netpol", flag.ContinueOnError)
	flags.SetOutput(out)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig `file` (required)")
	node := flags.String("node", "", "`name` of the node whose pods are guarded (required)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *kubeconfig == "" || *node == "" {
		return errors.New("--kubeconfig and --node are required")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	return watch(ctx, client, *node, slog.New(slog.NewTextHandler(out, nil)))
}

// watch applies the rules that follow from the cluster's objects, again
// whenever one of them changes.
func watch(ctx context.Context, client kubernetes.Interface, node string, log *slog.Logger) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	pods, namespaces := factory.Core().V1().Pods().Informer(), factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	changed := make(chan struct{}, 1) // many changes make one application
	poke := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range []cache.SharedIndexInformer{pods, namespaces, policies} {
		handler := cache.ResourceEventHandlerFuncs{AddFunc: poke, UpdateFunc: func(_, now any) { poke(now) }, DeleteFunc: poke}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watch the cluster: %w", err)
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	applied := ""
	for {
		rules := Render(node, list[*corev1.Pod](pods), list[*corev1.Namespace](namespaces), list[*netv1.NetworkPolicy](policies))
		wait := settle
		if rules != applied {
			if err := apply(ctx, rules); err != nil {
				log.Error("rules refused, trying again", "err", err)
				poke(nil)
				wait = retry
			} else {
				applied = rules
				log.Info("rules applied", "policies", len(policies.GetStore().List()))
			}
		}
		if err := pause(ctx, changed, wait); err != nil {
			return err
		}
	}
}

// pause waits for a change and then for the burst it belongs to.
func pause(ctx context.Context, changed <-chan struct{}, burst time.Duration) error {
	select {
	case <-changed:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(burst):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func list[T any](informer cache.SharedIndexInformer) []T {
	var all []T
	for _, object := range informer.GetStore().List() {
		if typed, ok := object.(T); ok {
			all = append(all, typed)
		}
	}
	return all
}

func apply(ctx context.Context, rules string) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}
