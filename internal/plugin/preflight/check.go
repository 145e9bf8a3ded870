package preflight

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"k8s.io/client-go/kubernetes"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
)

// Level is how a check ended.
type Level string

// The levels.
const (
	OK        Level = "ok"
	Beware    Level = "beware" // it will install, and may not do what you think
	Fails     Level = "fails"  // it will not install, or not run
	Unchecked Level = "unchecked"
)

// Result is what one check has found, with the next step if there is one.
type Result struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
}

// Cluster is what is looked at.
type Cluster struct {
	API       kubernetes.Interface
	Namespace string
	Host      string
	Clock     source.Clock
	Release   string // that is to be installed
}

// Run makes all checks, at the same time, and returns them in a fixed order. Its
// error says that the API server was not reached.
func Run(ctx context.Context, c Cluster, v Values) ([]Result, error) {
	checks := []func(context.Context, Values) ([]Result, error){
		c.version, c.storage, c.rights, c.names, c.machines,
	}
	found := make([][]Result, len(checks))
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { found[i], errs[i] = check(ctx, v) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	results := slices.Concat(found...)
	results = append(results, c.clock()) // last: it is told with the answers
	return append(results, v.check()...), nil
}

// Failed reports whether a check has failed.
func Failed(results []Result) bool {
	return slices.ContainsFunc(results, func(r Result) bool { return r.Level == Fails })
}

// Write writes results for a human.
func Write(w io.Writer, results []Result) {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Check))
	}
	for _, r := range results {
		fmt.Fprintf(w, "%-9s  %-*s  %s\n", r.Level, width, r.Check, r.Text)
	}
}

// unread makes what could not be read a result; anything but a refusal is an error.
func (c Cluster) unread(check string, err error, verb, resource, namespace string) ([]Result, error) {
	err = problem.Explain(err, problem.Act{Verb: verb, Resource: resource, Namespace: namespace}, c.Host)
	if _, denied := asDenied(err); denied {
		return []Result{{check, Unchecked, err.Error()}}, nil
	}
	return nil, err
}
