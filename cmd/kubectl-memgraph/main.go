// Command kubectl-memgraph is a plugin of kubectl: it says how a cluster of the chart
// memgraph-ha is, asks its leader for things, and collects what a bug report needs.
// It works with the caller's own rights, and needs nothing in the cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"memgraph-controller/internal/plugin/problem"
)

// version is set by the linker in releases.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := execute(ctx, arguments(os.Args), terminal(), reach)
	stop()
	os.Exit(code)
}

// completer is the name by which kubectl asks a plugin for completions.
const completer = "kubectl_complete-memgraph"

// arguments are those of the program. Called by the completer's name (a link will do)
// it completes.
func arguments(args []string) []string {
	if strings.TrimSuffix(filepath.Base(args[0]), ".exe") == completer {
		return append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	}
	return args[1:]
}

// streams are where a command reads and writes.
type streams struct {
	in        io.Reader
	out, errs io.Writer
	asks      bool // somebody can answer questions
	shows     bool // out is a terminal
	colours   bool
}

// terminal returns the streams of this process.
func terminal() streams {
	shows := term.IsTerminal(int(os.Stdout.Fd()))
	_, plain := os.LookupEnv("NO_COLOR")
	return streams{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		asks: term.IsTerminal(int(os.Stdin.Fd())), shows: shows, colours: shows && !plain && os.Getenv("TERM") != "dumb",
	}
}

const rootHelp = `Look at and operate a Memgraph cluster of the chart memgraph-ha.

It takes kubectl's flags for kubeconfig, context and namespace, and works with your
own rights: changes are annotations of the record's ConfigMap, which the leader
answers. Each shows a plan first, asks before it does anything (--yes: it does not
ask), and follows what becomes of it.

A node is a pod of the StatefulSet, named so or by its number. One of them is MAIN and
takes writes; the record says which. MAIN acknowledges a write when the standby, one
replica, has it too: only who is proven to hold all of them is promoted by itself.
Clients reach MAIN through the controllers, one of which leads and decides.

Exit codes:
  0  done
  1  refused, or failed; preflight: something does not fit
  2  the command line cannot be used as it is
  3  timed out: nobody has answered, or it has not come about yet`

// tour leads through what a newcomer wants, in the order in which it is wanted.
const tour = `  # Before the install: does the cluster fit what the values ask for? (helm checks their names)
  kubectl memgraph preflight -n graph --release mg -f values.yaml
  helm install mg charts/memgraph-ha -n graph --create-namespace -f values.yaml

  # Who is MAIN, and what is at risk?
  kubectl memgraph status -n graph
  kubectl memgraph status -n graph -o json | jq -r .record.main

  # Before work on MAIN's machine: have the standby take over, or a node
  kubectl memgraph switchover -n graph --dry-run
  kubectl memgraph switchover -n graph

  # Why is node 2 not promotable, and what would happen if it died?
  kubectl memgraph explain 2 -n graph

  # Its data have diverged: move them aside (nothing is deleted) and copy MAIN
  kubectl memgraph rebuild 2 -n graph

  # What happened, and what a bug report needs
  kubectl memgraph history -n graph
  kubectl memgraph logs -n graph --since 10m
  kubectl memgraph report -n graph`

// The groups of commands in the help.
const (
	lookGroup = "look"
	askGroup  = "ask"
	findGroup = "find"
)

// group adds commands under a heading of the help.
func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// execute runs the program and returns its exit code.
func execute(ctx context.Context, args []string, s streams, reach reacher) int {
	k := &kubectl{streams: s, reach: reach}
	root := &cobra.Command{
		Use: "kubectl-memgraph", Short: "Look at and operate a Memgraph cluster", Long: rootHelp, Example: tour,
		Annotations:  map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl memgraph"},
		SilenceUsage: true, SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.errs)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return problem.Usage(fmt.Errorf("%w; %s --help lists what there is", err, cmd.CommandPath()))
	})
	k.bind(root)
	group(root, lookGroup, "How is it, and why?", statusCommand(k), explainCommand(k), historyCommand(k))
	group(root, askGroup, "Ask for something:", requestCommands(k)...)
	group(root, findGroup, "Before an install, and when something is wrong:", preflightCommand(k), logsCommand(k), reportCommand(k))
	root.AddCommand(versionCommand())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return problem.Done
	}
	if !errors.Is(err, errTold) {
		fmt.Fprintln(s.errs, "kubectl memgraph:", err)
	}
	if strings.HasPrefix(err.Error(), "unknown command") { // cobra's, which has no type
		return problem.Misuse
	}
	return problem.Code(err)
}

// errTold is a failure that was told of already.
var errTold = errors.New("told already")

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: none,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "kubectl-memgraph %s (%s, %s/%s)\n", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}

// programVersion is what the linker was told, else what the go command knows of
// the sources.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "dev-" + s.Value[:12]
			}
		}
	}
	return "dev"
}

// none, oneNode and atMostOne are what arguments a command takes.
func none(cmd *cobra.Command, args []string) error { return usage(cobra.NoArgs(cmd, args)) }

func oneNode(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return problem.Usage(fmt.Errorf("%s takes one node, and got %d: kubectl memgraph %s", cmd.Name(), len(args), cmd.Use))
	}
	return nil
}

func atMostOne(cmd *cobra.Command, args []string) error {
	return usage(cobra.MaximumNArgs(1)(cmd, args))
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return problem.Usage(err)
}
