package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/gateway"
	"memgraph-controller/test/gatewaybench/exchange"
)

// serverCommand is the process to which all ways lead.
func serverCommand() *cobra.Command {
	var certificate string
	cmd := &cobra.Command{
		Use: "server", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cmd.OutOrStdout(), certificate)
		},
	}
	cmd.Flags().StringVar(&certificate, "certificate", "", "file of certificate and key")
	return cmd
}

// serve listens twice, without TLS and with it, until ctx ends.
func serve(ctx context.Context, out io.Writer, certificate string) error {
	own, err := loadCertificate(certificate)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	for _, c := range []*tls.Config{nil, own} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listen for clients: %w", err)
		}
		defer ln.Close()
		fmt.Fprintln(out, ln.Addr())
		go func() { ended <- exchange.Serve(ln, c) }()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// gatewayCommand is the gateway alone: no controller, one route that is always open.
func gatewayCommand() *cobra.Command {
	var to, certificate, profile string
	cmd := &cobra.Command{
		Use: "gateway", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			own, err := loadCertificate(certificate)
			if err != nil {
				return err
			}
			return profiled(profile, func() error { return carry(cmd.Context(), cmd.OutOrStdout(), to, own) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "where all clients are led")
	cmd.Flags().StringVar(&certificate, "certificate", "", "file of certificate and key; empty: no TLS")
	cmd.Flags().StringVar(&profile, "profile", "", "write a CPU profile to this file")
	return cmd
}

// carry runs the gateway until ctx ends.
func carry(ctx context.Context, out io.Writer, to string, own *tls.Config) error {
	ln, err := gateway.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for clients: %w", err)
	}
	g, err := gateway.New(gateway.Options{ReadWrite: ln, TLS: own})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	g.Follow(gateway.Route{Epoch: 1, Main: to, State: gateway.Open})
	fmt.Fprintln(out, ln.Addr())
	return g.Run(ctx)
}

// profiled runs f with a CPU profile written to file, if there is one.
func profiled(file string, f func() error) error {
	if file == "" {
		return f()
	}
	to, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("--profile: %w", err)
	}
	defer to.Close()
	if err := pprof.StartCPUProfile(to); err != nil {
		return fmt.Errorf("--profile %s: %w", file, err)
	}
	defer pprof.StopCPUProfile()
	return f()
}
