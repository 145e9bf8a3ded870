// Package smoke is the test of the lab itself: it breaks the running lab in
// every way that package lab promises and looks at what pods, clients and the
// API see of it.
//
// It uses a namespace of its own, but its faults are everybody's: nodes lose
// power, the API server and etcd stop, cuts that others made are healed. It
// leaves the lab as it found it, also after a failure.
package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"memgraph-controller/test/lab"
)

// ErrFailed says that checks failed; which and why has been printed.
var ErrFailed = errors.New("checks failed")

// restoring bounds the way back to a healthy lab.
const restoring = 2 * time.Minute

// check is one promise of the lab.
type check struct {
	what string
	// do returns what it saw in a few words, for people.
	do func(*smoke, context.Context) (string, error)
}

// smoke is one run.
type smoke struct {
	lab    *lab.Lab
	config *rest.Config
	api    kubernetes.Interface
	http   *http.Client // from the client machine, a connection each
}

// Run makes all checks, prints a line each to out and a last one with the
// numbers, and returns ErrFailed if one failed. It needs a healthy lab of three
// nodes or more, and takes some two minutes.
func Run(ctx context.Context, l *lab.Lab, out io.Writer) error {
	if n := len(l.Nodes()); n < 3 {
		return fmt.Errorf("the lab has %d nodes: the checks need 3: \"lab up --nodes 3\" adds some", n)
	}
	config, err := l.RESTConfig()
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 100, 100
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make API client: %w", err)
	}
	s := &smoke{lab: l, config: config, api: api, http: &http.Client{Transport: &http.Transport{DialContext: l.Dial, DisableKeepAlives: true}}}
	if err := s.healthy(ctx); err != nil {
		return fmt.Errorf("the lab is not healthy: %w", err)
	}
	// Cuts of others would be ours to explain.
	if err := l.Heal(ctx); err != nil {
		return err
	}
	if err := s.install(ctx); err != nil {
		return errors.Join(err, s.remove(ctx))
	}
	failed := s.runAll(ctx, out)
	if failed > 0 {
		return ErrFailed
	}
	return ctx.Err()
}

// runAll runs the checks one after the other, cleans up, and returns how many failed.
func (s *smoke) runAll(ctx context.Context, out io.Writer) int {
	passed, failed := 0, 0
	for _, c := range allChecks() {
		if ctx.Err() != nil {
			break
		}
		start := time.Now()
		saw, err := c.do(s, ctx)
		took := time.Since(start).Seconds()
		if err != nil {
			failed++
			fmt.Fprintf(out, "FAIL  %5.1fs  %s: %v\n", took, c.what, err)
			if err := s.restore(ctx); err != nil {
				fmt.Fprintf(out, "               and the lab does not recover: %v\n", err)
			}
			continue
		}
		passed++
		fmt.Fprintf(out, "ok    %5.1fs  %s: %s\n", took, c.what, saw)
	}
	if err := s.remove(ctx); err != nil {
		failed++
		fmt.Fprintf(out, "FAIL          cleaning up: %v\n", err)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	return failed
}

func allChecks() []check {
	var all []check
	// Once the API server was away, its clients take up to half a minute to watch
	// it again. What needs them comes before, what does not comes next.
	for _, some := range [][]check{workloadChecks(), networkChecks(), disruptions(), controlFaults(), podFaults(), cutFaults(), nodeFaults()} {
		all = append(all, some...)
	}
	return append(all, check{"the lab is as healthy as before", (*smoke).asBefore})
}

// restore undoes what a failed check may have left broken.
func (s *smoke) restore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoring)
	defer cancel()
	failed := s.lab.Heal(ctx)
	for _, component := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
		failed = errors.Join(failed, s.lab.Start(ctx, component))
	}
	for _, node := range s.lab.Nodes() {
		failed = errors.Join(failed, s.lab.PowerOn(ctx, node), s.lab.Start(ctx, node+"/kubelet"))
	}
	for _, name := range probes {
		// A pod that does not run is not frozen.
		_ = s.lab.Thaw(ctx, namespace, name)
	}
	return errors.Join(failed, s.waitForProbes(ctx))
}

// until calls f every 100 ms until it returns nil; the error is f's last.
func until(ctx context.Context, patience time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waited %s: %w", patience, err)
		}
	}
}
