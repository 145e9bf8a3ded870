// Package replication is what makes several stand-ins a Memgraph cluster: roles, registrations,
// the states of replicas as their MAIN sees them, and the protocol between the two over TCP.
//
// It promises Memgraph's observable behaviour, its faults included: the role lock that is only
// tried and never waited for, registrations that stay behind as ghosts, replicas that change hands
// without being asked, commits that wait for a silent replica while every other transaction waits
// for them, and a two-phase commit that ignores a lost second phase. Which of the faults exist is
// decided by Behaviour, how long things take by Timing.
//
// It will not speak Memgraph's own RPC, nor Bolt, nor word the errors a client sees.
package replication

import "time"

// Timing is how long things take. The zero value is of no use; start from DefaultTiming.
type Timing struct {
	Check       time.Duration // between two checks of a replica; 0 or less: never
	Connect     time.Duration // longest wait for a connection
	Ping        time.Duration // longest wait for each answer, by request
	Heartbeat   time.Duration
	SwapMain    time.Duration
	System      time.Duration
	Prepare     time.Duration
	Finalize    time.Duration
	Log         time.Duration
	Snapshot    time.Duration
	AsyncLock   time.Duration // how long a commit waits for an ASYNC replica's connection
	SystemQuery time.Duration // how long a role change waits for another one
	HangGrace   time.Duration // how long DROP waits for a check in progress before it hangs
}

// DefaultTiming returns Memgraph's own times (source of 3.9; confirmed by recordings).
func DefaultTiming() Timing {
	return Timing{
		Check: time.Second, Connect: 5 * time.Second, Ping: 5 * time.Second, Heartbeat: 10 * time.Second,
		SwapMain: 10 * time.Second, System: 30 * time.Second, Prepare: 30 * time.Second,
		Finalize: 10 * time.Second, Log: 30 * time.Second, Snapshot: 60 * time.Second,
		AsyncLock: 50 * time.Millisecond, SystemQuery: 100 * time.Millisecond, HangGrace: time.Second,
	}
}

// Behaviour says which of Memgraph's peculiarities exist. The zero value is a Memgraph that has
// none of them.
type Behaviour struct {
	FalseDivergence bool // the lineage check takes the oldest entry of an epoch (all versions)
	EmptyHeir       bool // pings do not notice that a replica obeys nobody any more (all versions)
	HangOnDrop      bool // DROP of a silent replica being checked hangs for ever (before 3.10)
	GhostOnDiverged bool // a registration refused as diverged stays behind (2.21 to 3.12)
	AbortOnStop     bool // DROP and demotion abort requests in progress (since 3.10)
	IgnoreIdentity  bool // replicas do not compare storage uuids (community builds)
}

// Mode is how a MAIN treats a replica, in the words of SHOW REPLICAS.
type Mode string

// The modes.
const (
	Sync       Mode = "sync"
	Async      Mode = "async"
	StrictSync Mode = "strict_sync"
)

// State is what a MAIN knows of a replica, in the words of SHOW REPLICAS.
type State string

// The states.
const (
	Ready       State = "ready"
	Replicating State = "replicating"
	Recovery    State = "recovery"
	MaybeBehind State = "invalid"
	Diverged    State = "diverged"
)

// missesAllowed is the number of failed pings in a row after which a replica counts as gone.
const missesAllowed = 3
