package bolt

import (
	"context"
	"crypto/subtle"
	"fmt"
	"maps"
	"time"
)

// DefaultServerName is what Memgraph announces itself as.
const DefaultServerName = "Neo4j/v5.11.0 compatible graph database server - Memgraph"

// greet answers a message before authentication: HELLO, which authenticates
// up to Bolt 4, and LOGON from Bolt 5 on.
func (c *conn) greet(ctx context.Context, m Structure) error {
	if c.version.Major == 1 {
		return c.initialize(ctx, m)
	}
	meta, err := m.dict(0)
	if err != nil {
		return err
	}
	logon := c.version.Major >= 5
	switch {
	case m.Tag == msgHello:
		agent, ok := meta["user_agent"].(string)
		if !ok || agent == "" {
			return fmt.Errorf("%w: HELLO without user_agent", errGarbage)
		}
		c.introduce(agent, meta)
		c.greeted = true
		if logon {
			return c.welcome()
		}
	case m.Tag == msgLogon && logon && c.greeted:
	default:
		return c.unexpected(m)
	}
	if err := c.authenticate(meta); err != nil {
		return err
	}
	return c.open(ctx)
}

// introduce notes what HELLO or INIT says.
func (c *conn) introduce(agent string, meta map[string]any) {
	extra := maps.Clone(meta)
	delete(extra, "credentials")
	c.hello = Hello{
		Version:    c.version,
		UserAgent:  agent,
		RemoteAddr: c.conn.RemoteAddr().String(),
		Extra:      extra,
	}
}

// authenticate checks the credentials in meta. No users: anyone may enter.
func (c *conn) authenticate(meta map[string]any) error {
	scheme, _ := meta["scheme"].(string)
	if scheme == "" {
		scheme = "none"
	}
	if scheme != "basic" && scheme != "none" {
		return fmt.Errorf("%w: authentication scheme %q", errGarbage, scheme)
	}
	c.hello.Scheme = scheme
	c.hello.Principal, _ = meta["principal"].(string)
	password, _ := meta["credentials"].(string)
	if len(c.server.Users) == 0 {
		return nil
	}
	want, known := c.server.Users[c.hello.Principal]
	if subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1 && known {
		return nil
	}
	return c.refuse(&Error{Code: CodeUnauthenticated, Message: "Authentication failure"})
}

// refuse sends FAILURE for err and ends the connection.
func (c *conn) refuse(err error) error {
	if err := c.fail(err); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}

// open starts the session of an authenticated peer, who may now take its time.
func (c *conn) open(ctx context.Context) error {
	session, err := c.server.Handler.Open(ctx, c.hello)
	if err != nil {
		return c.refuse(err)
	}
	c.session, c.state = session, stateIdle
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	return c.welcome()
}

// welcome sends the SUCCESS of INIT, HELLO and LOGON.
func (c *conn) welcome() error {
	name := c.server.ServerName
	if name == "" {
		name = DefaultServerName
	}
	return c.succeed(map[string]any{"server": name, "connection_id": "bolt-1"})
}

// logoff ends the session; the peer may LOGON again. Before 3.12 Memgraph
// does not answer.
func (c *conn) logoff() error {
	c.hangUp()
	c.explicit = false
	c.state = stateInit
	if c.release.atLeast(release{3, 12}) {
		return c.succeed(nil)
	}
	return nil
}

// route answers ROUTE.
func (c *conn) route(ctx context.Context, m Structure) error {
	routing, err := m.dict(0)
	if err != nil {
		return err
	}
	if router, ok := c.session.(Router); ok {
		db := ""
		if len(m.Fields) > 2 {
			if extra, isMap := m.Fields[2].(map[string]any); isMap {
				db, _ = extra["db"].(string)
			} else {
				db, _ = m.Fields[2].(string) // Bolt 4.3
			}
		}
		table, err := router.Route(ctx, routing, db)
		if err != nil {
			return c.fail(err)
		}
		return c.succeed(map[string]any{"rt": table})
	}
	if c.server.Community {
		return c.fail(&Error{Code: "66", Message: "Route message is not supported in Memgraph!"})
	}
	return c.fail(TransientError("You cannot fetch routing table from an instance which is not part of a cluster."))
}
