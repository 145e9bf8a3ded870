package cluster

import "time"

// Contact is how the last probe of a node ended.
type Contact uint8

// How a probe ends. Only Answered makes the rest of a Sighting current.
const (
	NotProbed Contact = iota // no probe has ended in this term
	Answered                 // it answered SHOW REPLICATION ROLE
	Refused                  // its Bolt port refused the connection: no process listens there
	Silent                   // no answer within the probe's deadline
	Foreign                  // something answered that is no usable Memgraph; Fault says what
)

// String names the contact for logs and status.
func (c Contact) String() string {
	return word(c, "not probed", "answered", "refused", "silent", "foreign")
}

// ParseContact reads what String wrote; false if it is none of these words.
func ParseContact(s string) (Contact, bool) {
	for c := NotProbed; c <= Foreign; c++ {
		if c.String() == s {
			return c, true
		}
	}
	return NotProbed, false
}

// Truth has three values, because "did not say" is not "no".
type Truth uint8

// The three answers.
const (
	Unknown Truth = iota
	Yes
	No
)

// String returns "unknown", "yes" or "no".
func (t Truth) String() string { return word(t, "unknown", "yes", "no") }

// Data is what a node says about its storage (SHOW STORAGE INFO, from 3.11
// SHOW STORAGE INFO ON CURRENT DATABASE).
type Data struct {
	Known    bool
	UUID     string // database_uuid, Memgraph 3.5 and later; empty before
	Vertices int64
	Edges    int64
	Mode     string // storage_mode, e.g. IN_MEMORY_TRANSACTIONAL
}

// Figure is a number that a node may not have told. The zero value is not known.
type Figure struct {
	Known bool
	Value int64
}

// Usage is what a node says it occupies. It is for people and alerts: no decision looks
// at it. The zero value knows nothing.
type Usage struct {
	Resident     Figure // bytes of memory its process has
	Tracked      Figure // bytes of memory that count against Limit
	Limit        Figure // bytes beyond which it refuses writes; not known if there is no limit
	Disk         Figure // bytes of its database on disk
	Deltas       Figure // old versions of data that it keeps for open transactions
	Transactions Figure // open, without the one of who asks
}

// Empty reports whether the node is known to hold no graph.
func (d Data) Empty() bool { return d.Known && d.Vertices == 0 && d.Edges == 0 }

// Replica is one row of SHOW REPLICAS.
type Replica struct {
	Name    string
	Node    Ordinal // NoNode if it is none of ours
	Address string
	Mode    Mode
	Ghost   bool // data_info {}: listed, but neither replicating nor protecting
	Status  Status
	TS      int64 // last durable timestamp as MAIN knows it
	Behind  int64 // 0 or negative: timestamps behind MAIN; positive: ahead, an alarm
	// Lag is for how long MAIN has had, in this term, more than the replica has. 0: it has
	// all, or nobody knows. The core compares it and never computes it.
	Lag   time.Duration
	Since time.Time // when Status was first seen as it is; kept by Sighting.After
	Ahead time.Time // when Behind was first seen positive; zero if it is not
	Grew  time.Time // when TS was last seen to have grown; zero if it never was
	// Pace is how long after the time before that; 0 if it was not seen to grow twice.
	Pace time.Duration
}

// Whole reports whether r holds all that MAIN has, as far as MAIN knows.
func (r Replica) Whole() bool { return !r.Ghost && r.Status == Ready && r.Behind == 0 }

// ahead reports whether r has been ahead of MAIN for long enough to be believed:
// a list that is read in the middle of a commit may show it for a moment.
func (r Replica) ahead(now time.Time) bool {
	return r.Behind > 0 && !r.Ahead.IsZero() && now.Sub(r.Ahead) >= aheadFor
}

// moves reports whether r, which MAIN calls invalid or recovering, was seen to get what
// it had missed twice within the given time, and last no longer ago. Under load an ASYNC
// replica is hardly ever called anything else (recorded on 3.6.2).
func (r Replica) moves(now time.Time, within time.Duration) bool {
	return !r.Ghost && (r.Status == Invalid || r.Status == Recovering) &&
		0 < r.Pace && r.Pace < within && now.Sub(r.Grew) < within
}

// caughtUp reports whether r, while nothing is written, has all that MAIN has. An
// ASYNC replica goes on being called replicating after a write that another
// replica made abort, until the next one succeeds (recorded on 3.6.2).
func (r Replica) caughtUp() bool {
	return !r.Ghost && r.Behind == 0 && (r.Status == Ready || r.Status == Replicating)
}

// Sighting is what is known of one node. What it says of itself (Role to
// Version) is as of Answered and current only while Contact is Answered.
type Sighting struct {
	Contact  Contact
	Since    time.Time // since when Contact is what it is
	Answered time.Time // last answer in this term; zero if none
	// Steady is since when it has answered in this term without a pause in which its
	// machine could have been switched off and on; zero if it has not answered.
	Steady time.Time
	Fault  string // why a Foreign node cannot be used, and what to do

	Role     Role
	Replicas []Replica // only of a MAIN
	Listed   bool      // Replicas were read; an unread list is not an empty one
	Data     Data
	Usage    Usage // as of some seconds ago at most
	WAL      Truth // --storage-wal-enabled
	Version  Version

	// What the platform says, independent of Bolt.
	Process  Process
	AsOf     time.Time // Process is what ran then, or later; zero: as old as a watch may be
	Gone     bool      // no such process or pod; as good as Refused
	Leaving  bool      // told to stop, still running
	Aside    Aside
	Opinions []Opinion
}

// Opinion is what another controller replica sees of a node.
type Opinion struct {
	From    string
	Contact Contact
	Epoch   Epoch // of the newest record it has seen; 0: of none
}

// After returns s as the successor of an earlier sighting of the same node:
// what a failed probe could not learn is carried over, and the times at which
// states began are kept.
func (s Sighting) After(prev Sighting) Sighting {
	if s.Contact != Answered {
		answered, steady, fault, contact, since := prev.Answered, prev.Steady, s.Fault, s.Contact, s.Since
		process, asOf, gone, leaving, kept, opinions := s.Process, s.AsOf, s.Gone, s.Leaving, s.Aside, s.Opinions
		s = prev
		s.Answered, s.Steady, s.Fault, s.Contact, s.Since = answered, steady, fault, contact, since
		s.Process, s.AsOf, s.Gone, s.Leaving, s.Aside, s.Opinions = process, asOf, gone, leaving, kept, opinions
	}
	vain := func(c Contact) bool { return c == Silent || c == Foreign }
	if (s.Contact == prev.Contact || vain(s.Contact) && vain(prev.Contact)) && !prev.Since.IsZero() {
		s.Since = prev.Since
	}
	if s.Contact != Answered {
		return s
	}
	s.Steady = prev.Steady
	if prev.Answered.IsZero() || s.Answered.Sub(prev.Answered) >= rebootFloor {
		s.Steady = s.Answered
	}
	if !s.Data.Known {
		s.Data = prev.Data
	}
	if s.WAL == Unknown {
		s.WAL = prev.WAL
	}
	if !s.Version.Known() {
		s.Version = prev.Version
	}
	if s.Role == RoleMain && !s.Listed {
		s.Replicas = prev.Replicas // old news, and marked so
	}
	s.Replicas = append([]Replica(nil), s.Replicas...)
	for i := range s.Replicas {
		r := &s.Replicas[i]
		*r = r.after(prev.Replicas, s.Answered)
	}
	return s
}

// after returns r with the times at which its states began.
func (r Replica) after(prev []Replica, now time.Time) Replica {
	r.Since, r.Ahead, r.Grew, r.Pace = now, time.Time{}, time.Time{}, 0
	if r.Behind > 0 {
		r.Ahead = now
	}
	for _, old := range prev {
		if old.Name != r.Name {
			continue
		}
		if old.Status == r.Status && old.Ghost == r.Ghost && old.Mode == r.Mode {
			r.Since = old.Since
		}
		if r.Behind > 0 && !old.Ahead.IsZero() {
			r.Ahead = old.Ahead
		}
		switch {
		case r.TS > old.TS:
			r.Grew = now
			if !old.Grew.IsZero() {
				r.Pace = now.Sub(old.Grew)
			}
		case r.TS == old.TS:
			r.Grew, r.Pace = old.Grew, old.Pace
		}
	}
	return r
}

// Replica returns how s, a MAIN, lists node n.
func (s Sighting) Replica(n Ordinal) (Replica, bool) {
	for _, r := range s.Replicas {
		if r.Node == n {
			return r, true
		}
	}
	return Replica{}, false
}

// is reports whether the node answered the last probe and claims role.
func (s Sighting) is(role Role) bool { return s.Contact == Answered && !s.Gone && s.Role == role }

// down reports whether the node's process is known not to serve: its port
// refuses, or the platform says it is gone.
func (s Sighting) down() bool { return s.Contact == Refused || s.Gone }

// Observation is everything a decision may look at besides the Record.
type Observation struct {
	Now  time.Time
	Term time.Time // when this controller began to lead; silence counts from here
	// Quiesced is when this controller began the quiesce that is recorded; zero if another
	// did: then the gateways do not hold new work any more, or will not for long.
	Quiesced time.Time
	Wrote    time.Time // when the last write of the record by this controller had returned; zero if unknown
	Nodes    []Sighting
}

// silence is how long node n has not answered in this term, zero if it
// answered the last probe.
func (o Observation) silence(n Ordinal) time.Duration {
	s := o.Nodes[n]
	if s.Contact == Answered {
		return 0
	}
	since := s.Answered
	if since.Before(o.Term) {
		since = o.Term
	}
	return o.Now.Sub(since)
}
