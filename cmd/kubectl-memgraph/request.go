package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/request"
	"memgraph-controller/internal/plugin/view"
)

const requestHelp = `

What would be done is shown first; nothing is asked before you agree, or --yes is
given. The request is an annotation of the record's ConfigMap: it takes the right to
patch that. If nobody answers within --timeout it is taken back (exit code 3).`

// asking are the flags of a command that asks for something.
type asking struct {
	want        request.Want
	dry, agreed bool
	timeout     time.Duration
}

// offer is a command that asks the leader for something.
type offer struct {
	ask              cluster.Ask
	use, short, long string
	args             cobra.PositionalArgs
	timeout          time.Duration // unless the caller says another
}

// offers are all of them.
var offers = []offer{
	{
		ask: cluster.AskSwitchover, use: "switchover [node]", short: "Have the standby, or a node, take over from MAIN",
		long: "Have the standby take over from a MAIN that lives, or the node that is named. Nothing\nis lost.",
		args: atMostOne, timeout: time.Minute,
	},
	{
		ask: cluster.AskPromote, use: "promote node --accept-data-loss", short: "Make a node MAIN that may lack acknowledged writes",
		long: "Make a node MAIN although it is not proven to hold every acknowledged write: the way\nout when MAIN is lost for good and nobody is promotable.",
		args: oneNode, timeout: time.Minute,
	},
	{
		ask: cluster.AskAdopt, use: "adopt node", short: "Begin a cluster without a record with a node as MAIN",
		long: "While there is no record: make a node MAIN, whatever the others hold.",
		args: oneNode, timeout: 2 * time.Minute,
	},
	{
		ask: cluster.AskRebuild, use: "rebuild node", short: "Move a replica's data aside and have it copy MAIN",
		long: "Move the data of a replica aside and have it copy MAIN anew. MAIN and nodes that\nprotect its writes are refused.",
		args: oneNode, timeout: 10 * time.Minute,
	},
	{
		ask: cluster.AskDiscard, use: "discard node", short: "Remove what was moved aside of a node's data",
		long: "Remove what was moved aside of a node's data, when its pod starts next. The data in\nuse are not touched.",
		args: oneNode, timeout: time.Minute,
	},
	{
		ask: cluster.AskPause, use: "pause", short: "Stop all decisions",
		long: "Stop all decisions. Clients are served meanwhile, but nobody fails over.",
		args: none, timeout: time.Minute,
	},
	{
		ask: cluster.AskResume, use: "resume", short: "Go on deciding after pause",
		long: "Go on deciding after pause.",
		args: none, timeout: time.Minute,
	},
}

// requestCommands are the commands that ask the leader for something.
func requestCommands(k *kubectl) []*cobra.Command {
	list := make([]*cobra.Command, 0, len(offers))
	for _, o := range offers {
		list = append(list, k.requestCommand(o))
	}
	return list
}

func (k *kubectl) requestCommand(o offer) *cobra.Command {
	a := &asking{want: request.Want{Ask: o.ask}}
	cmd := &cobra.Command{
		Use: o.use, Short: o.short, Long: o.long + requestHelp, Args: o.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				a.want.Node = args[0]
			}
			return k.ask(cmd.Context(), *a)
		},
	}
	if strings.Contains(o.use, "node") {
		cmd.ValidArgsFunction = k.completeNodes
	}
	cmd.Flags().BoolVar(&a.dry, "dry-run", false, "Show the plan, and have the API server check the request without keeping it")
	cmd.Flags().BoolVarP(&a.agreed, "yes", "y", false, "Do not ask for confirmation")
	cmd.Flags().DurationVar(&a.timeout, "timeout", o.timeout, "How long to wait until it has come about")
	if o.ask == cluster.AskPromote {
		cmd.Flags().BoolVar(&a.want.AcceptDataLoss, "accept-data-loss", false, "Acknowledged writes that the node does not hold may be lost")
	}
	return cmd
}

// ask plans, shows, asks, hands in and follows.
func (k *kubectl) ask(ctx context.Context, a asking) error {
	s, raw, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.remark(s)
	plan, err := request.Make(view.Of(raw), raw.ConfigMap, a.want)
	if err != nil {
		return err
	}
	plan.Write(k.out)
	desk := request.Desk{API: s.API, Host: s.Host, Say: func(line string) { fmt.Fprintln(k.out, line) }}
	if a.dry {
		if err := desk.Try(ctx, plan); err != nil {
			return err
		}
		fmt.Fprintln(k.out, "Dry run: the API server would take the request; nothing was asked, and the leader was not consulted.")
		return nil
	}
	if err := k.confirm(ctx, a.agreed); err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if err := desk.Ask(ctx, plan); err != nil {
		return err
	}
	fmt.Fprintf(k.out, "Done in %s.\n", time.Since(began).Round(time.Millisecond))
	return nil
}

// confirm asks a human, if there is one and it is not agreed already.
func (k *kubectl) confirm(ctx context.Context, agreed bool) error {
	switch {
	case agreed:
		return nil
	case !k.asks:
		return problem.Usage(errors.New("nobody can be asked here: give --yes to do it, or --dry-run to see what it would do"))
	}
	fmt.Fprint(k.errs, "Do it? [y/N] ")
	answer := make(chan string, 1)
	go func() { // ends with the process at the latest: a terminal cannot be told to stop reading
		line, _ := bufio.NewReader(k.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return errors.New("interrupted: nothing was asked")
	case text := <-answer:
		if text == "y" || text == "yes" {
			return nil
		}
	}
	return errors.New("nothing was asked")
}
