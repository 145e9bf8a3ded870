package server

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/cypher"
	"memgraph-controller/internal/standin/replication"
	"memgraph-controller/internal/standin/storage"
)

// transaction is a storage transaction with what SHOW TRANSACTIONS tells of it.
type transaction struct {
	in      *Instance
	txn     *storage.Txn
	began   time.Time
	user    string
	meta    map[string]any
	ctx     context.Context // ends when the transaction is asked to abort
	abort   context.CancelCauseFunc
	timeout context.CancelFunc

	mu      sync.Mutex
	queries []any
	status  string
	over    bool
}

// graph is a storage transaction as package cypher sees it.
type graph struct{ *storage.Txn }

func (g graph) Node(id int64) (cypher.Node, bool) {
	n, ok := g.Txn.Node(id)
	return cypher.Node(n), ok
}

func (g graph) Nodes(label string) iter.Seq[cypher.Node] {
	return convert(g.Txn.Nodes(label))
}

func (g graph) ByProperty(label, key string, value any) iter.Seq[cypher.Node] {
	found := g.Txn.ByProperty(label, key, value)
	if found == nil {
		return nil
	}
	return convert(found)
}

func convert(nodes iter.Seq[storage.Node]) iter.Seq[cypher.Node] {
	return func(yield func(cypher.Node) bool) {
		nodes(func(n storage.Node) bool { return yield(cypher.Node(n)) })
	}
}

// begin starts a transaction; it waits while a commit is in progress.
func (in *Instance) begin(ctx context.Context, user string, meta map[string]any) (*transaction, error) {
	txn, err := in.engine.Begin(ctx)
	if err != nil {
		return nil, err
	}
	t := &transaction{in: in, txn: txn, began: time.Now(), user: user, meta: meta, status: "running"}
	base, abort := context.WithCancelCause(in.ctx)
	t.ctx, t.abort, t.timeout = base, abort, func() {}
	if d := in.opts.QueryTimeout; d > 0 {
		t.ctx, t.timeout = context.WithTimeoutCause(base, d, bolt.TransientError(textTimeout))
	}
	in.open.add(t)
	return t, nil
}

// bind returns a context that ends with the transaction's, for its reason, or with ctx.
func (t *transaction) bind(ctx context.Context) (context.Context, func()) {
	bound, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })
	return bound, func() { stop(); cancel(nil) }
}

// aborted returns why the transaction must not go on, or nil.
func (t *transaction) aborted() error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return nil
}

func (t *transaction) note(query string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queries = append(t.queries, query)
}

// end marks the transaction as over and reports whether it was not yet.
func (t *transaction) end(status string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.over, t.status = true, status
	return true
}

// commit commits. auto says that it belongs to an auto-commit statement. The notifications are
// those of a commit that succeeded in spite of its replicas.
func (t *transaction) commit(ctx context.Context, auto bool) ([]notification, error) {
	if err := t.aborted(); err != nil {
		t.rollback()
		return nil, err
	}
	if !t.end("committing") {
		return nil, nil
	}
	err := t.in.node.Commit(ctx, t.txn)
	t.leave()
	var shipping *replication.ShipError
	if errors.As(err, &shipping) && !shipping.Strict && t.in.version.since(3, 13) {
		return []notification{{"WARNING", "SyncReplicationFailure", t.in.version.notConfirmed(shipping), ""}}, nil
	}
	return nil, t.in.version.commit(err, auto)
}

// rollback drops the transaction unless it is over.
func (t *transaction) rollback() {
	if t.end("aborting") {
		t.in.engine.Abort(t.txn)
		t.leave()
	}
}

func (t *transaction) leave() {
	t.timeout()
	t.abort(nil)
	t.in.open.remove(t)
}

// transactions are the open transactions of an instance.
type transactions struct {
	mu   sync.Mutex
	byID map[uint64]*transaction
}

func (o *transactions) add(t *transaction) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byID == nil {
		o.byID = map[uint64]*transaction{}
	}
	o.byID[t.txn.ID()] = t
}

func (o *transactions) remove(t *transaction) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.byID, t.txn.ID())
}

// kill asks a transaction to abort; one that commits goes on.
func (o *transactions) kill(id string) bool {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return false
	}
	o.mu.Lock()
	t := o.byID[n]
	o.mu.Unlock()
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.abort(bolt.TransientError(textKilled))
	return true
}

// rows returns the lines of SHOW TRANSACTIONS, in order of the ids.
func (o *transactions) rows(v Version, status string) [][]any {
	o.mu.Lock()
	list := slices.Collect(maps.Values(o.byID))
	o.mu.Unlock()
	slices.SortFunc(list, func(a, b *transaction) int { return cmp.Compare(a.txn.ID(), b.txn.ID()) })
	var out [][]any
	for _, t := range list {
		if row := t.row(v, status); row != nil {
			out = append(out, row)
		}
	}
	return out
}

func (t *transaction) row(v Version, status string) []any {
	t.mu.Lock()
	defer t.mu.Unlock()
	if status != "" && status != t.status {
		return nil
	}
	meta := t.meta
	if meta == nil {
		meta = map[string]any{}
	}
	row := []any{t.user, strconv.FormatUint(t.txn.ID(), 10), slices.Clone(t.queries)}
	if v.since(3, 9) {
		row = append(row, t.status)
	}
	row = append(row, meta)
	if v.since(3, 12) {
		row = append(row, t.began.UTC().Format("2006-01-02T15:04:05.000000"), time.Since(t.began).Milliseconds())
	}
	return row
}
