package server

import (
	"context"
	"errors"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
	"memgraph-controller/internal/standin/replication"
)

// session is one Bolt connection, or the init file.
type session struct {
	in   *Instance
	user string
	tx   *transaction // explicit, or nil
}

var (
	_ bolt.Handler = (*Instance)(nil)
	_ bolt.Session = (*session)(nil)
)

// Open starts a session. A hung Memgraph does not get that far.
func (in *Instance) Open(ctx context.Context, hello bolt.Hello) (bolt.Session, error) {
	if in.node.Hung() {
		in.node.Hang(ctx)
		return nil, errors.New("this node has hung")
	}
	s := &session{in: in, user: hello.Principal}
	in.sessions.add(s)
	return s, nil
}

// Begin starts an explicit transaction, and with it a storage transaction, whatever follows.
func (s *session) Begin(ctx context.Context, meta map[string]any) error {
	if s.tx != nil {
		return bolt.ClientError("Nested transactions are not supported.")
	}
	data, _ := meta["tx_metadata"].(map[string]any)
	var err error
	s.tx, err = s.in.begin(ctx, s.user, data)
	return err
}

// Run prepares a query.
func (s *session) Run(ctx context.Context, query string, params, meta map[string]any) (bolt.Result, error) {
	if s.tx != nil {
		if err := s.tx.aborted(); err != nil {
			return nil, err
		}
	}
	stmt, err := cypher.Parse(query)
	if err != nil {
		return nil, err
	}
	if q, ok := stmt.(*cypher.Query); ok {
		return s.runData(ctx, q, query, params, meta)
	}
	return s.runSystem(ctx, stmt, query, params)
}

// writable refuses to write on a REPLICA.
func (s *session) writable(ctx context.Context) error {
	role, err := s.in.node.Role(ctx)
	if err == nil && role != replication.Main {
		err = s.in.version.writeForbidden()
	}
	return err
}

func (s *session) runData(ctx context.Context, q *cypher.Query, text string, params, meta map[string]any) (bolt.Result, error) {
	if q.Kind() == cypher.Write {
		if err := s.writable(ctx); err != nil {
			return nil, err
		}
	}
	tx, auto := s.tx, s.tx == nil
	if auto {
		data, _ := meta["tx_metadata"].(map[string]any)
		var err error
		if tx, err = s.in.begin(ctx, s.user, data); err != nil {
			return nil, err
		}
	}
	tx.note(text)
	found, err := cypher.Execute(ctx, q, params, graph{tx.txn})
	if err != nil {
		if auto {
			tx.rollback()
		}
		return nil, err
	}
	return &rows{Rows: found, tx: tx, auto: auto}, nil
}

// Commit commits the explicit transaction.
func (s *session) Commit(ctx context.Context) error {
	tx := s.tx
	s.tx = nil
	if tx == nil {
		return bolt.ClientError("No current transaction to commit.")
	}
	_, err := tx.commit(ctx, false)
	return err
}

// Rollback drops the explicit transaction.
func (s *session) Rollback(context.Context) error {
	if s.tx == nil {
		return bolt.ClientError("No current transaction to rollback.")
	}
	s.drop()
	return nil
}

// Reset drops the explicit transaction, if there is one.
func (s *session) Reset(context.Context) { s.drop() }

// Close ends the session.
func (s *session) Close() {
	s.drop()
	s.in.sessions.remove(s)
}

func (s *session) drop() {
	if s.tx != nil {
		s.tx.rollback()
		s.tx = nil
	}
}
