package memgraph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"memgraph-controller/internal/cluster"
)

// dialTimeout bounds one TCP connect: a lost SYN is sent again after 1 s, so
// one loss is survived.
const dialTimeout = 2 * time.Second

// line is one Bolt connection to a node, used by one caller at a time. It is a
// driver with a pool of one: when its connection breaks the line is thrown
// away, so what was read once per connection is never that of another process.
type line struct {
	driver neo4j.DriverWithContext
	reused bool // has answered in an earlier look or step
	broken bool // its connection is dead or in an unknown state

	named      bool // version was asked
	introduced bool // so was wal
	version    cluster.Version
	wal        cluster.Truth
}

func newLine(addr string, l login) (*line, error) {
	scheme := "bolt"
	if l.tls != nil {
		scheme = "bolt+ssc" // login.secure verifies
	}
	auth := neo4j.NoAuth()
	if l.creds.User != "" {
		auth = neo4j.BasicAuth(l.creds.User, l.creds.Password, "")
	}
	secure, err := l.secure(addr)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", addr, err)
	}
	driver, err := neo4j.NewDriverWithContext(scheme+"://"+l.at(addr), auth, func(c *config.Config) {
		c.MaxConnectionPoolSize = 1
		c.MaxConnectionLifetime = math.MaxInt64 // a line never changes its connection
		c.SocketConnectTimeout = dialTimeout
		c.SocketKeepalive = true
		c.UserAgent = l.agent
		c.FetchSize = neo4j.FetchAll // the answer in one round trip
		c.TelemetryDisabled = true
		c.TlsConfig = secure
	})
	if err != nil {
		return nil, fmt.Errorf("driver for %s: %w", addr, err)
	}
	return &line{driver: driver}, nil
}

// close gives the connection up. The driver says goodbye in the background.
func (l *line) close(ctx context.Context) {
	l.broken = true
	_ = l.driver.Close(ctx) // never fails, see its source
}

// answer is what one statement returned.
type answer struct {
	rows    []map[string]any // by column name
	notices []string         // codes of the notifications
}

// errGarbled reports an answer the driver could not make sense of.
var errGarbled = errors.New("answer is not Bolt")

// ask runs one auto-commit statement; the driver does not retry those. An
// error other than a *neo4j.Neo4jError breaks the line.
func (l *line) ask(ctx context.Context, statement string) (a answer, err error) {
	defer func() {
		// The driver panics on a message of a type it does not expect.
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errGarbled, p)
		}
		if said(err) == nil && err != nil {
			l.broken = true
		}
	}()
	if l.broken {
		return answer{}, errBroken
	}
	session := l.driver.NewSession(ctx, neo4j.SessionConfig{FetchSize: neo4j.FetchAll})
	a, err = collect(ctx, session, statement)
	if closing := session.Close(ctx); err == nil && closing != nil {
		err = fmt.Errorf("close session: %w", closing)
	}
	return a, err
}

func collect(ctx context.Context, s neo4j.SessionWithContext, statement string) (answer, error) {
	result, err := s.Run(ctx, statement, nil)
	if err != nil {
		return answer{}, err
	}
	records, err := result.Collect(ctx)
	if err != nil {
		return answer{}, err
	}
	summary, err := result.Consume(ctx)
	if err != nil {
		return answer{}, err
	}
	a := answer{rows: make([]map[string]any, 0, len(records))}
	for _, r := range records {
		a.rows = append(a.rows, r.AsMap())
	}
	for _, n := range summary.Notifications() {
		a.notices = append(a.notices, n.Code())
	}
	return a, nil
}

// errBroken reports that the connection was lost by an earlier statement.
var errBroken = errors.New("connection is broken")

// patience is the pause before a statement that met another system query is
// sent again; the server has then waited 100 ms itself.
const patience = 20 * time.Millisecond

// askPatiently is ask for reads. Up to 3.0 the SHOW queries were system
// queries, of which only one runs at a time: that refusal says nothing, so it
// is asked again until ctx ends.
func (l *line) askPatiently(ctx context.Context, statement string) (answer, error) {
	for {
		a, err := l.ask(ctx, statement)
		if meaningOf(err) != systemQueryBusy {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-time.After(patience):
		}
	}
}

// role asks for the node's role.
func (l *line) role(ctx context.Context) (cluster.Role, error) {
	a, err := l.askPatiently(ctx, "SHOW REPLICATION ROLE")
	if err != nil {
		return cluster.RoleUnknown, err
	}
	return parseRole(a.rows)
}
