package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/view"
)

const second = time.Second

const statusHelp = `Show the record, the nodes, the controllers, and what is at risk.

What may not be read, or is told by nobody, is listed as missing, with the right
that would be needed. The rest is shown.`

func statusCommand(k *kubectl) *cobra.Command {
	var format string
	var watch bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show how a cluster is, and what is at risk", Long: statusHelp, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			show, err := shower(format, k.paint())
			if err != nil {
				return err
			}
			if watch {
				return k.watch(cmd.Context(), show, second)
			}
			s, raw, err := k.read(cmd.Context())
			if err != nil {
				return err
			}
			k.remark(s)
			return show(k.out, view.Of(raw))
		},
	}
	bindOutput(cmd, &format, "wide", "json", "yaml")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "Show it again whenever it changes, until interrupted")
	return cmd
}

func bindOutput(cmd *cobra.Command, format *string, formats ...string) {
	cmd.Flags().StringVarP(format, "output", "o", "", fmt.Sprintf("Output format, one of %v", formats))
	complete(cmd, "output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// shower returns how a view is written in a format.
func shower(format string, p view.Paint) (func(io.Writer, view.View) error, error) {
	switch format {
	case "", "wide":
		return func(w io.Writer, v view.View) error {
			view.WriteTree(w, v, p, format == "wide")
			return nil
		}, nil
	case "json", "yaml":
		return func(w io.Writer, v view.View) error { return encode(w, format, v) }, nil
	}
	return nil, problem.Usage(fmt.Errorf("--output %q: want wide, json or yaml", format))
}

func encode(w io.Writer, format string, v any) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err == nil && format == "yaml" {
		raw, err = yaml.JSONToYAML(raw)
	} else if err == nil {
		raw = append(raw, '\n')
	}
	if err != nil {
		return fmt.Errorf("write as %s: %w", format, err)
	}
	_, err = w.Write(raw)
	return err
}

// watch shows the view whenever it has changed; on a terminal in place. After the
// first time an API server that does not answer is waited for.
func (k *kubectl) watch(ctx context.Context, show func(io.Writer, view.View) error, every time.Duration) error {
	s, raw, err := k.read(ctx)
	if err != nil {
		return err
	}
	k.remark(s)
	name, last := raw.Release.Name, ""
	for {
		if now := essence(view.Of(raw)); err == nil && (k.shows || now != last) {
			if err := k.frame(raw, show); err != nil {
				return err
			}
			last = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
		var next view.Raw
		if next, err = s.Read(ctx, name); err == nil {
			raw = next
		} else if ctx.Err() == nil {
			fmt.Fprintln(k.errs, "kubectl memgraph:", err)
		}
	}
}

// frame writes one picture, in one go.
func (k *kubectl) frame(raw view.Raw, show func(io.Writer, view.View) error) error {
	var b bytes.Buffer
	if k.shows {
		b.WriteString("\x1b[H\x1b[2J")
	}
	if err := show(&b, view.Of(raw)); err != nil {
		return err
	}
	_, err := b.WriteTo(k.out)
	return err
}

// essence is what of a view changes only if the cluster does.
func essence(v view.View) string {
	v.At = time.Time{}
	if v.Lease != nil {
		lease := *v.Lease
		lease.Renewed = time.Time{}
		v.Lease = &lease
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

const explainHelp = `Say why this node is MAIN, what the leader does or waits for, which nodes may be
promoted and why others may not, and what would happen if a node died now: any of
them, or the one that is named.`

func explainCommand(k *kubectl) *cobra.Command {
	return &cobra.Command{
		Use: "explain [node]", Short: "Say why this is MAIN, who is not promotable and why, and what a failure would do", Long: explainHelp,
		Args: atMostOne, ValidArgsFunction: k.completeNodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, raw, err := k.read(cmd.Context())
			if err != nil {
				return err
			}
			v, of := view.Of(raw), cluster.NoNode
			if len(args) == 1 {
				if of, err = v.Node(args[0]); err != nil {
					return problem.Usage(err)
				}
			}
			k.remark(s)
			view.WriteExplanation(k.out, v, k.paint(), of)
			return nil
		},
	}
}

func historyCommand(k *kubectl) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "history", Short: "Show who was MAIN, for how long, and why", Args: none,
		Long: "Show the reigns that the record remembers, at most twenty, the newest first.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "" && format != "json" && format != "yaml" {
				return problem.Usage(fmt.Errorf("--output %q: want json or yaml", format))
			}
			s, raw, err := k.read(cmd.Context())
			if err != nil {
				return err
			}
			k.remark(s)
			v := view.Of(raw)
			switch {
			case v.Record == nil && v.Unread(view.RecordPart) != "":
				return fmt.Errorf("there is no history to show: %s: %s", view.RecordPart, v.Unread(view.RecordPart))
			case format == "":
				view.WriteHistory(k.out, v, k.paint())
				return nil
			case v.Record == nil:
				return encode(k.out, format, []view.Reign{})
			}
			return encode(k.out, format, v.Record.History)
		},
	}
	bindOutput(cmd, &format, "json", "yaml")
	return cmd
}
