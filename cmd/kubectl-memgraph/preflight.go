package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/plugin/preflight"
	"memgraph-controller/internal/plugin/problem"
)

const preflightHelp = `Look at a cluster before the chart is installed: its version, a class for volumes,
your rights to create what the chart creates, clocks, names that are taken, and the
values that cost an install. Nothing is written.

Exits with 1 if something fails. What could not be checked does not fail.`

func preflightCommand(k *kubectl) *cobra.Command {
	var files []string
	var format string
	cmd := &cobra.Command{
		Use: "preflight", Short: "Check whether the chart can be installed", Long: preflightHelp, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "" && format != "json" && format != "yaml" {
				return problem.Usage(fmt.Errorf("--output %q: want json or yaml", format))
			}
			v, err := k.values(files)
			if err != nil {
				return problem.Usage(err)
			}
			s, err := k.reach(k)
			if err != nil {
				return err
			}
			release := k.release
			if release == "" {
				release = "mg"
			}
			results, err := preflight.Run(cmd.Context(), preflight.Cluster{API: s.API, Namespace: s.Namespace, Host: s.Host, Clock: s.Clock, Release: release}, v)
			if err != nil {
				return err
			}
			if format == "" {
				preflight.Write(k.out, results)
			} else if err := encode(k.out, format, results); err != nil {
				return err
			}
			if preflight.Failed(results) {
				return errTold
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&files, "values", "f", nil, "Values of the chart, as for helm; - is the standard input. May be repeated, the last one wins")
	bindOutput(cmd, &format, "json", "yaml")
	return cmd
}

// values reads the chart's values, one file on top of the other.
func (k *kubectl) values(files []string) (preflight.Values, error) {
	v := preflight.DefaultValues()
	for _, path := range files {
		var raw []byte
		var err error
		if path == "-" {
			raw, err = io.ReadAll(k.in)
		} else {
			raw, err = os.ReadFile(path)
		}
		if err != nil {
			return v, fmt.Errorf("--values: %w", err)
		}
		if err := v.Read(raw); err != nil {
			return v, fmt.Errorf("--values %s: %w", path, err)
		}
	}
	return v, nil
}
