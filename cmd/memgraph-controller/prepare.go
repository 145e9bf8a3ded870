package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/config"
	"memgraph-controller/internal/preparation"
)

const prepareHelp = `Prepare one start of a Memgraph node; the init container of its pod runs this.

It copies this program to where the preStop hook finds it, moves the data aside if
the record asks for that (nothing is deleted but the oldest copies beyond --keep
and --keep-bytes, and those that a human has asked to discard),
and tells the controller on which boot of its machine the node runs.`

func prepareCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prepare-node", Short: "Prepare the start of a Memgraph node (init container)", Long: prepareHelp, Args: noArgs}
	flags := config.BindPreparation(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.Complete(os.LookupEnv)
		if err != nil {
			return errUsage{fmt.Errorf("settings cannot be used:\n%w", err)}
		}
		_, err = preparation.Run(cmd.Context(), preparation.Options{
			Node: c.Node(), PodUID: c.PodUID, DataDirectory: c.DataDirectory, StateDirectory: c.StateDirectory,
			InstallDirectory: c.InstallDirectory, TerminationLog: c.TerminationLog, Keep: c.Keep, KeepBytes: c.KeepBytes,
			Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
		})
		return err
	}
	return cmd
}
