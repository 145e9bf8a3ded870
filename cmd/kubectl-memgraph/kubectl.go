package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // the ways to log in that kubectl knows
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/view"
)

// kubectl is what all commands share: kubectl's flags, the release, and streams.
type kubectl struct {
	streams
	reach     reacher
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
	release   string
	flags     *pflag.FlagSet // those of every command
}

// reacher connects to the API server that the flags name. It sends nothing.
type reacher func(k *kubectl) (source.Source, error)

// bind adds the flags of every command.
func (k *kubectl) bind(root *cobra.Command) {
	k.rules = clientcmd.NewDefaultClientConfigLoadingRules()
	flags := root.PersistentFlags()
	k.flags = flags
	flags.StringVar(&k.rules.ExplicitPath, "kubeconfig", "", "Path to the kubeconfig file to use for requests")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	clientcmd.BindOverrideFlags(&k.overrides, flags, names)
	flags.StringVar(&k.release, "release", "", "Which release, if there are several in the namespace")
	complete(root, "release", k.completeReleases)
}

// complete has a flag completed. A flag that does not exist is a mistake of this program.
func complete(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}

// reach connects as kubectl does.
func reach(k *kubectl) (source.Source, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(k.rules, &k.overrides)
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		err = errors.New("no kubeconfig says where the API server is: set KUBECONFIG, or give --kubeconfig or --server")
	}
	if err != nil {
		return source.Source{}, problem.Usage(fmt.Errorf("read how to reach the API server: %w", err))
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return source.Source{}, problem.Usage(fmt.Errorf("read which namespace is meant: %w", err))
	}
	clock := &source.DateClock{}
	config.Wrap(clock.Wrap)
	config.UserAgent = "kubectl-memgraph/" + programVersion()
	config.QPS, config.Burst = 50, 100 // a command is short; it must not wait for itself
	config.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return source.Source{}, problem.Usage(fmt.Errorf("make a client of the API server %s: %w", config.Host, err))
	}
	return source.Source{API: client, Namespace: namespace, Host: config.Host, Clock: clock}, nil
}

// read connects and reads the release.
func (k *kubectl) read(ctx context.Context) (source.Source, view.Raw, error) {
	s, err := k.reach(k)
	if err != nil {
		return s, view.Raw{}, err
	}
	s.Caller = k.caller()
	raw, err := s.Read(ctx, k.release)
	return s, raw, err
}

// places are the flags that say which API server is meant, and as whom. What holds a
// secret is not among them, or may, as the address of a proxy: nobody wants to see one in
// an advice.
var places = []string{
	"kubeconfig", "context", "cluster", "server", "tls-server-name", "certificate-authority", "user", "as", "as-group", "as-uid",
}

// caller returns how the flags name the release.
func (k *kubectl) caller() view.Caller {
	given := func(name, as string) string {
		f := k.flags.Lookup(name)
		if !f.Changed {
			return ""
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		var all []string
		for _, value := range values {
			all = append(all, view.Flag(as, value))
		}
		return strings.Join(all, " ")
	}
	var cluster []string
	for _, name := range places {
		if flag := given(name, "--"+name); flag != "" {
			cluster = append(cluster, flag)
		}
	}
	return view.Caller{Cluster: strings.Join(cluster, " "), Namespace: given("namespace", "-n"), Release: given("release", "--release")}
}

// remark tells of a clock that makes ages and logs hard to compare.
func (k *kubectl) remark(s source.Source) {
	if s.Clock == nil {
		return
	}
	ahead, _ := s.Clock.Ahead()
	switch {
	case ahead > 0:
		fmt.Fprintf(k.errs, "This machine's clock is %s ahead of the API server's; ages are by the API server's.\n", ahead.Round(second))
	case ahead < 0:
		fmt.Fprintf(k.errs, "This machine's clock is %s behind the API server's; ages are by the API server's.\n", (-ahead).Round(second))
	}
}

func (k *kubectl) paint() view.Paint { return view.Paint(k.colours) }

// completeReleases completes the names of releases.
func (k *kubectl) completeReleases(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	s, err := k.reach(k)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := s.Releases(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeNodes completes the name of a node, once.
func (k *kubectl) completeNodes(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, raw, err := k.read(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []cobra.Completion
	for _, n := range view.Of(raw).Nodes {
		names = append(names, cobra.CompletionWithDesc(n.Name, describe(n)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// describe is what a completion says of a node.
func describe(n view.Node) string {
	switch {
	case n.Main:
		return "MAIN"
	case n.Standby:
		return "standby"
	}
	return n.Role
}
