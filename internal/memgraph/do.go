package memgraph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// How long a step may take, connecting and reading back included.
const (
	// A promotion took 17 to 200 ms whatever the size of the data (recorded on
	// 3.6.2 and 3.12.0); the rest is for a machine busy with a failover.
	promoteLimit = 10 * time.Second
	// A demotion takes milliseconds, 10 s with a cut-off replica (recorded on 3.6.2).
	demoteLimit = 15 * time.Second
	// From 3.10 on MAIN gives a cut-off seat up after 5.1 to 5.6 s (recorded on
	// 3.12.0): then the answer is a clear one. Before, it takes 30 s.
	markLimit = 7 * time.Second
	// A reachable peer is registered in 2 to 10 ms; one that went away after our
	// probe blocks MAIN for 5.0 s (recorded on 3.6.2 and 3.12.0).
	registerLimit = 8 * time.Second
	// DROP of a cut-off replica took up to 5 s or hung MAIN for ever (recorded on
	// 3.6.2); after that there is nothing to wait for.
	dropLimit = 6 * time.Second
	// probeLimit bounds the look at a replication port before REGISTER, which
	// against a black hole would block MAIN.
	probeLimit = 500 * time.Millisecond
)

var limits = map[cluster.Kind]time.Duration{
	cluster.Promote:  promoteLimit,
	cluster.Demote:   demoteLimit,
	cluster.Mark:     markLimit,
	cluster.Nudge:    markLimit,
	cluster.Register: registerLimit,
	cluster.Drop:     dropLimit,
}

// Do takes one step. It returns nil if what the step wants is so, also if it
// was so before; else a *cluster.StepError. Promote and Demote are proven by
// reading the role back.
func (n *Nodes) Do(ctx context.Context, s cluster.Step) error {
	failure, err := n.do(ctx, s)
	if err != nil {
		return &cluster.StepError{Step: s, Failure: failure, Err: err}
	}
	return nil
}

func (n *Nodes) do(ctx context.Context, s cluster.Step) (cluster.Failure, error) {
	limit, ok := limits[s.Kind]
	if !ok {
		return cluster.Unclear, errors.New("not a step the database can take")
	}
	at, err := n.find(s.Node)
	if err != nil {
		return cluster.Unclear, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer at.spare()
	if s.Kind == cluster.Register {
		replica, err := n.find(s.Replica)
		if err != nil {
			return cluster.Unclear, err
		}
		if err := replica.probe(ctx); err != nil {
			return cluster.Deaf, err
		}
	}
	l, role, err := at.open(ctx)
	if err != nil {
		return cluster.Unreachable, err
	}
	defer at.give(ctx, l)
	switch s.Kind {
	case cluster.Promote:
		if failure, err := l.holds(ctx, s.Database); err != nil {
			return failure, err
		}
		return at.setRole(ctx, l, role, cluster.RoleMain, "SET REPLICATION ROLE TO MAIN")
	case cluster.Demote:
		if role == cluster.RoleMain {
			l.calm(ctx)
		}
		return at.setRole(ctx, l, role, cluster.RoleReplica, fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d", at.port))
	}
	if role != cluster.RoleMain {
		return cluster.WrongRole, fmt.Errorf("role is %s, not main", role)
	}
	switch s.Kind {
	case cluster.Mark, cluster.Nudge:
		return l.mark(ctx)
	case cluster.Register:
		return n.register(ctx, l, s)
	default:
		return n.drop(ctx, l, s.Name)
	}
}

// calmLimit is how long a MAIN that is about to step down is left to the transactions
// that were begun before; calmEvery how often it is asked about them.
const (
	calmLimit = 300 * time.Millisecond
	calmEvery = 5 * time.Millisecond
)

// calm waits until no transaction is open at the other end, for at most calmLimit: new
// ones are held by the gateways. SHOW TRANSACTIONS starts none itself, and answers while
// MAIN stalls (source of 3.12).
func (l *line) calm(ctx context.Context) {
	end := time.Now().Add(calmLimit)
	for l.transactions(ctx).Value > 0 && time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(calmEvery):
		}
	}
}

// transactions is how many others are open. A snapshot that is being written has a row
// too (3.12).
func (l *line) transactions(ctx context.Context) cluster.Figure {
	a, err := l.ask(ctx, "SHOW TRANSACTIONS")
	if err != nil {
		return cluster.Figure{}
	}
	n := int64(0)
	for _, row := range a.rows {
		own := strings.Contains(strings.ToUpper(fmt.Sprint(row["query"])), "SHOW TRANSACTIONS")
		if !own && fmt.Sprint(row["transaction_id"]) != "snapshot" {
			n++
		}
	}
	return cluster.Figure{Known: true, Value: n}
}

// holds reports whether the process at the other end holds that database; "" is any.
func (l *line) holds(ctx context.Context, database string) (cluster.Failure, error) {
	if database == "" {
		return 0, nil
	}
	d, _ := l.storage(ctx)
	switch {
	case !d.Known:
		return cluster.Unclear, errors.New("it did not say which database it holds")
	case d.UUID != database:
		return cluster.Replaced, fmt.Errorf("it holds database %s, not %s", d.UUID, database)
	}
	return 0, nil
}

// setRole makes the node what it should be, if it is not. The error texts of
// SET ROLE do not discriminate, so the role read back decides.
func (n *node) setRole(ctx context.Context, l *line, is, want cluster.Role, statement string) (cluster.Failure, error) {
	if is == want {
		return 0, nil
	}
	_, err := l.ask(ctx, statement)
	now, again := n.roleAfter(ctx, l)
	switch {
	case again == nil && now == want && want == cluster.RoleReplica && meaningOf(err) == roleStays:
		// Recorded on 3.6.2 with a busy port: refused, and switched all the same.
		return cluster.Deaf, fmt.Errorf("it took the role, but its replication server does not run; is port %d in use? %w", n.port, err)
	case again == nil && now == want:
		return 0, nil
	case err == nil && again == nil:
		return cluster.Unclear, fmt.Errorf("it agreed, and its role is %s all the same", now)
	case err == nil:
		return lost(ctx), fmt.Errorf("read role back: %w", again)
	}
	return failureIn(ctx, err), err
}

// roleAfter reads the role after a statement that may have cost the line.
func (n *node) roleAfter(ctx context.Context, l *line) (cluster.Role, error) {
	if !l.broken {
		return l.role(ctx)
	}
	fresh, role, err := n.open(ctx)
	if err != nil {
		return role, err
	}
	n.give(ctx, fresh)
	return role, nil
}

// failureIn classes the error of a statement that was sent.
func failureIn(ctx context.Context, err error) cluster.Failure {
	if said(err) == nil {
		return lost(ctx)
	}
	return failureOf(meaningOf(err))
}

// lost classes a statement whose answer did not come.
func lost(ctx context.Context) cluster.Failure {
	if ctx.Err() != nil {
		return cluster.TimedOut
	}
	return cluster.Unclear
}

// mark writes and leaves no trace.
func (l *line) mark(ctx context.Context) (cluster.Failure, error) {
	a, err := l.ask(ctx, "CREATE (n) DELETE n")
	if err != nil {
		return failureIn(ctx, err), err
	}
	if slices.Contains(a.notices, silentFailure) {
		return cluster.Aborted, errors.New("main kept the write, a sync replica has not got it")
	}
	return 0, nil
}

// modeWords are the words of REGISTER REPLICA.
var modeWords = map[cluster.Mode]string{cluster.Async: "ASYNC", cluster.Sync: "SYNC", cluster.StrictSync: "STRICT_SYNC"}

func (n *Nodes) register(ctx context.Context, l *line, s cluster.Step) (cluster.Failure, error) {
	mode, ok := modeWords[s.Mode]
	if !ok {
		return cluster.Unclear, fmt.Errorf("no such mode: %s", s.Mode)
	}
	target := n.topology[s.Replica]
	l.name(ctx)
	if !l.version.AtLeast(3, 5) {
		// Errors have no codes: what is there before tells what the error means.
		list, err := n.relist(ctx, l)
		if err != nil {
			return cluster.Unreachable, err
		}
		if r, ok := listed(list, target); ok {
			return cluster.Exists, fmt.Errorf("registered already as %s at %s", r.Name, r.Address)
		}
	}
	_, err := l.ask(ctx, fmt.Sprintf("REGISTER REPLICA %s %s TO %s", quoteName(target.Name), mode, quoteText(target.Replication)))
	if err == nil {
		return 0, nil
	}
	if meaningOf(err) == registerFailed {
		return n.uncoded(ctx, l, s.Replica), err
	}
	return failureIn(ctx, err), err
}

// uncoded finds out why a REGISTER failed on Memgraph before 3.5, of a replica
// that was not listed before and whose port was open.
func (n *Nodes) uncoded(ctx context.Context, l *line, replica cluster.Ordinal) cluster.Failure {
	list, err := n.relist(ctx, l)
	if err != nil {
		return cluster.Unclear
	}
	if n.nodes[replica].probe(ctx) != nil {
		return cluster.Deaf
	}
	r, ok := listed(list, n.topology[replica])
	switch {
	case ok && (r.Ghost || r.Status == cluster.Diverged):
		return cluster.Refuses
	case ok:
		return cluster.Exists
	case l.version.AtLeast(2, 21):
		return cluster.Busy // nothing was left behind: it was the role lock
	case l.version.Known():
		return cluster.Refuses // there is no role lock, and the ghost is removed
	}
	return cluster.Unclear
}

func (n *Nodes) drop(ctx context.Context, l *line, name string) (cluster.Failure, error) {
	_, err := l.ask(ctx, "DROP REPLICA "+quoteName(name))
	if err == nil {
		return 0, nil
	}
	if meaningOf(err) != unregistered {
		return failureIn(ctx, err), err
	}
	list, again := n.relist(ctx, l)
	if again != nil {
		return cluster.Unclear, errors.Join(err, again)
	}
	if slices.ContainsFunc(list, func(r cluster.Replica) bool { return r.Name == name }) {
		return cluster.Unclear, err
	}
	return 0, nil // it is gone
}

func (n *Nodes) relist(ctx context.Context, l *line) ([]cluster.Replica, error) {
	a, err := l.askPatiently(ctx, "SHOW REPLICAS")
	if err != nil {
		return nil, fmt.Errorf("show replicas: %w", err)
	}
	return n.words.replicas(a.rows), nil
}

// listed returns the entry that stands in the way of registering target.
func listed(list []cluster.Replica, target cluster.Node) (cluster.Replica, bool) {
	for _, r := range list {
		if r.Name == target.Name || r.Address == target.Replication {
			return r, true
		}
	}
	return cluster.Replica{}, false
}

// probe reports whether n's replication port accepts a connection, by the name
// that MAIN will use: if DNS is behind, MAIN would wait for an address that is dead.
func (n *node) probe(ctx context.Context) error {
	dialer := net.Dialer{Timeout: probeLimit}
	conn, err := dialer.DialContext(ctx, "tcp", n.Replication)
	if err != nil {
		return fmt.Errorf("replication port of %s: %w", n.Name, err)
	}
	reached, now := conn.RemoteAddr().String(), n.login.at(n.Replication)
	if err := conn.Close(); err != nil {
		return fmt.Errorf("replication port of %s: %w", n.Name, err)
	}
	if now != n.Replication && now != reached {
		return fmt.Errorf("replication port of %s: DNS still says %s, it is at %s now", n.Name, reached, now)
	}
	return nil
}

// quoteName writes a name so that Cypher takes any (a pod's has hyphens).
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// quoteText writes a string literal; REGISTER REPLICA takes no parameter.
func quoteText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
