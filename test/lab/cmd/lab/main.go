// Command lab makes a real Kubernetes cluster of several nodes on this machine,
// and breaks it as asked. See package lab for what it promises.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/test/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	code := execute(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// errUsage marks a command line that cannot be used: exit code 2.
type errUsage struct{ error }

func execute(ctx context.Context, args []string) int {
	root := &cobra.Command{
		Use:           "lab",
		Short:         "A real Kubernetes cluster on this machine, and the hand that breaks it",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errUsage{err} })
	root.AddGroup(&cobra.Group{ID: "life", Title: "Life of the lab:"}, &cobra.Group{ID: "use", Title: "Use it:"}, &cobra.Group{ID: "faults", Title: "Break it:"})
	root.AddCommand(lifeCommands()...)
	root.AddCommand(useCommands()...)
	root.AddCommand(faultCommands()...)
	root.AddCommand(inner()...)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	// A program that was run in the lab has said itself what is wrong.
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return max(1, exit.ExitCode())
	}
	if told := (errTold{}); errors.As(err, &told) {
		return 1
	}
	fmt.Fprintln(os.Stderr, "lab:", err)
	if usage := (errUsage{}); errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return 2
	}
	return 1
}

// arguments checks how many there are.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := cobra.RangeArgs(least, most)(cmd, args); err != nil {
			return errUsage{fmt.Errorf("%w: usage: %s", err, cmd.UseLine())}
		}
		return nil
	}
}

func lifeCommands() []*cobra.Command {
	up := &cobra.Command{Use: "up", Short: "Bring the lab up, or what is missing of it", Args: arguments(0, 0), GroupID: "life"}
	options := lab.Options{Out: os.Stdout}
	up.Flags().IntVar(&options.Nodes, "nodes", 3, fmt.Sprintf("how many workers, 1 to %d", lab.MaxNodes))
	up.Flags().DurationVar(&options.NodeGrace, "node-grace", 40*time.Second, "how long a silent node counts as ready, at least 5s")
	up.RunE = func(cmd *cobra.Command, _ []string) error { return lab.Up(cmd.Context(), options) }

	var keep bool
	down := &cobra.Command{
		Use: "down", Short: "Remove the lab and all it left", Args: arguments(0, 0), GroupID: "life",
		RunE: func(cmd *cobra.Command, _ []string) error { return lab.Down(cmd.Context(), keep, os.Stdout) },
	}
	down.Flags().BoolVar(&keep, "keep-disk", false, "keep etcd, images and volumes for the next \"lab up\"")

	return []*cobra.Command{up, down, {
		Use: "build", Short: "Build the lab's programs only, and print where they are", Args: arguments(0, 0), GroupID: "life",
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.Build(cmd.Context(), "", os.Stderr)
			if err == nil {
				fmt.Println(dir)
			}
			return err
		},
	}, {
		Use: "status", Short: "Show machines and their components", Args: arguments(0, 0), GroupID: "life",
		RunE: attached(func(ctx context.Context, l *lab.Lab, _ []string) error { return printStatus(ctx, l, os.Stdout) }),
	}}
}

// attached is a command on the running lab.
func attached(f func(context.Context, *lab.Lab, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		l, err := lab.Attach(cmd.Context())
		if err != nil {
			return err
		}
		return f(cmd.Context(), l, args)
	}
}

func useCommands() []*cobra.Command {
	commands := []*cobra.Command{{
		Use: "load IMAGE.tar...", Short: "Give images to every node that is on", Args: arguments(1, 100), GroupID: "use",
		RunE: attached(func(ctx context.Context, l *lab.Lab, args []string) error { return l.LoadImages(ctx, args...) }),
	}, {
		Use: "exec -- PROGRAM ARGUMENTS...", Short: "Run a program of this machine in the lab's network, as a client", Args: arguments(1, 1000), GroupID: "use",
		RunE: attached(func(ctx context.Context, l *lab.Lab, args []string) error {
			return pass(l.Command(ctx, args[0], args[1:]...))
		}),
	}, {
		Use: "smoke", Short: "Test the lab itself: what it promises, fault by fault", Args: arguments(0, 0), GroupID: "use",
		RunE: attached(func(ctx context.Context, l *lab.Lab, _ []string) error { return runSmoke(ctx, l, os.Stdout) }),
	}}
	for _, name := range []string{"kubectl", "helm"} {
		commands = append(commands, &cobra.Command{
			Use: name + " ARGUMENTS...", Short: "Run " + name + " on the lab, as its administrator", GroupID: "use",
			DisableFlagParsing: true,
			RunE: attached(func(ctx context.Context, l *lab.Lab, args []string) error {
				return pass(l.Command(ctx, name, args...))
			}),
		})
	}
	return commands
}

// pass runs a program with this program's terminal.
func pass(command *exec.Cmd) error {
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run()
}

func faultCommands() []*cobra.Command {
	onPod := func(f func(*lab.Lab, context.Context, string, string) error) func(*cobra.Command, []string) error {
		return attached(func(ctx context.Context, l *lab.Lab, args []string) error {
			namespace, pod, err := splitPod(args[0])
			if err != nil {
				return err
			}
			return f(l, ctx, namespace, pod)
		})
	}
	onName := func(f func(*lab.Lab, context.Context, string) error) func(*cobra.Command, []string) error {
		return attached(func(ctx context.Context, l *lab.Lab, args []string) error { return f(l, ctx, args[0]) })
	}
	cut := &cobra.Command{Use: "cut FROM TO", Args: arguments(2, 2), Short: "Drop packets from one target to another", Long: cutHelp}
	oneWay := cut.Flags().Bool("one-way", false, "let packets through from TO to FROM")
	cut.RunE = attached(func(ctx context.Context, l *lab.Lab, args []string) error {
		return l.Cut(ctx, args[0], args[1], *oneWay)
	})
	kill := &cobra.Command{Use: "kill NAMESPACE/POD [CONTAINER]", Args: arguments(1, 2), Short: "Kill a container's processes with SIGKILL"}
	kill.RunE = attached(func(ctx context.Context, l *lab.Lab, args []string) error {
		namespace, pod, err := splitPod(args[0])
		if err != nil {
			return err
		}
		return l.Kill(ctx, namespace, pod, strings.Join(args[1:], ""))
	})
	commands := []*cobra.Command{
		kill, cut,
		{Use: "heal", Args: arguments(0, 0), Short: "End all cuts", RunE: attached(func(ctx context.Context, l *lab.Lab, _ []string) error { return l.Heal(ctx) })},
		{Use: "freeze NAMESPACE/POD", Args: arguments(1, 1), Short: "Stop a pod's processes where they are", RunE: onPod((*lab.Lab).Freeze)},
		{Use: "thaw NAMESPACE/POD", Args: arguments(1, 1), Short: "Let a frozen pod go on", RunE: onPod((*lab.Lab).Thaw)},
		{Use: "power-off NODE", Args: arguments(1, 1), Short: "Take the power from a node", RunE: onName((*lab.Lab).PowerOff)},
		{Use: "power-on NODE", Args: arguments(1, 1), Short: "Give a node its power back", RunE: onName((*lab.Lab).PowerOn)},
		{Use: "stop COMPONENT", Args: arguments(1, 1), Short: "Kill a component and keep it down (kube-apiserver, etcd, n1/kubelet)", RunE: onName((*lab.Lab).Stop)},
		{Use: "start COMPONENT", Args: arguments(1, 1), Short: "Start a component that was stopped", RunE: onName((*lab.Lab).Start)},
	}
	for _, c := range commands {
		c.GroupID = "faults"
	}
	return commands
}

const cutHelp = `Drop all packets from one target to another, and those the other way too unless
--one-way is given. Connections fall silent; no error is sent. Targets:

  pod:NAMESPACE/NAME  node:NAME  controlplane  client  dns

Cuts add up until "lab heal".`

func splitPod(arg string) (namespace, pod string, err error) {
	namespace, pod, ok := strings.Cut(arg, "/")
	if !ok || namespace == "" || pod == "" {
		return "", "", errUsage{fmt.Errorf("pod %q: name it as NAMESPACE/POD", arg)}
	}
	return namespace, pod, nil
}
