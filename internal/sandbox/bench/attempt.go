package bench

import (
	"errors"
	"net"
	"strings"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// Outcome is what a client knows of one attempt to write.
type Outcome uint8

// The outcomes.
const (
	Unknown Outcome = iota // it may have been applied
	Acked                  // it was acknowledged
	Refused                // it was not applied, and never will be
)

// Attempt is one attempt to write one id.
type Attempt struct {
	ID      int64
	Writer  int
	Begin   time.Time
	End     time.Time
	Outcome Outcome
}

// refusals are the texts that say that nothing was applied. Everything else may
// have been.
var refusals = []string{
	"Transaction was aborted on all instances",            // STRICT_SYNC, Memgraph 3.10 and later
	"Transaction will be aborted on all instances",        // STRICT_SYNC before
	"Write queries are forbidden on the replica instance", // it came to a REPLICA
	"Queries on replica shouldn't write",                  // the same, older
	"Cannot get shared access to the storage",             // it has not begun
	"nothing of it was committed",                         // the gateway's word: its transaction has ended with MAIN
	"There is no MAIN to lead to",                         // the gateway's word: it was held in vain
}

// Classify says what err, the driver's answer to one auto-commit write, means.
func Classify(err error) Outcome {
	if err == nil {
		return Acked
	}
	var lost *neo4j.ConnectivityError
	if errors.As(err, &lost) {
		err = lost.Inner
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return Refused // nobody was there to send it to
	}
	var server *neo4j.Neo4jError
	if errors.As(err, &server) {
		for _, text := range refusals {
			if strings.Contains(server.Msg, text) {
				return Refused
			}
		}
	}
	return Unknown
}
