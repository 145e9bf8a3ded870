// Command gatewaybench measures the gateway beside HAProxy and beside no proxy at all, on
// one machine and in one run, and prints a line of JSON a figure.
//
// # Promises
//
//   - Each proxy is a process of its own with what it has by default: as many threads as
//     there are processors. Both lead to the same server, which answers at once.
//   - The three are measured in turn, in many short rounds, each beginning with another
//     one; a figure is the median of the rounds. What disturbs the machine disturbs all.
//   - Every byte is checked. An answer that is not what the server has said ends the
//     bench with exit code 1; a bar that was missed is told, not punished.
//
// It measures the path of bytes alone: routes do not change, nobody is MAIN, and no
// client is a driver.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

const help = `Measure the gateway beside HAProxy in TCP mode and beside no proxy, in turn, and print
a line of JSON a figure:

figure   what, and its unit: see below; tls_… with TLS from the client to the proxy
direct   without a proxy; of added_… the latency itself; null where it has no meaning
haproxy  with HAProxy; of added_… what it adds to direct
ours     the same of the gateway
ratio    ours / haproxy
spread   the quartiles of the rounds' own ratios: how far to trust ratio
bar, met what is promised of it, and whether that was kept; without ratio and met the
         machine was too noisy to tell

  added_p50_us_at_N, added_p99_us_at_N  latency of a small RUN and PULL, N connections
                                        that ask without a pause
  cpu_us_per_query_at_N                 CPU of the proxy's process
  paced_…                               the same, where all together ask %d times a second
  connections_per_s                     connect, agree on Bolt 5.2, log in, say goodbye; 16 at a time
  cpu_us_per_connection
  bulk_mib_per_s, cpu_ms_per_gib        one result of 1 GiB, in records of 1 KiB
  bulk_small_mib_per_s                  the same in records of 64 bytes
  idle_mib_per_1000                     growth of the proxy's resident memory with 1000
                                        sessions that have asked once and are idle
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gatewaybench:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	rounds  int
	slice   time.Duration
	mib     int
	only    string
	tls     string
	profile string
}

func command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "gatewaybench", Short: "Measure the gateway beside HAProxy", Long: fmt.Sprintf(help, pace),
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return bench(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.rounds, "rounds", 40, "how often each figure is measured; large results a fifth of it, memory a tenth")
	f.DurationVar(&o.slice, "slice", 100*time.Millisecond, "how long one measurement lasts")
	f.IntVar(&o.mib, "mib", 1024, "size of a large result")
	f.StringVar(&o.only, "only", "", "some of "+strings.Join(groupNames(), ",")+" (default all)")
	f.StringVar(&o.tls, "tls", "", "yes or no: with TLS only, or without only (default both)")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the gateway to this file; wants --tls")
	cmd.AddCommand(serverCommand(), gatewayCommand())
	return cmd
}

func (o options) check() error {
	switch {
	case o.rounds < 1:
		return fmt.Errorf("--rounds %d: want 1 or more", o.rounds)
	case o.slice < time.Millisecond:
		return fmt.Errorf("--slice %v: want 1ms or more", o.slice)
	case o.mib < 1:
		return fmt.Errorf("--mib %d: want 1 or more", o.mib)
	case o.tls != "" && o.tls != "yes" && o.tls != "no":
		return fmt.Errorf("--tls %s: want yes or no", o.tls)
	case o.profile != "" && o.tls == "":
		return errors.New("--profile without --tls: say with which of both, each has a gateway of its own")
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" && groups[name] == nil {
			return fmt.Errorf("--only %s: want some of %s", name, strings.Join(groupNames(), ","))
		}
	}
	return nil
}

// wants reports whether the figures of a group are asked for.
func (o options) wants(group string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+group+",")
}

// threads is how many threads each proxy has.
func threads() int { return runtime.GOMAXPROCS(0) }
