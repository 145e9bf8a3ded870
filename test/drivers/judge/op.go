package judge

import (
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/sandbox/bench"
)

// Op is one operation, as its client saw it.
type Op struct {
	Client     int
	ID         int64 // what it was to write; 0: it read
	Begin, End time.Time
	// Tries is how often the driver ran the work; 0: it never came to that.
	Tries int
	// Sent counts the tries that came to where something may have been committed: the
	// work of a transaction was done and COMMIT was to follow, or a statement of its own
	// was run.
	Sent    int
	Door    string   // host:port of the server that answered, as the driver has it
	Failure *Failure // nil: it succeeded
}

// Failure is what a driver told its application.
type Failure struct {
	Code      string // the server's, or what the driver calls it
	Text      string
	Retriable bool // by the driver's own judgement
}

// Outcome says what is known of what an Op has written.
func (o Op) Outcome() bench.Outcome {
	switch {
	case o.Failure == nil:
		return bench.Acked
	case o.Sent == 0:
		return bench.Refused
	case o.Sent == 1: // of several tries the earlier ones may have taken effect
		return bench.Classify(&neo4j.Neo4jError{Code: o.Failure.Code, Msg: o.Failure.Text})
	}
	return bench.Unknown
}

// Class says how an operation has ended, for its application.
type Class uint8

// The classes.
const (
	Done      Class = iota
	Retriable       // nothing has happened, and the driver says that it may be tried again
	Unknown         // a COMMIT, or a write of its own, was sent, and what became of it is not known
	Final           // nothing has happened, and trying again is not said to help
)

// unanswered reports whether nobody has answered what was sent last: the connection has
// ended, or the gateway says so.
func (f Failure) unanswered() bool {
	words := strings.Split(f.Code, ".")
	return len(words) != 4 || words[3] == "CommitOutcomeUnknown"
}

// Class returns the class of an Op.
func (o Op) Class() Class {
	switch {
	case o.Failure == nil:
		return Done
	case o.ID != 0 && o.Outcome() == bench.Unknown:
		return Unknown
	case o.Failure.Retriable:
		return Retriable
	case o.Sent > 0 && o.Failure.unanswered():
		return Unknown // the COMMIT of a read: neither driver nor gateway looks into it
	}
	return Final
}

// attempt is an Op that wrote, as the bench knows it.
func (o Op) attempt() bench.Attempt {
	return bench.Attempt{ID: o.ID, Writer: o.Client, Begin: o.Begin, End: o.End, Outcome: o.Outcome()}
}
