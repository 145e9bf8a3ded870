package memgraph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"memgraph-controller/internal/cluster"
)

// ErrNotMain reports that the node at an address answered and is not MAIN.
var ErrNotMain = errors.New("node is not main")

// ErrOtherDatabase reports that a MAIN answered at an address that is not the
// cluster's: the address was taken over by another Memgraph.
var ErrOtherDatabase = errors.New("main holds another database")

const (
	// heartbeat is how often a guarded connection is used. Memgraph closes
	// sessions idle for --bolt-session-inactivity-timeout (1800 s by default).
	heartbeat = 30 * time.Second
	// answerLimit is how late the answer to a heartbeat may come. MAIN is silent
	// for up to 30 s while it registers a hung replica (source of 3.9).
	answerLimit = time.Minute
	// confirmLimit bounds Confirm when its caller set no deadline.
	confirmLimit = 5 * time.Second
)

// Guard is an idle connection to a MAIN that says when it breaks.
type Guard struct {
	wire *wire
	want cluster.Role // RoleUnknown: any
	done chan struct{}
}

// Confirm connects to addr, checks that MAIN answers there and that it holds
// database (its database_uuid; empty: any), and guards the connection. The error
// is ErrNotMain if the node has another role, ErrOtherDatabase if an address was
// taken over by a Memgraph that is none of ours. The Guard outlives ctx; the
// caller must Close it.
func (n *Nodes) Confirm(ctx context.Context, addr, database string) (*Guard, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	g, role, err := guard(ctx, addr, n.login, cluster.RoleMain)
	if err != nil {
		return nil, fmt.Errorf("confirm main at %s: %w", addr, err)
	}
	if role != cluster.RoleMain {
		_ = g.Close()
		return nil, fmt.Errorf("confirm main at %s: %w but %s", addr, ErrNotMain, role)
	}
	if err := n.holds(ctx, addr, database); err != nil {
		_ = g.Close()
		return nil, fmt.Errorf("confirm main at %s: %w", addr, err)
	}
	return g, nil
}

// holds asks the server at addr, which a guard stands to, for its database. As
// long as the guard stands, no other process can have taken its port.
func (n *Nodes) holds(ctx context.Context, addr, database string) error {
	if database == "" {
		return nil
	}
	l, err := newLine(addr, n.login)
	if err != nil {
		return err
	}
	defer l.close(ctx)
	l.name(ctx)
	switch d, _ := l.storage(ctx); {
	case !d.Known:
		return errors.New("it does not say which database it holds")
	case d.UUID != database:
		return fmt.Errorf("%w: %s, not %s", ErrOtherDatabase, d.UUID, database)
	}
	return nil
}

// guard connects to addr, asks its role and watches the connection from there.
func guard(ctx context.Context, addr string, l login, want cluster.Role) (*Guard, cluster.Role, error) {
	w, err := dialWire(ctx, addr, l)
	if err != nil {
		return nil, cluster.RoleUnknown, err
	}
	stop := w.bound(ctx)
	role, err := w.role()
	if stop(); err == nil {
		err = ctx.Err() // a bound that struck late would still be in force
	}
	if err != nil {
		_ = w.conn.Close()
		return nil, cluster.RoleUnknown, err
	}
	g := &Guard{wire: w, want: want, done: make(chan struct{})}
	go g.watch()
	return g, role, nil
}

// Done is closed when the connection is broken: the peer closed or reset it
// (at once), its machine fell silent (5 s), it stopped answering, it is no
// longer MAIN, or Close was called.
func (g *Guard) Done() <-chan struct{} { return g.done }

// Close ends the connection and returns when nothing of the Guard runs any
// more. It may be called more than once.
func (g *Guard) Close() error {
	_ = g.wire.conn.Close() // the watch may have closed it before
	<-g.done
	return nil
}

// watch blocks in a read, so that FIN and RST are seen as they arrive.
func (g *Guard) watch() {
	defer close(g.done)
	defer func() { _ = g.wire.conn.Close() }()
	for {
		if !g.idle(heartbeat) {
			return
		}
		_ = g.wire.conn.SetDeadline(time.Now().Add(answerLimit))
		role, err := g.wire.role()
		if err != nil || (g.want != cluster.RoleUnknown && role != g.want) {
			return
		}
	}
}

// idle waits for d and reports whether the connection stayed up and quiet. A
// server has nothing to say unasked but empty chunks.
func (g *Guard) idle(d time.Duration) bool {
	_ = g.wire.conn.SetReadDeadline(time.Now().Add(d))
	for {
		b, err := g.wire.in.ReadByte()
		if timedOut(err) {
			return true
		}
		if err != nil || b != 0 {
			return false
		}
	}
}

var _ io.Closer = (*Guard)(nil)
