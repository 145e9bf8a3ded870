package main

import (
	"context"
	"errors"
	"time"

	"memgraph-controller/test/e2e"
)

// failAfter is the chart's default: how long MAIN may be silent.
const failAfter = 3 * time.Second

// fault is one thing that is done to a release.
type fault struct {
	what string
	// before arranges what the fault needs; nil: nothing.
	before func(*e2e.Release, context.Context) error
	// strike breaks something and returns the way to make it good, which may be nil
	// and is called a moment after writes have resumed.
	strike func(context.Context, *e2e.Release) (mend func(context.Context) error, err error)
	// over says what has not happened yet; nil: all is over when writes have resumed.
	over func(*e2e.Release, context.Context) error
	// alone does the same to one Memgraph that only Kubernetes looks after; nil: that
	// would not come back by itself.
	alone func(context.Context, *e2e.Release) error
	// waits tells that writes need not stop: what counts is the longest wait.
	waits    bool
	p50, p99 time.Duration // what is promised
	// crowd tells that it takes many clients: a third of them are at a door that dies, or
	// are sent there again, and wait for their own timeout.
	crowd bool
}

// clients is how many write.
func (f *fault) clients() int {
	if f.crowd {
		return 4 * clients
	}
	return clients
}

// order is that of the lines.
var order = []string{"kill", "delete", "freeze", "leader", "leader+main", "crash+main", "power", "power+leader", "roll"}

var faults = map[string]*fault{
	"kill": {
		what: "SIGKILL of MAIN's process", p50: 300 * time.Millisecond, p99: 1500 * time.Millisecond,
		strike: onMain(func(ctx context.Context, r *e2e.Release, main string) (func(context.Context) error, error) {
			return nil, r.Place.Lab.Kill(ctx, r.Namespace, main, e2e.Memgraph)
		}),
		alone: func(ctx context.Context, r *e2e.Release) error {
			return r.Place.Lab.Kill(ctx, r.Namespace, e2e.AlonePod, e2e.Memgraph)
		},
	},
	"delete": {
		what: "kubectl delete of MAIN's pod", waits: true, p50: 300 * time.Millisecond, p99: 1500 * time.Millisecond,
		strike: onMain(func(ctx context.Context, r *e2e.Release, main string) (func(context.Context) error, error) {
			return nil, r.Delete(ctx, main)
		}),
		over:  (*e2e.Release).Lacks,
		alone: func(ctx context.Context, r *e2e.Release) error { return r.Delete(ctx, e2e.AlonePod) },
	},
	"freeze": {
		what: "MAIN hangs, and goes on after writes have resumed", p50: failAfter + 2*time.Second, p99: failAfter + 2*time.Second,
		strike: onMain(func(ctx context.Context, r *e2e.Release, main string) (func(context.Context) error, error) {
			thaw := func(ctx context.Context) error { return r.Place.Lab.Thaw(ctx, r.Namespace, main) }
			return thaw, r.Place.Lab.Freeze(ctx, r.Namespace, main)
		}),
	},
	"leader": {
		what: "the leading controller dies without a word; writes need not stop", waits: true, p50: time.Second, p99: 2 * time.Second,
		strike: onLeader(func(context.Context, *e2e.Release, string) error { return nil }),
	},
	"leader+main": {
		what: "the leading controller and MAIN die at once", p50: e2e.Takeover, p99: e2e.Takeover + time.Second,
		strike: onLeader(func(ctx context.Context, r *e2e.Release, main string) error {
			return r.Place.Lab.Kill(ctx, r.Namespace, main, e2e.Memgraph)
		}),
	},
	"crash+main": {
		what: "the leading controller's process and MAIN's die at once; the kubelet starts the leader's again", p50: 5 * time.Second, p99: e2e.Takeover + time.Second,
		before: (*e2e.Release).LeadFromFreshPod,
		strike: onBoth(func(ctx context.Context, r *e2e.Release, leader, main string) (func(context.Context) error, error) {
			return nil, errors.Join(r.Place.Lab.Kill(ctx, r.Namespace, leader, e2e.Controller), r.Place.Lab.Kill(ctx, r.Namespace, main, e2e.Memgraph))
		}),
	},
	"power": {
		what: "MAIN's machine loses its power, and gets it back after writes have resumed", p50: failAfter + 2*time.Second, p99: failAfter + 2*time.Second,
		before: (*e2e.Release).LeadAwayFromMain, strike: powerOff, crowd: true,
	},
	"power+leader": {
		what: "the same while the leading controller runs there", p50: e2e.Takeover, p99: e2e.Takeover + failAfter,
		before: (*e2e.Release).LeadBesideMain, strike: powerOff, crowd: true,
	},
	"roll": {
		what: "rolling restart of all nodes", waits: true, p50: time.Second, p99: 2 * time.Second,
		strike: func(ctx context.Context, r *e2e.Release) (func(context.Context) error, error) {
			return nil, r.Restart(ctx)
		},
		over: (*e2e.Release).Lacks,
	},
}

// onMain breaks something of MAIN.
func onMain(f func(ctx context.Context, r *e2e.Release, main string) (func(context.Context) error, error)) func(context.Context, *e2e.Release) (func(context.Context) error, error) {
	return func(ctx context.Context, r *e2e.Release) (func(context.Context) error, error) {
		main, err := r.Main(ctx)
		if err != nil {
			return nil, err
		}
		return f(ctx, r, main)
	}
}

// onBoth breaks something of the leader and of MAIN.
func onBoth(f func(ctx context.Context, r *e2e.Release, leader, main string) (func(context.Context) error, error)) func(context.Context, *e2e.Release) (func(context.Context) error, error) {
	return onMain(func(ctx context.Context, r *e2e.Release, main string) (func(context.Context) error, error) {
		leader, err := r.Leader(ctx)
		if err != nil {
			return nil, err
		}
		return f(ctx, r, leader.Identity, main)
	})
}

// onLeader kills the leader, and then does something to MAIN. Its mending is to
// wait for a successor.
func onLeader(f func(ctx context.Context, r *e2e.Release, main string) error) func(context.Context, *e2e.Release) (func(context.Context) error, error) {
	return onBoth(func(ctx context.Context, r *e2e.Release, leader, main string) (func(context.Context) error, error) {
		succeeded := func(ctx context.Context) error {
			_, err := r.Successor(ctx, leader, e2e.Takeover)
			return err
		}
		if err := r.Murder(ctx, leader); err != nil {
			return succeeded, err
		}
		return succeeded, f(ctx, r, main)
	})
}

func powerOff(ctx context.Context, r *e2e.Release) (func(context.Context) error, error) {
	main, err := r.Main(ctx)
	if err != nil {
		return nil, err
	}
	machine, err := r.Node(ctx, main)
	if err != nil {
		return nil, err
	}
	on := func(ctx context.Context) error { return r.Place.Lab.PowerOn(ctx, machine) }
	return on, r.Place.Lab.PowerOff(ctx, machine)
}
