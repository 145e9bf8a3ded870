// Command faults breaks a release on the lab in every way there is, and judges what
// its clients were told: a line of JSON a combination of fault and load, a table of
// the faults at the end.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/test/e2e"
	"memgraph-controller/test/e2e/matrix"
)

const help = `Install a release on the lab, break it again and again while clients read and write
through its gateway, and print a line of JSON a combination of fault and load, then
a row a fault, then the sum.

Faults (default: all), with the loads in which they are run beside idle and write:
%s
Loads (default: write; with --hours all):
  idle        nobody writes from before the fault until the release is whole again
  write       nothing but writes
  switchover  one was asked for a moment ago
  rebuild     one of the ASYNC replica was asked for a moment ago
  failover    MAIN was killed, and the record has just named its successor

Fields: runs that were judged; acked, refused, unknown: attempts to write, by what
their clients were told; lost: acknowledged and not on every node at the end;
unavailable_ms: the longest wait of any writer in a run; healed_s: from the end of the
fault to full redundancy, the median; diverged: runs after which nodes differed, or
held what was refused, or something twice; linearizable: whether reads and writes of
registers behaved as those of one copy (unknown: it took too long to find out);
unhealed: runs after which the release was not whole in 3 minutes, or took no writes;
errors: runs that failed for the harness's sake, and prove nothing.

A finding is told on standard error at once, and its evidence kept in a directory.
Exits with 1 if there was any, with 2 if there was none but the harness failed or was
stopped.
`

// errFindings is what the release did wrong; it was told before.
var errFindings = errors.New("the release failed: see FINDING above")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	err := command().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "faults:", err)
	if errors.Is(err, errFindings) {
		os.Exit(1)
	}
	os.Exit(2)
}

// options are what the flags say.
type options struct {
	loads string
	runs  int
	hours float64
	seed  uint64
	keep  bool
}

func command() *cobra.Command {
	var o options
	var table strings.Builder
	matrix.Describe(&table)
	cmd := &cobra.Command{
		Use: "faults [FAULT...]", Short: "Break a release on the lab in every way, and judge it", Long: fmt.Sprintf(help, table.String()),
		SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			loads := strings.Fields(o.loads)
			if len(loads) == 0 && o.hours > 0 {
				loads = []string{"all"}
			}
			chosen, err := matrix.Choose(args, loads)
			if err != nil {
				return err
			}
			if o.runs < 1 {
				return fmt.Errorf("--runs %d: want 1 or more", o.runs)
			}
			if o.hours < 0 {
				return fmt.Errorf("--hours %g: want a number of hours, or 0 for one pass", o.hours)
			}
			return run(cmd.Context(), chosen, o)
		},
	}
	cmd.Flags().StringVar(&o.loads, "loads", "", "what goes on meanwhile, some of idle write switchover rebuild failover, or all")
	cmd.Flags().IntVar(&o.runs, "runs", 1, "how often each combination is run before the next")
	cmd.Flags().Float64Var(&o.hours, "hours", 0, "run all of it again and again, each time in another order, until that many hours are over; 0: once, in order")
	cmd.Flags().Uint64Var(&o.seed, "seed", 0, "of the order and of the moments; 0: some")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the release there at the end")
	return cmd
}

// run runs all that was chosen and prints what it has, even if it is stopped.
func run(ctx context.Context, chosen []matrix.Combination, o options) (err error) {
	place, err := e2e.FindLab(ctx)
	if err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() // any number will do
	}
	fmt.Fprintf(os.Stderr, "%d combinations, %d runs each, seed %d\n", len(chosen), o.runs, o.seed)
	random := rand.New(rand.NewPCG(o.seed, 0))
	d := &driver{runner: &matrix.Runner{Place: place, Progress: os.Stderr, Random: random}, runs: o.runs, random: random}
	defer func() {
		around := context.WithoutCancel(ctx)
		if o.keep {
			err = errors.Join(err, place.Mend(around))
		} else {
			err = errors.Join(err, d.runner.Close(around))
		}
	}()
	err = d.passes(ctx, chosen, o.hours)
	d.summary.Table(os.Stdout)
	fmt.Println(d.summary.String())
	switch {
	case d.summary.Failed():
		err = errors.Join(err, errFindings)
	case err == nil && d.summary.Erred():
		err = errors.New("the harness failed: see ERROR above")
	}
	return err
}

// driver runs combinations.
type driver struct {
	runner  *matrix.Runner
	runs    int
	random  *rand.Rand
	summary matrix.Summary
}

// passes runs all combinations once, or for some hours.
func (d *driver) passes(ctx context.Context, chosen []matrix.Combination, hours float64) error {
	chosen, err := d.known(ctx, chosen)
	if err != nil {
		return err
	}
	end := time.Now().Add(time.Duration(hours * float64(time.Hour)))
	for {
		if hours > 0 {
			d.random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
		}
		for _, c := range chosen {
			if hours > 0 && !time.Now().Before(end) {
				return nil
			}
			if err := d.set(ctx, c); err != nil {
				return err
			}
		}
		if hours == 0 {
			return nil
		}
	}
}

// known leaves out what the controllers do not know how to do, and says so.
func (d *driver) known(ctx context.Context, chosen []matrix.Combination) ([]matrix.Combination, error) {
	var rest, asked []matrix.Combination
	for _, c := range chosen {
		if c.Asked() {
			asked = append(asked, c)
		} else {
			rest = append(rest, c)
		}
	}
	if len(asked) == 0 {
		return chosen, nil
	}
	knows, err := d.runner.Knows(ctx)
	if err != nil {
		return nil, fmt.Errorf("find out whether switchovers can be asked for: %w", err)
	}
	if knows {
		return chosen, nil
	}
	for _, c := range asked {
		fmt.Println(matrix.Line{Fault: c.Fault.Name, Load: c.Situation, Linearizable: "unknown", Skipped: "these controllers do not know the request switchover"}.JSON())
	}
	return rest, nil
}

// set is the runs of one combination. Its line is printed even if it was stopped.
func (d *driver) set(ctx context.Context, c matrix.Combination) error {
	var t matrix.Tally
	defer func() { fmt.Println(t.Line(c).JSON()) }()
	for i := range d.runs {
		sample, err := d.runner.Run(ctx, c)
		if ctx.Err() != nil && len(sample.Findings) == 0 {
			return ctx.Err() // half a run is none
		}
		t.Add(sample, err)
		d.summary.Add(c.Fault.Name, sample, err)
		fmt.Fprintf(os.Stderr, "%s %s %d/%d: %s\n", time.Now().UTC().Format(time.TimeOnly), c, i+1, d.runs, sample)
		if err != nil {
			fmt.Fprintln(os.Stderr, "ERROR of the harness:", err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
