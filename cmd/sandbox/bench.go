package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/sandbox"
	"memgraph-controller/internal/sandbox/bench"
)

func benchCommand(f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a sandbox of its own, and print one line of JSON",
	}
	cmd.AddCommand(failoverCommand(f), idleCommand(f), peerCommand())
	return cmd
}

const failoverHelp = `Break the cluster under writes, and count what was promised against what is there.

Faults:
  crash        MAIN is killed
  pause        MAIN hangs, and goes on after writes have resumed
  leader       the controller that leads dies without giving up its lease
  leader+main  both at once

writes_resumed_ms is the time from the fault to the first acknowledgement of a
write that was begun after it. The death of the leader alone stops no writes: for
"leader" it is the longest time around the fault that any one writer went without
an acknowledgement. Writers use the gateways that the fault leaves standing.
Percentiles are by nearest rank over the runs.

Exits with 1 if a write was lost, applied twice, or applied though refused, if
the nodes differ at the end, or if the cluster did not become whole again.`

func failoverCommand(f *flags) *cobra.Command {
	var fault string
	var o bench.Options
	cmd := &cobra.Command{
		Use:   "failover",
		Short: "Break the cluster under writes, and count what was promised against what is there",
		Long:  failoverHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Fault, err = bench.ParseFault(fault); err != nil {
				return err
			}
			o.Progress = os.Stderr
			return measure(cmd.Context(), f, cmd.OutOrStdout(), func(ctx context.Context, s *sandbox.Sandbox) (any, bool, error) {
				r, err := bench.Failover(ctx, s, o)
				return r, r.Passed(), err
			})
		},
	}
	cmd.Flags().StringVar(&fault, "fault", string(bench.Crash), "crash, pause, leader or leader+main")
	cmd.Flags().IntVar(&o.Runs, "runs", 20, "how often to break it")
	cmd.Flags().IntVar(&o.Writers, "writers", 4, "how many clients write")
	return cmd
}

func idleCommand(f *flags) *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "Measure the CPU that three controllers use while nothing happens",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return measure(cmd.Context(), f, cmd.OutOrStdout(), func(ctx context.Context, s *sandbox.Sandbox) (any, bool, error) {
				self, err := os.Executable()
				if err != nil {
					return bench.IdleReport{}, false, fmt.Errorf("find this program, to run the peer: %w", err)
				}
				r, err := bench.Idle(ctx, s, d, exec.CommandContext(ctx, self, "bench", peerName))
				return r, r.Passed(), err
			})
		},
	}
	cmd.Flags().DurationVar(&d, "for", 18*time.Second, "how long to measure")
	return cmd
}

const peerName = "peer"

// peerCommand is the process that idle controllers are measured beside.
func peerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    peerName,
		Short:  "Send a byte to and fro, beside idle controllers, until interrupted",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return bench.RoundTrips(cmd.Context()) },
	}
}

// measure runs a sandbox on ports nobody knows and prints what was measured.
func measure(ctx context.Context, f *flags, out io.Writer, figure func(context.Context, *sandbox.Sandbox) (result any, passed bool, err error)) error {
	o := f.sandbox()
	o.FirstPort = 20000 + rand.N(8000)
	o.ReplaceAfter = -1
	return with(ctx, o, func(ctx context.Context, s *sandbox.Sandbox) error {
		result, passed, err := figure(ctx, s)
		return errors.Join(report(out, result, passed, err), ctx.Err())
	}, io.Discard)
}

// report prints a result as one line of JSON. It returns err, which kept it from
// being better, or errFailed if it is bad in itself.
func report(out io.Writer, result any, passed bool, err error) error {
	line, jsonErr := json.Marshal(result)
	if jsonErr != nil {
		return errors.Join(err, fmt.Errorf("print the result: %w", jsonErr))
	}
	if _, printErr := fmt.Fprintln(out, string(line)); printErr != nil {
		err = errors.Join(err, fmt.Errorf("print the result: %w", printErr))
	}
	if err == nil && !passed {
		return errFailed
	}
	return err
}
