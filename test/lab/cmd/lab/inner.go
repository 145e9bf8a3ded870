package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"memgraph-controller/test/lab"
	"memgraph-controller/test/lab/machine"
)

// inner are the commands by which the lab runs itself.
func inner() []*cobra.Command {
	return []*cobra.Command{{
		Use: "machine SPEC", Args: arguments(1, 1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := machine.Read(args[0])
			if err != nil {
				return err
			}
			return machine.Run(cmd.Context(), spec, slog.New(slog.NewTextHandler(os.Stderr, nil)))
		},
	}, {
		Use: "enter -- PROGRAM ARGUMENTS...", Args: arguments(1, 1000), Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error { return lab.Enter(args) },
	}}
}
