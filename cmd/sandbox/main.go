// Command sandbox runs a highly available Memgraph cluster on one machine,
// without Kubernetes and without root, and lets you break it while you watch.
//
// It starts three servers (the stand-in, or with --memgraph real ones), three
// controllers and their gateways. Connect any Bolt driver to
// bolt://localhost:7687. With "bench" it breaks the cluster itself, again and
// again under writes, and prints what that cost as one line of JSON.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"memgraph-controller/internal/sandbox"
	"memgraph-controller/internal/sandbox/view"
)

// version is set by the linker.
var version = "dev"

// errFailed is a result that is bad in itself.
var errFailed = errors.New("not passed; the line of figures says why")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := root().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

// flags are those that both kinds of use have.
type flags struct {
	options sandbox.Options
}

func (f *flags) add(cmd *cobra.Command) {
	p := cmd.PersistentFlags()
	p.StringVar(&f.options.Server.Memgraph, "memgraph", "", "path of a real Memgraph to run instead of the stand-in")
	p.StringVar(&f.options.Server.Standin, "standin", "", "path of the stand-in (default: memgraph-standin beside this program)")
	p.StringVar(&f.options.Server.Version, "standin-version", "", "which Memgraph the stand-in plays, e.g. 3.6.2")
	p.StringVar(&f.options.Dir, "dir", "", "directory to keep data, record and logs in (default: a temporary one)")
	p.DurationVar(&f.options.RestartAfter, "restart-after", time.Second, "how long a node that has ended stays down")
	p.DurationVar(&f.options.FailAfter, "fail-after", 3*time.Second, "how long MAIN may be mute before it counts as lost")
}

func (f *flags) sandbox() sandbox.Options {
	o := f.options
	o.Version = version
	return o
}

func root() *cobra.Command {
	var f flags
	var plain bool
	cmd := &cobra.Command{
		Use:           "sandbox",
		Short:         "A highly available Memgraph on this machine, to try out and to break",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return show(cmd.Context(), f.sandbox(), plain || !terminal(os.Stdout) || !terminal(os.Stdin))
		},
	}
	cmd.Flags().BoolVar(&plain, "plain", false, "log lines instead of a screen; commands are read from standard input")
	f.add(cmd)
	cmd.AddCommand(benchCommand(&f))
	return cmd
}

// terminal reports whether f is one.
func terminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// show runs a sandbox for people, until they quit or ctx ends.
func show(ctx context.Context, o sandbox.Options, plain bool) error {
	return with(ctx, o, func(ctx context.Context, s *sandbox.Sandbox) error {
		opts := view.Options{Commands: sandbox.Suggestions(sandbox.Size), Help: sandbox.Help(s.Dir())}
		if !plain {
			return view.Run(ctx, s, opts)
		}
		log := slog.New(slog.NewTextHandler(os.Stdout, nil))
		shown := s.Snapshot()
		log.Info("sandbox started", "write", shown.Write, "read", shown.Read, "dashboard", shown.Page, "dir", s.Dir())
		view.Lines(ctx, s, os.Stdin, log, opts)
		return nil
	}, os.Stderr)
}

// with runs a sandbox for as long as use runs.
func with(ctx context.Context, o sandbox.Options, use func(context.Context, *sandbox.Sandbox) error, notes io.Writer) error {
	s, err := sandbox.Open(ctx, o)
	if err != nil {
		return err
	}
	for _, m := range s.Moved() {
		_, _ = fmt.Fprintln(notes, "sandbox:", m) // a person who closed stderr does not want to know
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer cancel() // a sandbox that ends by itself ends its use
		ended <- s.Run(ctx)
	}()
	err = use(ctx, s)
	cancel()
	return errors.Join(err, <-ended)
}
