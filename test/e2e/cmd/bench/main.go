// Command bench breaks a release on real Kubernetes under writes, and prints a
// line of JSON a fault: how long writes stopped, and that none was lost. What one
// Memgraph does that only Kubernetes looks after is measured beside it where that
// comes back at all.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"memgraph-controller/test/e2e"
)

const help = `Install a release, break it again and again while clients write through its
gateway, and print a line of JSON a fault.

Faults (default: all):
%s
Fields are those of "sandbox bench failover". writes_resumed_ms is the time from the
fault to the first acknowledgement of a write begun after it; where nothing has to
stop (delete, leader, roll) it is the longest that any one client waited. Beside them:
healed_ms      time from the fault until the release was whole again, with the time
               until what was broken was given back
no_writes_ms   time of a run in which nobody was acknowledged, in gaps over %[2]s
alone_ms       writes_resumed_ms of one Memgraph that only Kubernetes looks after,
               struck in turn with ours
bar_ms         what is promised: the p50 and p99 of writes_resumed_ms
Two more lines are no faults: "steady" and "start".

Exits with 1 if a write was lost, doubled or contradicted, if the nodes differ, or if
the cluster did not become whole again; a bar that was missed is told, not punished.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var names []string
	var runs int
	var keep bool
	cmd := &cobra.Command{
		Use: "bench [FAULT...]", Short: "Measure a release on real Kubernetes", Long: fmt.Sprintf(help, list(), silence),
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			names = args
			if len(names) == 0 {
				names = slices.Concat(order, []string{steadyLine, startLine})
			}
			for _, name := range names {
				if faults[name] == nil && name != steadyLine && name != startLine {
					return fmt.Errorf("no fault %q: name some of %s", name, strings.Join(slices.Concat(order, []string{steadyLine, startLine}), ", "))
				}
			}
			if runs < 1 {
				return fmt.Errorf("--runs %d: want 1 or more", runs)
			}
			return measure(cmd.Context(), names, runs, keep)
		},
	}
	cmd.Flags().IntVar(&runs, "runs", 10, "how often each fault strikes")
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the releases there at the end")
	return cmd
}

func list() string {
	var b strings.Builder
	for _, name := range order {
		fmt.Fprintf(&b, "  %-13s %s\n", name, faults[name].what)
	}
	return b.String()
}

// measure installs, prints all lines, and removes what it installed.
func measure(ctx context.Context, names []string, runs int, keep bool) (err error) {
	place, err := e2e.FindLab(ctx)
	if err != nil {
		return err
	}
	b := &bencher{place: place, ours: place.NewRelease("bench", "bench"), runs: runs}
	defer func() {
		around := context.WithoutCancel(ctx)
		err = errors.Join(err, place.Mend(around))
		if !keep {
			err = errors.Join(err, b.erase(around))
		}
	}()
	if err := b.install(ctx); err != nil {
		return err
	}
	for _, name := range names {
		var result any
		switch name {
		case steadyLine:
			result, err = b.steady(ctx)
		case startLine:
			result, err = b.start(ctx)
		default:
			result, err = b.fault(ctx, name)
		}
		line, jsonErr := json.Marshal(result)
		fmt.Println(string(line))
		if err := errors.Join(err, jsonErr); err != nil {
			return err
		}
	}
	return nil
}
