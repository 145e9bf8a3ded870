package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/spf13/cobra"

	"memgraph-controller/internal/api"
)

const probeHelp = `Ask one question through the gateway, as a client would, and look at the status.
It is what "helm test" runs. MEMGRAPH_USER and MEMGRAPH_PASSWORD are used if set.
Exits with 1 if there is no MAIN, or the question is not answered in time.`

func probeCommand() *cobra.Command {
	var bolt, status string
	var encrypted bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "probe", Short: "Check a cluster as a client would", Long: probeHelp, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bolt == "" && status == "" {
				return errUsage{errors.New("nothing to probe: give --bolt, --status, or both")}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if status != "" {
				if err := probeStatus(ctx, strings.TrimSuffix(status, "/"), cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			if bolt != "" {
				scheme := "bolt"
				if encrypted {
					scheme = "bolt+ssc" // whether it answers is asked here, not who it is
				}
				return probeBolt(ctx, scheme, bolt, cmd.OutOrStdout())
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&bolt, "bolt", "", "host:port of the gateway")
	cmd.Flags().BoolVar(&encrypted, "tls", false, "the gateway speaks TLS; its certificate is not looked at")
	cmd.Flags().StringVar(&status, "status", "", "URL of the status API, like http://release-controller:8080")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait for answers")
	return cmd
}

// probeStatus waits until a MAIN serves.
func probeStatus(ctx context.Context, base string, out io.Writer) error {
	for {
		s, err := readStatus(ctx, base)
		if err == nil && s.Record != nil && s.Record.Stage == "serving" {
			fmt.Fprintf(out, "status: %s is MAIN in epoch %d, phase %s, leader %s\n", s.Record.Main, s.Record.Epoch, s.Phase, s.Leader)
			return nil
		}
		if err == nil {
			err = fmt.Errorf("phase %s: no MAIN serves; %s", s.Phase, s.Decision)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("probe status at %s: %w", base, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func readStatus(ctx context.Context, base string) (api.Status, error) {
	var s api.Status
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/status", http.NoBody)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return s, errors.New(resp.Status)
	}
	return s, json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&s)
}

// probeBolt asks a question that reads nothing.
func probeBolt(ctx context.Context, scheme, addr string, out io.Writer) (err error) {
	auth := neo4j.NoAuth()
	if user := os.Getenv("MEMGRAPH_USER"); user != "" {
		auth = neo4j.BasicAuth(user, os.Getenv("MEMGRAPH_PASSWORD"), "")
	}
	driver, err := neo4j.NewDriverWithContext(scheme+"://"+addr, auth)
	if err != nil {
		return errUsage{fmt.Errorf("--bolt %q: %w", addr, err)}
	}
	defer func() { err = errors.Join(err, driver.Close(context.WithoutCancel(ctx))) }()
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer func() { err = errors.Join(err, session.Close(context.WithoutCancel(ctx))) }()
	began := time.Now()
	result, err := session.Run(ctx, "SHOW REPLICATION ROLE", nil)
	if err == nil {
		_, err = result.Single(ctx)
	}
	if err != nil {
		return fmt.Errorf("probe gateway %s: %w", addr, err)
	}
	fmt.Fprintf(out, "gateway: %s answered in %s\n", addr, time.Since(began).Round(time.Millisecond))
	return nil
}
