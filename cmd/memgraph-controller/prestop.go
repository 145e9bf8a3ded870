package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/config"
	"memgraph-controller/internal/prestop"
)

const preStopHelp = `Wait until the node of this pod is not MAIN any more; the preStop hook of its pod
runs this. The controller sees by itself that the pod is leaving and hands MAIN over;
this only gives it the time. It never waits longer than --timeout.`

func preStopCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "prestop", Short: "Wait until this pod's node is not MAIN any more (preStop hook)", Long: preStopHelp, Args: noArgs}
	flags := config.BindPreStop(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.Complete(os.LookupEnv)
		if err != nil {
			return errUsage{fmt.Errorf("settings cannot be used:\n%w", err)}
		}
		return prestop.Wait(cmd.Context(), prestop.Options{Node: c.Node(), StatusURL: c.StatusURL, Timeout: c.Timeout}, cmd.ErrOrStderr())
	}
	return cmd
}
