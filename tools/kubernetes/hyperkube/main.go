// Command hyperkube is a whole Kubernetes in one binary: the components share
// nearly all of their code, so one program is a fifth of the bytes and of the
// link time of seven.
//
// The name it is called by, or else its first argument, says which component
// runs: etcd, kube-apiserver, kube-controller-manager, kube-scheduler,
// kube-proxy, kubelet and kubectl are the upstream programs, unchanged;
// lab-provisioner and lab-netpol are this project's own (packages provisioner
// and netpol), because neither a volume provisioner nor a network policy engine
// can be had without a container registry.
//
// It holds no settings of its own: every flag is the component's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics of every component
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"memgraph-controller/tools/kubernetes/hyperkube/netpol"
	"memgraph-controller/tools/kubernetes/hyperkube/provisioner"
)

// components runs each component with os.Args as its own command line.
var components = map[string]func(ctx context.Context) int{
	"etcd":                    runEtcd,
	"kube-apiserver":          upstream(apiserver.NewAPIServerCommand),
	"kube-controller-manager": upstream(kcm.NewControllerManagerCommand),
	"kube-scheduler":          upstream(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"kube-proxy":              upstream(proxy.NewProxyCommand),
	"kubelet":                 func(ctx context.Context) int { return cli.Run(kubelet.NewKubeletCommand(ctx)) },
	"kubectl":                 runKubectl,
	"lab-provisioner":         ours(provisioner.Main),
	"lab-netpol":              ours(netpol.Main),
}

func main() {
	name := filepath.Base(os.Args[0])
	if _, ok := components[name]; !ok && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = append([]string{name}, os.Args[2:]...)
	}
	run, ok := components[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "hyperkube: no component %q: name one of %s\n", name, strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Exit(run(context.Background()))
}

func names() []string {
	var all []string
	for name := range components {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func upstream(command func() *cobra.Command) func(context.Context) int {
	return func(context.Context) int { return cli.Run(command()) }
}

func runEtcd(context.Context) int {
	etcdmain.Main(os.Args)
	return 0
}

func runKubectl(context.Context) int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}

// ours runs one of this project's programs until it fails or is told to stop.
func ours(program func(ctx context.Context, args []string, out io.Writer) error) func(context.Context) int {
	return func(ctx context.Context) int {
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		err := program(ctx, os.Args[1:], os.Stderr)
		if err == nil || (errors.Is(err, context.Canceled) && ctx.Err() != nil) {
			return 0
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		return 1
	}
}
