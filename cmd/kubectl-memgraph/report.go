package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/report"
)

const reportHelp = `Collect what a bug report needs into a zip file: the record, the lease, pods and
their events, logs, what each controller says of itself, and metrics.

No Secret is read. Values of environment variables that the chart does not set, and
what looks like a password, key or token, are taken out. No program knows every
secret by its looks: look at the file before you publish it.`

func reportCommand(k *kubectl) *cobra.Command {
	var path string
	o := report.Options{Version: programVersion()}
	cmd := &cobra.Command{
		Use: "report", Short: "Collect what a bug report needs into a zip file", Long: reportHelp, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, raw, err := k.read(cmd.Context())
			if err != nil {
				return err
			}
			k.remark(s)
			name := fmt.Sprintf("memgraph-report-%s-%s", raw.Release.Name, raw.Now.UTC().Format("20060102T150405Z"))
			if path == "" {
				path = name + ".zip"
			}
			files := report.Collect(cmd.Context(), s, raw, o)
			if err := cmd.Context().Err(); err != nil {
				return fmt.Errorf("interrupted: no report was written: %w", err)
			}
			if path == "-" {
				return report.Write(k.out, name, files, raw.Now)
			}
			if err := save(path, func(w io.Writer) error { return report.Write(w, name, files, raw.Now) }); err != nil {
				return err
			}
			fmt.Fprintf(k.out, "%s: %d files. Look at it before you publish it.\n", path, len(files))
			for _, f := range files {
				if f.Name == "missing.txt" {
					fmt.Fprintf(k.errs, "Not in it:\n%s", f.Data)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "file", "", "Where to write it; - is the standard output (default memgraph-report-RELEASE-TIME.zip)")
	cmd.Flags().DurationVar(&o.Since, "since", 6*time.Hour, "How far back logs go; 0 is all")
	return cmd
}

// save writes a new file for the caller alone. One that exists is left as it is.
func save(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return problem.Usage(fmt.Errorf("--file: %w; name another", err))
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
