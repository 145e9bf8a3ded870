package cluster

import (
	"errors"
	"slices"
	"time"
)

// Stage says how far a reign has come.
type Stage uint8

// The stages. Gateways let clients in only at Serving.
const (
	Serving   Stage = iota + 1
	Quiescing       // MAIN serves on; gateways hold new work while replicas are re-registered, or before it steps down for Target
	Demoting        // MAIN is being told to step down, so that Target can be promoted
	Promoting       // Main is being promoted and given its replicas
)

// String returns the word the record uses.
func (s Stage) String() string {
	return word(s, "unknown", "serving", "quiescing", "demoting", "promoting")
}

// Proof says that a node held every acknowledged write, and how to tell that it
// still does (P2).
type Proof struct {
	Node    Ordinal `json:"node"`
	Process Process `json:"process,omitzero"`
	UUID    string  `json:"uuid,omitempty"` // database_uuid; empty before Memgraph 3.5
}

// Rebuild asks for a node's data to be moved aside: it holds something no
// acknowledged write needs and MAIN has refused it for that.
type Rebuild struct {
	Node    Ordinal `json:"node"`
	Process Process `json:"process,omitzero"` // the one to be replaced
	Reason  string  `json:"reason,omitempty"`
}

// Reign is one line of the record's history.
type Reign struct {
	Epoch  Epoch     `json:"epoch"`
	Main   Ordinal   `json:"main"`
	Began  time.Time `json:"began"`
	Reason string    `json:"reason"`
	Lost   bool      `json:"lost,omitempty"` // it ended because its MAIN failed, not because that stepped down
}

// Switchover is what a human wants MAIN to be. The zero value is no wish.
type Switchover struct {
	Target Ordinal   `json:"target"`
	ID     string    `json:"id"` // of the request
	Asked  time.Time `json:"asked"`
}

// Wanted reports whether there is a wish.
func (s Switchover) Wanted() bool { return s.ID != "" }

// Accepted is the request that was granted last. It is written with the record
// that grants it, so that whoever reads the record knows that it was.
type Accepted struct {
	ID     string    `json:"id"` // as Request has it
	At     time.Time `json:"at"`
	Answer string    `json:"answer"`
}

// String returns what the record says of the request.
func (a Accepted) String() string { return toJSON(a) }

// Record is the durable truth about who should be MAIN. It is a value: nobody
// changes one that others may see.
type Record struct {
	Main        Ordinal   // key masterIndex
	LastUpdated time.Time // key lastUpdated
	Version     string    // key controllerVersion

	Epoch  Epoch
	Stage  Stage
	Target Ordinal // Quiescing, Demoting: who is promoted next, maybe Main itself; NoNode otherwise
	// Held is when new work was last held so that MAIN can step down; zero if it was
	// not in this reign. Gateways let go by themselves some time after it.
	Held        time.Time
	MainProcess Process // the process that reigns; zero until it was seen promoted
	UUID        string  // database_uuid of the cluster's data; empty if unknown

	Seat       Ordinal // who holds the standby seat; NoNode if it is empty
	Promotable []Proof // never contains Main
	Heirs      []Proof // Promoting: who held everything when the last reign ended

	// Joined has each node's process as it first took part in this reign. A node
	// that runs as another one has restarted within the reign, and its promotion
	// would make healthy nodes look diverged (field-tested on 3.6.2 and 3.12.0).
	Joined []Process
	// Replace is a process of Main that must be restarted before it may be
	// promoted again: the cure after such a promotion. Zero if there is none.
	Replace Process
	// Stale says that Main had restarted within the last reign when it was
	// chosen: if a survivor is refused, that may be why.
	Stale bool

	// Databases are the database_uuids of the nodes that have followed or been
	// MAIN. A node with data of another one is a stranger, and left alone.
	Databases []string

	Readers  []Ordinal // replicas fit for the read-only door
	Rebuilds []Rebuild
	Discards []Discard
	Paused   bool
	// Switchover is asked for and has not come about yet.
	Switchover Switchover
	Request    Accepted // zero if none was ever granted
	Leader     string   // who wrote last; a write by another one means: we are deposed
	Reason     string
	History    []Reign // oldest first, at most historyLength

	// Foreign keeps keys that are not ours, as found.
	Foreign map[string]string
}

const (
	historyLength   = 20
	databasesLength = 50
)

// Proof returns the proof for node n, if it is promotable.
func (r Record) Proof(n Ordinal) (Proof, bool) { return proof(r.Promotable, n) }

func proof(in []Proof, n Ordinal) (Proof, bool) {
	for _, p := range in {
		if p.Node == n {
			return p, true
		}
	}
	return Proof{}, false
}

// Rebuild returns the rebuild asked for node n, if any.
func (r Record) Rebuild(n Ordinal) (Rebuild, bool) {
	for _, b := range r.Rebuilds {
		if b.Node == n {
			return b, true
		}
	}
	return Rebuild{}, false
}

// joined returns the process of n as it joined the reign; zero if it has not.
func (r Record) joined(n Ordinal) Process {
	if int(n) < len(r.Joined) {
		return r.Joined[n]
	}
	return Process{}
}

// clone returns a copy whose slices can be changed.
func (r Record) clone() Record {
	r.Promotable = slices.Clone(r.Promotable)
	r.Heirs = slices.Clone(r.Heirs)
	r.Joined = slices.Clone(r.Joined)
	r.Databases = slices.Clone(r.Databases)
	r.Readers = slices.Clone(r.Readers)
	r.Rebuilds = slices.Clone(r.Rebuilds)
	r.Discards = slices.Clone(r.Discards)
	r.History = slices.Clone(r.History)
	return r
}

// reign returns the record of a new reign of node n after r: nothing is
// promotable, and whoever held everything until now stays on as heir.
func (r Record) reign(n Ordinal, now time.Time, reason string) Record {
	next := r.clone()
	next.Main, next.Epoch, next.Stage, next.Target = n, r.Epoch+1, Promoting, NoNode
	next.MainProcess, next.Held = Process{}, time.Time{}
	if n != r.Main {
		next.Switchover = Switchover{} // it has come about, or another MAIN was needed first
	}
	next.Seat, next.Promotable, next.Readers = NoNode, nil, nil
	next.Joined, next.Replace, next.Stale = nil, Process{}, false
	next.Reason = reason
	next.History = append(next.History, Reign{Epoch: next.Epoch, Main: n, Began: now.UTC().Truncate(time.Millisecond), Reason: reason})
	if over := len(next.History) - historyLength; over > 0 {
		next.History = next.History[over:]
	}
	return next
}

// ErrConflict reports that the Record changed since it was loaded: another
// controller has acted, so this one must look again before it decides.
var ErrConflict = errors.New("record changed by another controller")
