//go:build linux

// Command contract judges whether a Memgraph shows the behaviours the
// controller relies on. It starts its own nodes on free loopback ports, restarts, kills,
// stops and wipes them, speaks Bolt to them, and prints a table by behaviour
// number; the last line is "contract passed=N failed=N skipped=N".
//
// It judges the stand-in, built from this module, or the server that the
// environment variable MEMGRAPH names. It needs no privileges and no network
// beyond loopback. It never judges a Memgraph that somebody uses: every node it
// touches is its own and gone when it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"memgraph-controller/test/contract/cases"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

// The releases the stand-in is judged as: two in full, because real servers of
// these were recorded, the others by the texts that differ.
var (
	full  = []string{"3.12.0", "3.6.2"}
	brief = []string{"2.19.0", "3.4.0", "3.9.0", "next"}
)

// Exit codes.
const (
	exitFailed = 1 // an expectation did not hold
	exitBroken = 2 // nothing could be judged
)

type options struct {
	run      *regexp.Regexp
	version  string
	keep     bool
	verbose  bool
	parallel int
	memgraph string // path of a real server, or empty
}

func main() { os.Exit(run()) }

// run does everything and returns the exit code.
func run() int {
	if len(os.Args) > 1 && os.Args[1] == server.WithHosts {
		fmt.Fprintln(os.Stderr, "contract:", server.Become(os.Args[2:]))
		return exitBroken
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) //nolint:forbidigo // the root of a program
	defer stop()
	opts, err := parse(os.Args[1:], os.Getenv("MEMGRAPH"), os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	failed := 0
	if err == nil {
		failed, err = contract(ctx, opts, os.Stdout, os.Stderr)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "contract:", err)
		return exitBroken
	case failed > 0:
		return exitFailed
	default:
		return 0
	}
}

func parse(args []string, memgraph string, stderr io.Writer) (options, error) {
	o := options{memgraph: memgraph}
	fs := flag.NewFlagSet("contract", flag.ContinueOnError)
	fs.SetOutput(stderr)
	run := fs.String("run", "", "judge only cases whose number, title or field note matches this `regexp`")
	fs.StringVar(&o.version, "version", "", "judge the stand-in as this `release` only (3.12.0, 3.6.2, 3.9.0, 3.4.0, 2.19.0, next)")
	fs.BoolVar(&o.keep, "keep", false, "keep data directories and logs, and say where they are")
	fs.BoolVar(&o.verbose, "v", false, "print every step of a failed case")
	fs.IntVar(&o.parallel, "parallel", 0, "how many cases run at the same time; 0 means 8, and 2 for a real server")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if *run != "" {
		re, err := regexp.Compile(*run)
		if err != nil {
			return o, fmt.Errorf("--run %q: %w", *run, err)
		}
		o.run = re
	}
	if o.memgraph != "" && o.version != "" {
		return o, fmt.Errorf("--version %s: a real server (MEMGRAPH=%s) has the version it has", o.version, o.memgraph)
	}
	if o.parallel <= 0 {
		o.parallel = 8
		if o.memgraph != "" {
			o.parallel = 2
		}
	}
	return o, nil
}

// contract judges and prints; it returns how many cases failed.
func contract(ctx context.Context, o options, stdout, stderr io.Writer) (failed int, err error) {
	all := cases.All()
	if err := judge.Check(all); err != nil {
		return 0, err
	}
	root, err := os.MkdirTemp("", "memgraph-contract-")
	if err != nil {
		return 0, fmt.Errorf("make a directory for the servers: %w", err)
	}
	if o.keep {
		say(stderr, "data and logs are kept in %s", root)
	} else {
		defer func() { _ = os.RemoveAll(root) }()
	}
	launcher := server.NewLauncher()
	defer launcher.Close()
	subjects, err := subjects(ctx, o, root, launcher)
	if err != nil {
		return 0, err
	}
	results := examine(ctx, o, all, subjects, progress(stderr))
	if ctx.Err() != nil {
		say(stderr, "interrupted: not every case was judged")
	}
	labels := make([]string, len(subjects))
	for i, s := range subjects {
		labels[i] = s.Label
	}
	judge.Sort(results, labels)
	line, failed := judge.Summary(results)
	if _, err := fmt.Fprintf(stdout, "%s\n%s\n", judge.Table(results, o.verbose), line); err != nil {
		return failed, fmt.Errorf("print the report: %w", err)
	}
	return failed, nil
}

// subjects returns what is to be judged, versions not yet asked for.
func subjects(ctx context.Context, o options, root string, l *server.Launcher) ([]*judge.Subject, error) {
	ports := server.NewPorts()
	host := func(p server.Program) *server.Host {
		return &server.Host{Program: p, Root: root, Keep: o.keep, Ports: ports, Launcher: l}
	}
	if o.memgraph != "" {
		path, err := exec.LookPath(o.memgraph)
		if err != nil {
			return nil, fmt.Errorf("find the server to judge: %w", err)
		}
		return []*judge.Subject{{Host: host(server.Program{Path: path}), Label: "real", Full: true}}, nil
	}
	path := filepath.Join(root, "memgraph-standin")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "memgraph-controller/cmd/memgraph-standin")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the stand-in: %w\n%s", err, out)
	}
	versions := slices.Concat(full, brief)
	if o.version != "" {
		versions = []string{o.version}
	}
	var out []*judge.Subject
	for _, v := range versions {
		out = append(out, &judge.Subject{
			Host:   host(server.Program{Path: path, StandIn: true, Version: v}),
			Label:  v,
			Full:   slices.Contains(full, v),
			Faults: control{},
		})
	}
	return out, nil
}

// examine asks each subject for its version, then judges the cases of that
// version. A subject that cannot say which release it is has failed.
func examine(ctx context.Context, o options, all []judge.Case, subjects []*judge.Subject, report judge.Report) []judge.Result {
	var results []judge.Result
	work := map[*judge.Subject][]judge.Case{}
	for _, s := range subjects {
		r := judge.Identify(ctx, s)
		if r.Verdict != judge.Passed || o.run == nil {
			results = append(results, r)
		}
		if r.Verdict == judge.Passed {
			work[s] = judge.Select(all, s, o.run)
		}
	}
	return append(results, judge.Run(ctx, work, o.parallel, report)...)
}

// say prints a line that is worth nothing if nobody can read it.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

// progress prints a line for each verdict if stderr is a terminal.
func progress(stderr io.Writer) judge.Report {
	f, ok := stderr.(*os.File)
	if !ok {
		return func(int, int, judge.Result) {}
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int, int, judge.Result) {}
	}
	return func(done, total int, r judge.Result) {
		say(f, "%3d/%d %-7s %-8s %s (%s)", done, total, r.Verdict, r.Version, r.ID, r.Took.Round(100*time.Millisecond))
	}
}
