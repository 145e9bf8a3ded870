// Command drivers is the driver matrix: applications with the official Go and JavaScript
// drivers write and read through the gateway, by bolt:// and by neo4j://, in every way in
// which statements can be run, while things happen to the cluster. It prints what became
// of them: a line of JSON and a row of a table a combination, and the sum.
//
// # Promises
//
//   - All combinations of one event are at work at the same time, so they have seen the
//     same event.
//   - Every operation writes an id of its own by CREATE, or reads. In the end every node is
//     read past the gateway: what was acknowledged must be there, nothing twice, and
//     nothing that was refused for sure.
//   - A driver that is missing fails the run. What was left out is said, with the reason.
//
// # What it will not do
//
// It tries nothing again that a driver has not tried again by itself, and knows nothing
// of Bolt. A wait that is too long is told, not punished: machines are noisy.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/test/drivers/client"
	"memgraph-controller/test/drivers/judge"
	"memgraph-controller/test/drivers/place"
)

const help = `Put applications with the official drivers to a cluster, have things happen to it, and
print a line of JSON and a row a combination of driver, address, mode and event.

Events (default: all):
  none             nothing happens
  switchover       MAIN steps down by request
  main-crash       MAIN's process is killed
  leader-crash     the controller that leads dies, with the gateway in it
  rolling-restart  node after node is stopped and started again
  gateway-rollout  controller after controller is stopped and replaced
Modes: auto (a statement without a transaction), managed (executeWrite, executeRead),
explicit (BEGIN and COMMIT by hand, tried again by nobody).

errors are operations that failed for the application. retriable: nothing was committed
and the driver says that it may be tried again. unknown: a COMMIT, or a statement
without a transaction, was sent and not answered. max_gap_ms: the longest that one
client went without a success, the rhythm included.

Kept is what a cell promises if
  none                         there was no error
  switchover, rolling-restart  auto and managed saw no error
  main-crash                   managed saw unknown errors of writes alone; auto saw errors
                               of what was in flight alone
  leader-crash, gateway-rollout  managed saw unknown errors of writes alone; auto none but
                               unknown or retriable ones
  explicit, in every event but none: errors are retriable or unknown
and in all of them every acknowledged id is on every node, none is there twice, and none
that was refused for sure. One exception is told and not punished: where the leader dies
the JavaScript driver runs a managed transaction again whose COMMIT was sent. Exits with 1 if that was broken.
`

// errBroken is a promise that was broken; the table says which.
var errBroken = errors.New("a promise was broken: see BROKEN above")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "drivers:", err)
		os.Exit(1)
	}
}

// flags are what the command line says.
type flags struct {
	drivers, uris, modes, events string
	where, dir, script           string
	keep                         bool
	plan                         plan
}

func command() *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use: "drivers", Short: "The official drivers through the gateway, while things happen", Long: help, Args: cobra.NoArgs,
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd.Context())
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.drivers, "driver", "", "some of go,js")
	p.StringVar(&f.uris, "uri", "", "some of bolt,neo4j")
	p.StringVar(&f.modes, "mode", "", "some of auto,managed,explicit")
	p.StringVar(&f.events, "event", "", "some of none,switchover,main-crash,leader-crash,rolling-restart,gateway-rollout")
	p.IntVar(&f.plan.runs, "runs", 1, "how often each event happens")
	p.DurationVar(&f.plan.quiet, "for", 3*time.Second, "how long clients work before the first event and after the last")
	p.IntVar(&f.plan.writers, "writers", 2, "clients that write, a combination; one more reads")
	p.DurationVar(&f.plan.rhythm, "rhythm", 50*time.Millisecond, "from one operation of a client to its next")
	p.StringVar(&f.where, "where", "sandbox", "sandbox, or lab: a release on the Kubernetes of this machine")
	p.StringVar(&f.dir, "dir", "", "directory to keep the sandbox's data and logs in (default: a temporary one)")
	p.StringVar(&f.script, "js", "test/drivers/js", "directory of the JavaScript driver's client")
	p.BoolVar(&f.keep, "keep", false, "leave the release of the lab there at the end")
	return cmd
}

// check reads what was chosen; its error names the flag, its value and what is accepted.
func (f *flags) check() error {
	var errs [4]error
	f.plan.drivers, errs[0] = judge.Choose("driver", f.drivers, judge.Drivers)
	f.plan.uris, errs[1] = judge.Choose("uri", f.uris, judge.URIs)
	f.plan.modes, errs[2] = judge.Choose("mode", f.modes, judge.Modes)
	f.plan.events, errs[3] = judge.Choose("event", f.events, judge.Events)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	switch {
	case f.plan.runs < 1:
		return fmt.Errorf("--runs %d: want 1 or more", f.plan.runs)
	case f.plan.writers < 1:
		return fmt.Errorf("--writers %d: want 1 or more", f.plan.writers)
	case f.plan.quiet < 0:
		return fmt.Errorf("--for %s: want 0 or more", f.plan.quiet)
	case f.plan.rhythm < time.Millisecond:
		return fmt.Errorf("--rhythm %s: want 1ms or more", f.plan.rhythm)
	case f.where != "sandbox" && f.where != "lab":
		return fmt.Errorf("--where %q: want sandbox or lab", f.where)
	}
	if f.plan.uses(judge.JavaScript) {
		return client.CheckNode(f.script)
	}
	return nil
}

// run runs the matrix and prints what it has, even if it was stopped.
func (f *flags) run(ctx context.Context) (err error) {
	where, err := f.start(ctx)
	if err != nil {
		return err
	}
	m := &matrix{plan: f.plan, place: where, script: f.script, out: os.Stdout, progress: os.Stderr}
	err = m.run(ctx)
	err = errors.Join(err, where.Close(context.WithoutCancel(ctx)), judge.Table(os.Stdout, m.sum.Lines))
	fmt.Println(m.sum.String())
	if m.sum.Failed() > 0 || m.sum.Stray > 0 {
		err = errors.Join(err, errBroken)
	}
	return err
}

func (f *flags) start(ctx context.Context) (place.Place, error) {
	if f.where == "lab" {
		return place.InstallLab(ctx, f.keep)
	}
	return place.StartSandbox(ctx, f.dir)
}
