package memgraph

import (
	"errors"
	"fmt"
	"strings"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/cluster"
)

// meaning is what one of Memgraph's error texts comes to.
type meaning uint8

const (
	noMeaning       meaning = iota // no error of the server, or a text not in the table
	notMain                        // the statement needs a MAIN
	roleStays                      // SET ROLE was refused; why, only the role read back can tell
	lockTaken                      // the role lock, or the storage, was taken; nothing happened
	systemQueryBusy                // another system query ran; nothing happened
	unregistered                   // DROP: no such replica
	registerFailed                 // REGISTER, before 3.5: no code, read the list
	registerCode0                  // REGISTER, 3.5 and later: the node is not MAIN
	nameExists                     // … 1
	endpointExists                 // … 2
	diverged                       // … 3
	notPersisted                   // … 4
	notAccepting                   // … 5
	registerBusy                   // … 6
	notReplicated                  // a commit was not confirmed: aborted (STRICT_SYNC) or kept by MAIN alone (SYNC)
	badLogin                       // wrong user or password
)

// phrase is a part of an error message that is the same wherever it occurs.
type phrase struct {
	text   string
	means  meaning
	source string // where it was recorded, or read in source
}

// phrases is searched from the top; the first that is contained in a message
// decides. Codes are not looked at: the class of replication errors changed
// from Transient to Client in 3.8 and differs between COMMIT and auto-commit.
var phrases = []phrase{
	{"Couldn't set replication role to main!", roleStays, "recorded on 3.6.2 and 3.12.0; same from 2.19"},
	{"Couldn't set role to replica!", roleStays, "recorded on 3.6.2 and 3.12.0; same from 2.19"},

	{"Show replicas query should only be run on the main instance", notMain, "recorded on 3.6.2 and 3.12.0; from 3.1"},
	{"Replica can't show registered replicas", notMain, "source of 2.19 to 3.0"},
	{"Replica can't register another replica!", notMain, "recorded on 3.6.2 and 3.12.0; same from 2.19"},
	{"Replica can't unregister a replica!", notMain, "recorded on 3.6.2 and 3.12.0; prefix of the text from 2.19"},
	{"Write queries are forbidden on the replica instance", notMain, "recorded on 3.6.2 and 3.12.0; from 3.1"},
	{"Write query forbidden on the replica!", notMain, "source of 2.19 to 3.0"},
	{"Queries on replica shouldn't write", notMain, "recorded on 3.6.2"},
	{"Cannot commit because instance is not main anymore", notMain, "recorded on 3.6.2 and 3.12.0; from 2.22"},

	{"due to lack of unique access over the cluster state", lockTaken, "recorded on 3.6.2 and 3.12.0; from 3.1"},
	{"Couldn't get unique access to replication state!", lockTaken, "source of 2.21 to 3.0"},
	{"Cannot get shared access to the storage", lockTaken, "source of 3.9"},
	{"Multiple concurrent system queries are not supported", systemQueryBusy, "recorded on 3.6.2"},

	{"Failed to unregister the replica", unregistered, "recorded on 3.6.2 and 3.12.0; from 3.1"},
	{"Couldn't unregister the replica", unregistered, "source of 2.19 to 3.0"},

	{"Couldn't register replica", registerFailed, "recorded on 3.6.2 and 3.12.0 with a code; source of 2.19 to 3.4 without"},

	{"STRICT_SYNC replica has not confirmed committing last transaction", notReplicated, "recorded on 3.6.2; to 3.9"},
	{"SYNC replica has not confirmed committing last transaction", notReplicated, "recorded on 3.6.2; to 3.9"},
	{"Transaction was aborted on all instances", notReplicated, "recorded on 3.12.0; from 3.10"},
	{"Transaction will be aborted on all instances", notReplicated, "recorded on 3.6.2; to 3.9"},
	{"Transaction is still committed on the main instance", notReplicated, "recorded on 3.12.0; from 3.10"},

	{"Authentication failure", badLogin, "source of 2.19 to 3.12"},
}

// silentFailure is the code of the notification that comes with the success of
// a write that a SYNC replica has not got (source after 3.12).
const silentFailure = "SyncReplicationFailure"

// unauthenticated ends the code of a failed login (source of 2.19 to 3.12).
const unauthenticated = ".Security.Unauthenticated"

// said returns what the server said, nil if err is none of its answers.
func said(err error) *neo4j.Neo4jError {
	failure := (*neo4j.Neo4jError)(nil)
	errors.As(err, &failure)
	return failure
}

// meaningOf classes an error of a statement.
func meaningOf(err error) meaning {
	failure := said(err)
	if failure == nil {
		return noMeaning
	}
	return classify(failure.Code, failure.Msg)
}

func classify(code, message string) meaning {
	if strings.HasSuffix(code, unauthenticated) {
		return badLogin
	}
	for _, p := range phrases {
		if !strings.Contains(message, p.text) {
			continue
		}
		if p.means == registerFailed {
			return registerCode(message)
		}
		return p.means
	}
	return noMeaning
}

// registerCode reads the digit of "Couldn't register replica b. Error: 3". The
// numbers are the same from 3.5 to 3.12.
func registerCode(message string) meaning {
	at := strings.LastIndex(message, "Error: ")
	if at < 0 {
		return registerFailed
	}
	switch strings.TrimSpace(message[at+len("Error: "):]) {
	case "0":
		return registerCode0
	case "1":
		return nameExists
	case "2":
		return endpointExists
	case "3":
		return diverged
	case "4":
		return notPersisted
	case "5":
		return notAccepting
	case "6":
		return registerBusy
	}
	return noMeaning
}

// failureOf turns a meaning into the class the core knows.
func failureOf(m meaning) cluster.Failure {
	switch m {
	case notMain, registerCode0:
		return cluster.WrongRole
	case lockTaken, systemQueryBusy, registerBusy, roleStays:
		return cluster.Busy
	case nameExists, endpointExists:
		return cluster.Exists
	case diverged:
		return cluster.Refuses
	case notAccepting:
		return cluster.Deaf
	case notReplicated:
		return cluster.Aborted
	case badLogin:
		return cluster.Unreachable
	default:
		return cluster.Unclear
	}
}

// faultOf says why a node that answers a look with an error cannot be used, and
// what to do.
func faultOf(failure *neo4j.Neo4jError, user string) string {
	switch {
	case classify(failure.Code, failure.Msg) == badLogin && user == "":
		return "wants a login: give the controller the user and password of a Memgraph user"
	case classify(failure.Code, failure.Msg) == badLogin:
		return fmt.Sprintf("authentication failed for user %q: check the controller's credentials, and that this node has that user (users are not replicated)", user)
	case strings.HasPrefix(failure.Code, "Neo."):
		return fmt.Sprintf("is not Memgraph but Neo4j or its like (%s): check the address", failure.Code)
	default:
		return fmt.Sprintf("refuses to tell its replication role (%q): it must be a data instance without coordinator flags, and the user must be allowed to manage replication", failure.Msg)
	}
}
