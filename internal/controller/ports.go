package controller

import (
	"context"
	"time"

	"memgraph-controller/internal/cluster"
)

// Nodes is the database as the loop needs it.
type Nodes interface {
	// Look asks node n for its role, replicas, storage and version, bounded by
	// ctx. It always returns a Sighting; its Contact says how the look ended.
	// Answered is when it told its role. What only the platform knows (Process,
	// Gone, Leaving, Aside, Opinions) and Since are the caller's to fill in.
	Look(ctx context.Context, n cluster.Ordinal) cluster.Sighting
	// Do takes one step (all but cluster.Restart), with a deadline of its own
	// that fits the statement. Its error is a *cluster.StepError.
	Do(ctx context.Context, s cluster.Step) error
	// Watch keeps an idle connection to node n and calls changed at once when it
	// breaks or comes up. It returns when ctx ends; its error is for a node that does
	// not exist, a mistake of the caller.
	Watch(ctx context.Context, n cluster.Ordinal, changed func()) error
}

// Platform runs the nodes' processes: Kubernetes, or the sandbox.
type Platform interface {
	// State tells what the platform knows of node n, from memory, without delay.
	State(n cluster.Ordinal) NodeState
	// Refresh asks for the state of node n anew, wherever it is known best. After it has
	// returned nil State tells that, with AsOf. It obeys ctx.
	Refresh(ctx context.Context, n cluster.Ordinal) error
	// Restart ends the process of node n; the platform starts it again.
	Restart(ctx context.Context, n cluster.Ordinal) error
}

// NodeState is what the platform knows of a node's process. The zero value
// means that it knows nothing.
type NodeState struct {
	Process cluster.Process
	AsOf    time.Time // Process is what ran then, or later; zero: as old as a watch may be
	Gone    bool      // no process runs, and none is being started this moment
	Leaving bool      // told to stop, still running
	Aside   cluster.Aside
}

// Records keeps the durable Record.
type Records interface {
	// Load returns the Record and the version to pass to Swap, nil and "" if
	// there is none. A record that cannot be read is an error, never nil.
	Load(ctx context.Context) (*cluster.Record, string, error)
	// Swap replaces the Record if its version is still prev ("": if there is
	// still none) and returns the new version. Its error is
	// cluster.ErrConflict if somebody else has written in between.
	Swap(ctx context.Context, prev string, next cluster.Record) (string, error)
}

// Meter counts what a loop does. Its methods are called on the loop's goroutine
// and must not block.
type Meter interface {
	// Passed is told of the end of a pass: how long it took, its steps included,
	// and why the record could not be read or written, nil if it could.
	Passed(took time.Duration, err error)
	// Recorded is told of every record written.
	Recorded()
	// Stepped is told of every step tried: why it failed, 0 if it was taken, and
	// how long it took.
	Stepped(k cluster.Kind, f cluster.Failure, took time.Duration)
	// Turned is told when the clients are let in to a new reign.
	Turned(t Turn)
	// Decided is told of every decision, and what it came to.
	Decided(r cluster.Rule, o Outcome)
	// Looked is told of every look that its node answered, and how long all of it took.
	Looked(n cluster.Ordinal, took time.Duration)
	// Unprotected is told, with every pass, for how long since the last one MAIN has
	// acknowledged writes that no other node is proven to hold.
	Unprotected(d time.Duration)
}

// Outcome is what a decision came to. The zero value is none.
type Outcome uint8

// The outcomes.
const (
	ToRecord Outcome = iota + 1 // a record is written
	ToStep                      // a step is taken
	ToAnswer                    // a request is answered, mostly refused, and nothing else done
	ToWait                      // nothing is done until there is news
)

// String returns the outcome as metrics show it.
func (o Outcome) String() string {
	words := [...]string{"none", "record", "step", "answer", "wait"}
	if int(o) >= len(words) {
		o = 0
	}
	return words[o]
}

// outcome is what d comes to.
func outcome(d cluster.Decision) Outcome {
	switch {
	case d.Record != nil:
		return ToRecord
	case d.Step.Kind != cluster.NoStep:
		return ToStep
	case len(d.Handled) > 0:
		return ToAnswer
	}
	return ToWait
}

// Uncounted is the Meter of a loop that nobody counts.
type Uncounted struct{}

// Passed implements Meter, as the others do.
func (Uncounted) Passed(time.Duration, error) {}

// Recorded counts nothing.
func (Uncounted) Recorded() {}

// Stepped counts nothing.
func (Uncounted) Stepped(cluster.Kind, cluster.Failure, time.Duration) {}

// Turned counts nothing.
func (Uncounted) Turned(Turn) {}

// Decided counts nothing.
func (Uncounted) Decided(cluster.Rule, Outcome) {}

// Looked counts nothing.
func (Uncounted) Looked(cluster.Ordinal, time.Duration) {}

// Unprotected counts nothing.
func (Uncounted) Unprotected(time.Duration) {}

// Peers are the other controller replicas.
type Peers interface {
	// Ask returns what those that answer within ctx see of node n. They are told that
	// there is a record of epoch newest: one that goes by an older one and hears the
	// same from the API server lets no client to its MAIN before it answers. With NoNode
	// nobody looks at anything: it is only asked which record is the newest.
	Ask(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion
}
