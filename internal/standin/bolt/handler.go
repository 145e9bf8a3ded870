package bolt

import (
	"context"
	"errors"
)

// Error codes Memgraph puts into FAILURE messages. Drivers retry on the
// second dotted part, so the class matters more than the rest.
const (
	CodeClient          = "Memgraph.ClientError.MemgraphError.MemgraphError"
	CodeTransient       = "Memgraph.TransientError.MemgraphError.MemgraphError"
	CodeDatabase        = "Memgraph.DatabaseError.MemgraphError.MemgraphError"
	CodeUnauthenticated = "Memgraph.ClientError.Security.Unauthenticated"
	// CodeExecution is the code of the FAILURE that precedes closing a
	// connection on which an unexpected message arrived.
	CodeExecution = "Memgraph.ExecutionException"
)

// Error is a failure as the client will see it.
type Error struct {
	Code    string // one of the Code constants
	Message string // Memgraph's words, without a prefix of ours
}

// Error returns the message alone; the code travels beside it.
func (e *Error) Error() string { return e.Message }

// BoltCode returns Code.
func (e *Error) BoltCode() string { return e.Code }

// ClientError returns an Error of the Client class, the class of every query
// and (since 3.8) replication exception.
func ClientError(message string) *Error { return &Error{Code: CodeClient, Message: message} }

// TransientError returns an Error of the Transient class, which drivers retry.
func TransientError(message string) *Error { return &Error{Code: CodeTransient, Message: message} }

// Coded is implemented by errors that know their Bolt code. Any error in a
// chain may; Error does. An error without a code is sent as CodeDatabase.
type Coded interface {
	error
	BoltCode() string
}

// failure returns what the FAILURE message for err must say.
func failure(err error) (code, message string) {
	if coded, ok := errors.AsType[Coded](err); ok {
		return coded.BoltCode(), coded.Error()
	}
	return CodeDatabase, err.Error()
}

// Hello says who opens a session.
type Hello struct {
	Version    Version        // the negotiated protocol version
	UserAgent  string         // never empty from Bolt 4 on
	Scheme     string         // "basic", "none", or whatever the client sent
	Principal  string         // the user name; empty without authentication
	RemoteAddr string         // host:port of the client
	Extra      map[string]any // the whole map of HELLO or INIT, without credentials
}

// Handler opens a Session for each authenticated connection. It must be safe
// for concurrent use.
type Handler interface {
	// Open starts a session. ctx ends when the connection does. An error is
	// sent as FAILURE and closes the connection.
	Open(ctx context.Context, hello Hello) (Session, error)
}

// Session executes the requests of one connection. The server never calls two
// methods of one session at the same time, save that ctx may end meanwhile.
//
// An explicit transaction starts with Begin and ends with Commit or Rollback;
// every Run between belongs to it. A Run outside is a transaction of its own,
// which the Result commits inside its last Next.
type Session interface {
	// Begin starts an explicit transaction. meta is the map of BEGIN.
	Begin(ctx context.Context, meta map[string]any) error
	// Run prepares a query. An error is the FAILURE of RUN.
	Run(ctx context.Context, query string, params, meta map[string]any) (Result, error)
	// Commit commits the explicit transaction; an error means the
	// transaction is over all the same.
	Commit(ctx context.Context) error
	// Rollback ends the explicit transaction without a trace.
	Rollback(ctx context.Context) error
	// Reset drops any open transaction; results were closed before.
	Reset(ctx context.Context)
	// Close ends the session. It is called exactly once, after the last
	// other call, and drops any open transaction.
	Close()
}

// Router is implemented by a Session that answers ROUTE. Without it the
// server answers as a Memgraph of its version and edition does that is not
// part of a cluster.
type Router interface {
	// Route returns the routing table ("ttl", "db", "servers").
	Route(ctx context.Context, routing map[string]any, db string) (map[string]any, error)
}

// Result is a stream of rows being pulled.
type Result interface {
	// Fields returns the names of the columns, possibly none.
	Fields() []string
	// Next returns the next row, or ok == false at the end, when it has also
	// committed an auto-commit transaction. An error is the FAILURE of PULL.
	// The row need be valid only until the following call of Next or Close.
	// Next is not called again after an error or the end.
	Next(ctx context.Context) (row []any, ok bool, err error)
	// Summary returns what the SUCCESS after the last row says, without
	// "has_more". It is called once, after Next returned ok == false.
	Summary() map[string]any
	// Close gives the result up; before the end of an auto-commit result
	// this rolls back. It may be called after the end and more than once.
	Close()
}

// Node is a graph node as a value. Its slices and maps are shared and must
// not be changed by anyone after the Node has been handed over.
type Node struct {
	ID     int64
	Labels []string
	Props  map[string]any
}
