package memgraph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/cluster"
)

const (
	// maxLook bounds a look whose caller set no deadline.
	maxLook = 5 * time.Second
	// maxStorage bounds SHOW STORAGE INFO, which is worth less than the rest. It
	// answers in under 500 ms on a MAIN that is stalled (recorded on 3.6.2).
	maxStorage = time.Second
)

// Look asks node o what it is: SHOW REPLICATION ROLE, SHOW REPLICAS if it is
// MAIN, storage info, once per connection its version and WAL flag, and now and then
// what it occupies. It
// fills in all of a Sighting but Since and what only the platform knows.
//
// Refused, Silent and Foreign are what the role query came to; once a role was
// answered the node has Answered, and what it did not say is Unknown. NotProbed
// means that ctx was cancelled, which says nothing about the node.
func (n *Nodes) Look(ctx context.Context, o cluster.Ordinal) cluster.Sighting {
	at, err := n.find(o)
	if err != nil {
		return cluster.Sighting{Fault: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, maxLook)
	defer cancel()
	began := time.Now()
	l, role, err := at.open(ctx)
	if err != nil {
		return at.unanswered(ctx, err)
	}
	defer at.give(ctx, l)
	s := cluster.Sighting{Contact: cluster.Answered, Role: role, Answered: time.Now()} // what follows may hang
	if role == cluster.RoleMain {
		n.list(ctx, l, &s)
	}
	l.introduce(ctx)
	s.Version, s.WAL = l.version, l.wal
	if s.Version.Known() && !s.Version.AtLeast(2, 19) {
		return cluster.Sighting{Contact: cluster.Foreign, Version: s.Version, Fault: fmt.Sprintf(
			"runs memgraph %s, which is too old: use 3.10 or later (2.19 at least)", s.Version)}
	}
	var known cluster.Usage
	s.Data, known = l.storage(ctx)
	s.Usage = at.usage(ctx, l, began, known)
	return s
}

// list fills in the replicas of a MAIN. If they cannot be read, Listed stays
// false: a MAIN with no replicas is something else.
func (n *Nodes) list(ctx context.Context, l *line, s *cluster.Sighting) {
	a, err := l.askPatiently(ctx, "SHOW REPLICAS")
	if err == nil {
		s.Replicas, s.Listed = n.words.replicas(a.rows), true
		return
	}
	if meaningOf(err) == notMain { // it was demoted in between
		if role, again := l.role(ctx); again == nil && role == cluster.RoleReplica {
			s.Role = role
		}
	}
}

// introduce asks, once per connection, what cannot change while a process runs.
func (l *line) introduce(ctx context.Context) {
	l.name(ctx)
	if l.introduced {
		return
	}
	a, err := l.askPatiently(ctx, "SHOW CONFIG")
	if err == nil {
		l.wal = parseWAL(a.rows)
	}
	l.introduced = err == nil || said(err) != nil
}

// name asks the version, once per connection.
func (l *line) name(ctx context.Context) {
	if l.named {
		return
	}
	a, err := l.askPatiently(ctx, "SHOW VERSION")
	if err == nil {
		l.version = parseVersion(a.rows)
	}
	l.named = err == nil || said(err) != nil
}

const (
	storageOfAll     = "SHOW STORAGE INFO"
	storageOfCurrent = "SHOW STORAGE INFO ON CURRENT DATABASE" // 3.11 and later
)

// storage asks for the counts in the form the version knows, and in the other
// one if that did not give them. From 3.5 on an answer without the uuid is none:
// it would look like another database. What else it says comes along.
func (l *line) storage(ctx context.Context) (cluster.Data, cluster.Usage) {
	ctx, cancel := context.WithTimeout(ctx, maxStorage)
	defer cancel()
	forms := []string{storageOfAll, storageOfCurrent}
	if l.version.AtLeast(3, 11) {
		forms = []string{storageOfCurrent, storageOfAll}
	}
	var u cluster.Usage
	for _, form := range forms {
		a, err := l.ask(ctx, form)
		if err != nil && said(err) == nil {
			break
		}
		d := parseStorage(a.rows)
		u = complete(u, parseUsage(a.rows))
		if err == nil && d.Known && (d.UUID != "" || !l.version.AtLeast(3, 5)) {
			return d, u
		}
	}
	return cluster.Data{}, u
}

// unanswered returns the sighting of a node that did not tell its role.
func (n *node) unanswered(ctx context.Context, err error) cluster.Sighting {
	var role roleError
	failure := said(err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return cluster.Sighting{Contact: cluster.NotProbed}
	case refused(err):
		return cluster.Sighting{Contact: cluster.Refused}
	case errors.As(err, &role):
		return foreign("%v, neither main nor replica: is it a coordinator, or newer than this controller?", role)
	case failure != nil:
		return foreign("%s", faultOf(failure, n.login.creds.User))
	case n.insecure(err) != "":
		return foreign("%s", n.insecure(err))
	case garbled(err):
		return foreign("%s", n.diagnose(ctx, err))
	default:
		return cluster.Sighting{Contact: cluster.Silent}
	}
}

func foreign(format string, args ...any) cluster.Sighting {
	return cluster.Sighting{Contact: cluster.Foreign, Fault: fmt.Sprintf(format, args...)}
}

// refused reports whether the node's host said that nothing listens there.
func refused(err error) bool {
	if broken := (*neo4j.ConnectivityError)(nil); errors.As(err, &broken) {
		err = broken.Inner // the driver's error does not unwrap
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// garbled reports whether something answered that does not speak Bolt as
// Memgraph does. The driver has many plain errors for that, and types for those
// of the network, so it is what remains.
func garbled(err error) bool {
	var broken *neo4j.ConnectivityError
	var network net.Error // timeouts and cancelled contexts, too
	return !errors.As(err, &broken) && !errors.As(err, &network) &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}
