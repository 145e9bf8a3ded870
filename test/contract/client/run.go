package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"
)

// Run executes query as an auto-commit statement on the server at addr
// (host:port). The context bounds everything, including the connection.
func Run(ctx context.Context, addr, query string) Answer {
	start := time.Now()
	a := Answer{Query: query}
	drv, err := open(addr)
	if err != nil {
		return a.ended(AtConnect, err, start)
	}
	defer closeQuietly(ctx, drv.Close)
	s := drv.NewSession(ctx, neo4j.SessionConfig{FetchSize: neo4j.FetchAll})
	defer closeQuietly(ctx, s.Close)
	res, err := s.Run(ctx, query, nil)
	if err != nil {
		return a.ended(AtRun, err, start)
	}
	return a.drain(ctx, res, start)
}

// Tx is an open explicit transaction. Close it, also after Commit.
type Tx struct {
	drv neo4j.DriverWithContext
	ses neo4j.SessionWithContext
	tx  neo4j.ExplicitTransaction
}

// Begin opens an explicit transaction on the server at addr.
func Begin(ctx context.Context, addr string) (*Tx, error) {
	drv, err := open(addr)
	if err != nil {
		return nil, err
	}
	s := drv.NewSession(ctx, neo4j.SessionConfig{FetchSize: neo4j.FetchAll})
	tx, err := s.BeginTransaction(ctx)
	if err != nil {
		closeQuietly(ctx, s.Close)
		closeQuietly(ctx, drv.Close)
		return nil, fmt.Errorf("begin on %s: %w", addr, err)
	}
	return &Tx{drv: drv, ses: s, tx: tx}, nil
}

// Run executes query inside the transaction.
func (t *Tx) Run(ctx context.Context, query string) Answer {
	start := time.Now()
	a := Answer{Query: query}
	res, err := t.tx.Run(ctx, query, nil)
	if err != nil {
		return a.ended(AtRun, err, start)
	}
	return a.drain(ctx, res, start)
}

// Commit commits and returns the outcome.
func (t *Tx) Commit(ctx context.Context) Answer {
	start := time.Now()
	a := Answer{Query: "COMMIT"}
	if err := t.tx.Commit(ctx); err != nil {
		return a.ended(AtCommit, err, start)
	}
	a.Took = time.Since(start)
	return a
}

// Close rolls back what is still open and closes the connection.
func (t *Tx) Close(ctx context.Context) {
	closeQuietly(ctx, t.tx.Close)
	closeQuietly(ctx, t.ses.Close)
	closeQuietly(ctx, t.drv.Close)
}

// Managed executes query as the driver's managed write transaction, which
// retries whatever the driver takes for transient, and tells how often it tried.
func Managed(ctx context.Context, addr, query string) (attempts int, a Answer) {
	start := time.Now()
	a = Answer{Query: query}
	drv, err := open(addr)
	if err != nil {
		return 0, a.ended(AtConnect, err, start)
	}
	defer closeQuietly(ctx, drv.Close)
	s := drv.NewSession(ctx, neo4j.SessionConfig{})
	defer closeQuietly(ctx, s.Close)
	_, err = s.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		attempts++
		res, err := tx.Run(ctx, query, nil)
		if err != nil {
			return nil, err
		}
		return res.Consume(ctx)
	})
	if err != nil {
		return attempts, a.ended(AtCommit, err, start)
	}
	a.Took = time.Since(start)
	return attempts, a
}

// Verify asks the driver to verify connectivity to uri (bolt:// or neo4j://)
// and returns the outcome as an Answer.
func Verify(ctx context.Context, uri string) Answer {
	start := time.Now()
	a := Answer{Query: "verify " + uri}
	drv, err := neo4j.NewDriverWithContext(uri, neo4j.NoAuth(), tuned)
	if err != nil {
		return a.ended(AtConnect, err, start)
	}
	defer closeQuietly(ctx, drv.Close)
	if err := drv.VerifyConnectivity(ctx); err != nil {
		return a.ended(AtConnect, err, start)
	}
	a.Took = time.Since(start)
	return a
}

// Server returns the agent string and the Bolt version the driver negotiated.
func Server(ctx context.Context, addr string) (agent, bolt string, err error) {
	drv, err := open(addr)
	if err != nil {
		return "", "", err
	}
	defer closeQuietly(ctx, drv.Close)
	info, err := drv.GetServerInfo(ctx)
	if err != nil {
		return "", "", fmt.Errorf("server info of %s: %w", addr, err)
	}
	v := info.ProtocolVersion()
	return info.Agent(), fmt.Sprintf("%d.%d", v.Major, v.Minor), nil
}

func open(addr string) (neo4j.DriverWithContext, error) {
	return neo4j.NewDriverWithContext("bolt://"+addr, neo4j.NoAuth(), tuned)
}

func tuned(c *config.Config) {
	c.MaxConnectionPoolSize = 1
	c.SocketConnectTimeout = 5 * time.Second
	c.TelemetryDisabled = true
	c.UserAgent = "memgraph-contract/1"
}

func (a Answer) drain(ctx context.Context, res neo4j.ResultWithContext, start time.Time) Answer {
	cols, err := res.Keys()
	if err != nil {
		return a.ended(AtPull, err, start)
	}
	a.Columns = cols
	for res.Next(ctx) {
		a.Rows = append(a.Rows, res.Record().Values)
	}
	if err := res.Err(); err != nil {
		return a.ended(AtPull, err, start)
	}
	sum, err := res.Consume(ctx)
	if err != nil {
		return a.ended(AtPull, err, start)
	}
	for _, n := range sum.Notifications() {
		a.Notifications = append(a.Notifications, Notification{
			Code: n.Code(), Title: n.Title(), Severity: n.RawSeverityLevel(), Description: n.Description(),
		})
	}
	a.Took = time.Since(start)
	return a
}

// ended records a failure. An error that is not the server's own word means
// that the connection was not made, was lost, or the deadline passed.
func (a Answer) ended(at string, err error, start time.Time) Answer {
	a.Took = time.Since(start)
	a.Message = err.Error()
	var ne *neo4j.Neo4jError
	switch {
	case errors.As(err, &ne):
		a.At, a.Code, a.Message = at, ne.Code, ne.Msg
	case at == AtConnect || at == AtBegin:
		a.At = at
	default:
		a.At = AtLost
	}
	return a
}

// closeQuietly closes with a second of grace even if ctx has ended: the
// outcome of the statement is already known, a failing close says nothing.
func closeQuietly(ctx context.Context, closing func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = closing(ctx)
}
