package cluster

import (
	"fmt"
	"strconv"
	"strings"
)

// Ordinal identifies a node for its whole life: the number at the end of its
// StatefulSet pod name.
type Ordinal int

// NoNode is the Ordinal of nobody.
const NoNode Ordinal = -1

// String returns "node N", or "nobody".
func (o Ordinal) String() string {
	if o == NoNode {
		return "nobody"
	}
	return "node " + strconv.Itoa(int(o))
}

// OrdinalOf returns the ordinal at the end of a StatefulSet pod's name.
func OrdinalOf(pod string) (Ordinal, error) {
	digits := pod[strings.LastIndexByte(pod, '-')+1:]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || len(digits) == len(pod) || digits[0] == '+' {
		return NoNode, fmt.Errorf("pod name %q: want one of a StatefulSet, which ends with a hyphen and an ordinal, like memgraph-0", pod)
	}
	return Ordinal(n), nil
}

// Epoch counts reigns: it grows by one whenever a node is promoted, also when
// it is the same node again. Zero means that no reign was recorded yet.
type Epoch uint64

// Role is what a node says of itself.
type Role uint8

// The roles of SHOW REPLICATION ROLE.
const (
	RoleUnknown Role = iota // the node has not answered; treat as neither
	RoleMain
	RoleReplica
)

// String returns Memgraph's own word, or "unknown".
func (r Role) String() string { return word(r, "unknown", "main", "replica") }

// Mode is how MAIN replicates to one replica.
type Mode uint8

// The modes of REGISTER REPLICA.
const (
	ModeUnknown Mode = iota
	Async            // never waited for, never promoted by itself
	Sync             // waited for; a failed commit stays on MAIN (Memgraph before 3.5)
	StrictSync       // two-phase: not confirmed, not committed (Memgraph 3.5 and later)
)

// String returns the word SHOW REPLICAS uses, or "unknown".
func (m Mode) String() string { return word(m, "unknown", "async", "sync", "strict_sync") }

// Waited reports whether MAIN waits for such a replica before it acknowledges.
func (m Mode) Waited() bool { return m == Sync || m == StrictSync }

// Status is the state of one replica as its MAIN shows it.
type Status uint8

// The words of SHOW REPLICAS (2.16 to 3.12). StatusUnknown stands for a word
// that this version of the controller does not know: never promotable.
const (
	StatusUnknown Status = iota
	Ready
	Replicating
	Recovering
	Invalid
	Diverged
)

// String returns the word SHOW REPLICAS uses, or "unknown".
func (s Status) String() string {
	return word(s, "unknown", "ready", "replicating", "recovery", "invalid", "diverged")
}

func word[T ~uint8](v T, words ...string) string {
	if int(v) < len(words) {
		return words[v]
	}
	return words[0]
}

// Process identifies one run of a node's server, as the platform tells it: on
// Kubernetes pod UID, container id and start; in the sandbox process id and
// start. The zero value is a process nobody could identify.
type Process struct {
	ID   string `json:"id,omitempty"`   // changes with every start of the server; before a slash, if there is one, is what names its pod
	Boot string `json:"boot,omitempty"` // changes when its machine boots
}

// Known reports whether the platform could name the process.
func (p Process) Known() bool { return p.ID != "" }

// Node is where a node can be reached.
type Node struct {
	Name        string // its name in REGISTER REPLICA and in every message
	Bolt        string // host:port
	Replication string // host:port
}

// Topology lists the nodes of the cluster by Ordinal. It never changes while a
// controller runs.
type Topology []Node

// Name returns the name of node o, or "nobody".
func (t Topology) Name(o Ordinal) string {
	if o < 0 || int(o) >= len(t) {
		return o.String()
	}
	return t[o].Name
}

// Find returns the node that is called name or replicates at address, NoNode if
// there is none.
func (t Topology) Find(name, address string) Ordinal {
	for i, n := range t {
		if n.Name == name {
			return Ordinal(i)
		}
	}
	for i, n := range t {
		if n.Replication == address {
			return Ordinal(i)
		}
	}
	return NoNode
}

// Version is a Memgraph release. The zero value is an unknown one.
type Version struct{ Major, Minor, Patch int }

// ParseVersion reads what SHOW VERSION answers, e.g. "3.12.0" or "3.6.2+12~abc".
func ParseVersion(s string) (Version, error) {
	core, _, _ := strings.Cut(s, "+")
	core, _, _ = strings.Cut(core, "-")
	parts := strings.Split(core, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("version %q: want MAJOR.MINOR.PATCH", s)
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 {
			return Version{}, fmt.Errorf("version %q: want MAJOR.MINOR.PATCH", s)
		}
		n[i] = v
	}
	return Version{n[0], n[1], n[2]}, nil
}

// AtLeast reports whether v is known and not older than major.minor.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor && v.Known()
}

// Known reports whether the version was read at all.
func (v Version) Known() bool { return v != Version{} }

// String returns e.g. "3.12.0", or "unknown".
func (v Version) String() string {
	if !v.Known() {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// SeatMode is the mode of the standby seat: STRICT_SYNC where the server knows
// it (3.5 and later), SYNC before.
func (v Version) SeatMode() Mode {
	if v.AtLeast(3, 5) {
		return StrictSync
	}
	return Sync
}
