package cluster

import (
	"fmt"
	"time"
)

// Kind says what a Step does.
type Kind uint8

// The steps. Each is one statement to one node, or one word to the platform.
const (
	NoStep   Kind = iota
	Promote       // SET REPLICATION ROLE TO MAIN, if Database is there, then read the role back
	Demote        // SET REPLICATION ROLE TO REPLICA, then read the role back
	Mark          // a write that leaves no trace: makes the epoch durable, proves the seat
	Nudge         // a write like Mark's, upon which MAIN looks at once at a replica it calls invalid
	Register      // REGISTER REPLICA, after the replication port was seen open
	Drop          // DROP REPLICA
	Restart       // end the node's process; the platform starts it again
	Hold          // no step that is ever taken: work was held for a replica. See Decision.Vain
)

// String names the step as an operator would.
func (k Kind) String() string {
	return word(k, "nothing", "promote", "demote", "mark", "nudge", "register", "drop", "restart", "hold")
}

// Step is one thing to do to one node. It is comparable: the same Step is the
// same attempt.
type Step struct {
	Kind    Kind
	Node    Ordinal // whom it is done to
	Epoch   Epoch   // in which reign
	Replica Ordinal // Hold, Nudge, Register, Drop: which replica; NoNode for a name that is none of ours
	Name    string  // Drop: the name it is registered under
	Mode    Mode    // Register
	Proves  Ordinal // Mark: which seat holder the write went through; NoNode for none
	// Database is the database_uuid that Promote must find: what was seen of a node may
	// be a moment old. Empty: any.
	Database string
}

// String returns e.g. "register node 2 as async on node 1".
func (s Step) String() string {
	switch s.Kind {
	case NoStep:
		return "nothing"
	case Register:
		return fmt.Sprintf("register %s as %s on %s", s.Replica, s.Mode, s.Node)
	case Drop:
		return fmt.Sprintf("drop replica %s on %s", s.Name, s.Node)
	case Hold, Nudge:
		return fmt.Sprintf("%s %s for %s", s.Kind, s.Node, s.Replica)
	case Mark:
		if s.Proves != NoNode {
			return fmt.Sprintf("mark %s through %s", s.Node, s.Proves)
		}
		return fmt.Sprintf("mark %s", s.Node)
	default:
		return fmt.Sprintf("%s %s", s.Kind, s.Node)
	}
}

// Failure classes what became of a Step. Adapters find it out from Memgraph's
// texts; nobody above them reads texts.
type Failure uint8

// The classes. Unclear is everything else: the step may or may not have
// happened, look again.
const (
	Unclear     Failure = iota + 1
	Unreachable         // the node could not be asked; nothing happened
	Busy                // the role lock was taken (error 6 and its kin); nothing happened
	Exists              // errors 1 and 2: registered already
	Refuses             // error 3: the replica holds other data, or so it looks
	Deaf                // error 5, or its replication port does not answer
	Aborted             // a write was refused by the seat and is nowhere
	WrongRole           // the node is MAIN where a REPLICA is needed, or the reverse
	TimedOut            // no answer in time; it may still happen
	Replaced            // the node holds another database than it must; nothing happened
)

// String names the failure for logs and status.
func (f Failure) String() string {
	return word(f, "none", "unclear", "unreachable", "busy", "exists", "diverged", "not accepting", "aborted", "wrong role", "timed out", "another database")
}

// StepError is the error of a Step that did not do what it should.
type StepError struct {
	Step    Step
	Failure Failure
	Err     error // what the node or the network said
}

// Error returns e.g. "promote node 1: dial 10.0.3.7:7687: connection refused".
func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Err) }

// Unwrap returns what the node or the network said.
func (e *StepError) Unwrap() error { return e.Err }

// Attempt is what this term knows about one Step.
type Attempt struct {
	At       time.Time // when the last try ended
	Tries    int       // in all
	Failures int       // in a row; 0 after a success
	Failure  Failure   // of the last try; 0 if it succeeded
	Process  Process   // of the replica (Register, Mark, Hold) or the node at the time
}

// Attempts are the tries of this term, by Step.
type Attempts map[Step]Attempt
