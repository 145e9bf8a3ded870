//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

// clients is how many write during a test.
const clients = 3

// settled is how long a release may take to be whole again after anything.
const settled = 3 * time.Minute

// place is the Kubernetes of this run.
var place *Place

func TestMain(m *testing.M) {
	ctx := context.Background() //nolint:forbidigo // TestMain is given no context
	var err error
	if place, err = Find(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	if err := place.Mend(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "e2e: mend the lab:", err)
		os.Exit(1)
	}
	code := m.Run()
	err = place.Mend(ctx)
	if common.release != nil && os.Getenv("E2E_KEEP") == "" {
		err = errors.Join(err, common.release.Erase(ctx))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: clean up:", err)
		code = 1
	}
	os.Exit(code)
}

// needsLab skips a test that breaks what only the lab can break.
func needsLab(t *testing.T) {
	t.Helper()
	if place.Lab == nil {
		t.Skip("needs the lab, to break things: unset " + Kubeconfig)
	}
}

// common is the release that most tests share: three nodes, three controllers.
// After a test that failed the next one is given a new one: it has its own
// question to answer.
var common struct {
	release *Release
	spoilt  bool
}

func shared(t *testing.T) *Release {
	t.Helper()
	if common.release == nil || common.spoilt {
		common.release, common.spoilt = place.NewRelease("e2e", "memgraph"), false
		install(t, common.release)
	}
	diagnosed(t, common.release)
	t.Cleanup(func() { common.spoilt = common.spoilt || t.Failed() })
	return common.release
}

// diagnosed tells what the release looks like at the end of a test that failed.
func diagnosed(t *testing.T, r *Release) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("release %s now:\n%s", r.Name, r.Diagnose(context.WithoutCancel(t.Context())))
		}
	})
}

// own installs a release in a namespace of its own, for this test alone.
func own(t *testing.T, name string, values ...string) *Release {
	t.Helper()
	r := place.NewRelease("e2e-"+name, name, values...)
	t.Cleanup(func() {
		if err := r.Erase(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	diagnosed(t, r)
	install(t, r)
	return r
}

func install(t *testing.T, r *Release) {
	t.Helper()
	must(t, r.Erase(t.Context()))
	must(t, r.Helm(t.Context()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get fails the test if there is an error.
func get[T any](t *testing.T, f func(context.Context) (T, error)) T {
	t.Helper()
	var v T
	must(t, Until(t.Context(), 30*time.Second, "an answer", func(ctx context.Context) (err error) {
		v, err = f(ctx)
		return err
	}))
	return v
}

// underWrites runs a body on a whole release while clients write through its gateway,
// waits until it is whole again and writes go through, and then reads every node:
// all that was ever acknowledged must be on each.
func underWrites(t *testing.T, r *Release, body func(*Load)) {
	t.Helper()
	underWritesOf(t, r, clients, body)
}

// underWritesOf does so with n clients.
func underWritesOf(t *testing.T, r *Release, n int, body func(*Load)) {
	t.Helper()
	ctx := t.Context()
	must(t, r.Settle(ctx, settled))
	load, err := r.Write(ctx, n)
	must(t, err)
	defer load.Stop()
	defer func() { must(t, place.Mend(context.WithoutCancel(ctx))) }()
	body(load)
	must(t, place.Mend(ctx))
	now := time.Now()
	_, err = load.Resumed(ctx, bench.Blow{Before: now, After: now}, time.Minute)
	must(t, err)
	must(t, r.Settle(ctx, settled))
	load.Stop()
	verdict, err := r.Verify(ctx)
	if err != nil || !verdict.Clean() {
		t.Fatalf("what clients were told is not what the nodes hold: lost %d, twice %d, refused yet there %d, unequal %d: %v",
			len(verdict.Lost), len(verdict.Dup), len(verdict.Lies), len(verdict.Unequal), err)
	}
	if verdict.Acked == 0 {
		t.Fatal("nothing was acknowledged: this test has shown nothing")
	}
	t.Logf("%d attempts here, %d of them not acknowledged (%s); every acknowledged write is on every node (%d so far)",
		len(load.Attempts()), load.Failed(), load.Errors(), verdict.Acked)
}

// strike breaks something and returns when.
func strike(t *testing.T, fault func() error) bench.Blow {
	t.Helper()
	blow := bench.Blow{Before: time.Now()}
	must(t, fault())
	blow.After = time.Now()
	return blow
}
