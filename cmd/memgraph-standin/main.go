// Command memgraph-standin plays Memgraph where there is none: it takes Memgraph's flags, speaks
// Bolt to the official drivers, keeps its data in a directory and replicates over TCP with
// Memgraph's observable semantics, faults included. It is for tests, demonstrations and
// benchmarks of what is built around Memgraph, and no database.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/standin/server"
)

func main() {
	if err := newCommand().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "memgraph-standin:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	f := defaultFlags()
	cmd := &cobra.Command{
		Use:           "memgraph-standin",
		Short:         "Play Memgraph, for tests",
		Long:          "memgraph-standin takes Memgraph's flags and behaves as a Memgraph of the release named\nby --standin-version does, as far as replication can show. Flags that make no difference here\n(monitoring, metrics, telemetry, …) are accepted all the same.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f.register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, closeLog, err := f.logger()
		if err != nil {
			return err
		}
		opts, err := f.options(cmd.Flags(), log)
		if err == nil {
			err = run(cmd.Context(), opts)
		}
		return errors.Join(err, closeLog())
	}
	return cmd
}

// run serves until a signal. A node that a DROP REPLICA has hung ignores SIGTERM, as Memgraph does.
func run(ctx context.Context, opts server.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	var node *server.Instance
	failed := make(chan error, 1)
	go func() { // a start may take long: it contacts the replicas
		var err error
		node, err = server.Start(ctx, opts)
		failed <- err
	}()
	select {
	case err := <-failed:
		if err != nil {
			return err
		}
	case <-signals:
		cancel()
		if err := <-failed; err != nil {
			return nil // it was told to stop
		}
		return node.Close()
	}
	opts.Log.Info("ready", "version", opts.Version, "bolt", node.BoltAddr(), "control", node.ControlAddr())
	for range signals {
		if !node.Hung() {
			break
		}
		opts.Log.Error("hung: the signal has no effect, only SIGKILL has")
	}
	return node.Close()
}

// kill ends the process as SIGKILL does.
func kill() {
	// Nothing can be done should the kernel refuse; waiting is what death looks like.
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (f *flags) logger() (*slog.Logger, func() error, error) {
	out, closeLog := io.Discard, func() error { return nil }
	if f.logFile != "" {
		file, err := os.OpenFile(f.logFile, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("open log file: %w", err)
		}
		out, closeLog = file, file.Close
	}
	switch {
	case f.alsoStderr && f.logFile != "":
		out = io.MultiWriter(out, os.Stderr)
	case f.alsoStderr:
		out = os.Stderr
	}
	level, ok := levels[strings.ToUpper(f.logLevel)]
	if !ok {
		return nil, nil, fmt.Errorf("--log-level: unknown level %q", f.logLevel)
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level})), closeLog, nil
}

// levels are Memgraph's log levels.
var levels = map[string]slog.Level{
	"TRACE": slog.LevelDebug, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo,
	"WARNING": slog.LevelWarn, "ERROR": slog.LevelError, "CRITICAL": slog.LevelError,
}

// faults reads --standin-faults: "all", "none" or a list.
func (f *flags) faults() (*[]server.Fault, error) {
	switch {
	case slices.Equal(f.faultNames, []string{"all"}):
		return nil, nil
	case slices.Equal(f.faultNames, []string{"none"}):
		return &[]server.Fault{}, nil
	}
	list, err := server.ParseFaults(f.faultNames)
	if err != nil {
		return nil, fmt.Errorf("--standin-faults: %w", err)
	}
	return &list, nil
}
