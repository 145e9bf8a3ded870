package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"memgraph-controller/internal/plugin/logs"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/view"
)

const logsHelp = `Show the logs of the leading controller and of the nodes as one, each line after the
name of its pod, in the order in which they were written.

With --follow all controllers are followed, because another may lead next. Pods that
are new or come back are taken up within some seconds.`

func logsCommand(k *kubectl) *cobra.Command {
	o := logs.Options{}
	var follow, all, stamps bool
	cmd := &cobra.Command{
		Use: "logs", Short: "Show the logs of the leader and the nodes as one", Long: logsHelp, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, raw, err := k.read(cmd.Context())
			if err != nil {
				return err
			}
			k.remark(s)
			v := view.Of(raw)
			list := logsOf(v, all || follow)
			if why := v.Unread(view.PodsPart); len(list) == 0 && why != "" {
				return fmt.Errorf("which pods release %s has is not known: %s", raw.Release.Name, why)
			}
			if len(list) == 0 {
				return fmt.Errorf("release %s has no pods whose logs could be read: see %s", raw.Release.Name, raw.Release.Command("status"))
			}
			print := k.printer(list, stamps)
			if follow {
				logs.Follow(cmd.Context(), opener(s), list, lister(s, raw.Release), o, print, func(err error) { fmt.Fprintln(k.errs, "kubectl memgraph:", err) })
				return nil
			}
			return logs.Merge(cmd.Context(), opener(s), list, o, print)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "Go on with what is written from now on")
	cmd.Flags().BoolVar(&all, "all", false, "Of all controllers, not of the leader alone")
	cmd.Flags().BoolVar(&stamps, "timestamps", false, "Show when the machine took each line")
	cmd.Flags().DurationVar(&o.Since, "since", 0, "Only what is newer than this, like 10m; 0 is all")
	cmd.Flags().Int64Var(&o.Tail, "tail", -1, "Only so many lines of each pod; -1 is all")
	return cmd
}

// logsOf lists the logs of a cluster: of the leader or all controllers, and the nodes.
// Where nobody leads all controllers are of interest.
func logsOf(v view.View, all bool) []logs.Log {
	var list []logs.Log
	for _, c := range v.Controllers {
		if all || c.Leading || v.Leader == "" {
			list = append(list, logs.Log{Pod: c.Pod.Name, Container: view.ControllerComponent})
		}
	}
	for _, n := range v.Nodes {
		if n.Pod != nil {
			list = append(list, logs.Log{Pod: n.Name, Container: view.NodeComponent})
		}
	}
	return list
}

// lister lists the logs of a release that there are by now: of all its pods whose
// container has begun.
func lister(s source.Source, r view.Release) logs.List {
	return func(ctx context.Context) ([]logs.Log, error) {
		pods, err := s.Pods(ctx, r)
		if err != nil {
			return nil, err
		}
		var list []logs.Log
		for i := range pods {
			component := pods[i].Labels[view.ComponentLabel]
			if (component == view.ControllerComponent || component == view.NodeComponent) && begun(&pods[i], component) {
				list = append(list, logs.Log{Pod: pods[i].Name, Container: component})
			}
		}
		return list, nil
	}
}

// begun reports whether a container of a pod has a log.
func begun(p *corev1.Pod, container string) bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.Name == container {
			return c.State.Waiting == nil || c.RestartCount > 0
		}
	}
	return false
}

// opener opens logs through the API server.
func opener(s source.Source) logs.Open {
	return func(ctx context.Context, l logs.Log, o *corev1.PodLogOptions) (io.ReadCloser, error) {
		r, err := s.API.CoreV1().Pods(s.Namespace).GetLogs(l.Pod, o).Stream(ctx)
		switch {
		case apierrors.IsNotFound(err):
			return nil, logs.ErrGone
		case err != nil:
			return nil, problem.Explain(err, problem.Act{Verb: "get", Resource: "pods/log", Namespace: s.Namespace}, s.Host)
		}
		return r, nil
	}
}

// printer writes lines after the names of their pods, one below the other. It is called
// by one at a time.
func (k *kubectl) printer(list []logs.Log, stamps bool) func(logs.Line) {
	width := 0
	for _, l := range list {
		width = max(width, len(l.Pod))
	}
	return func(l logs.Line) {
		text := l.Text
		if stamps {
			text = l.At.UTC().Format(time.RFC3339Nano) + "  " + text
		}
		width = max(width, len(l.Pod)) // of a pod that is new
		name := fmt.Sprintf("%-*s", width, l.Pod)
		if k.colours {
			name = "\x1b[36m" + name + "\x1b[0m"
		}
		fmt.Fprintf(k.out, "%s  %s\n", name, text)
	}
}
