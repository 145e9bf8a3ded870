package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"memgraph-controller/internal/standin/storage"
)

// Errors of a Node. What a client reads is worded elsewhere.
var (
	ErrConcurrent = errors.New("another change of the cluster is in progress")
	ErrPromote    = errors.New("not promoted: already MAIN, or the role lock is taken")
	ErrDemote     = errors.New("not demoted: already REPLICA, the role lock is taken, or the port is")
	ErrReplica    = errors.New("this node is a REPLICA")
	ErrUnknown    = errors.New("no replica of that name is registered")
	ErrBusy       = errors.New("the role lock is taken")
	ErrHung       = errors.New("the node had hung and is now closed")
	ErrNotMain    = errors.New("this node is not MAIN any more")
)

// Code is Memgraph's number for why a REGISTER failed.
type Code int

// The codes (the same from 3.5 to 3.12).
const (
	NameExists     Code = 1
	EndpointExists Code = 2
	HasDivergedTo  Code = 3
	NotPersisted   Code = 4
	NotAccepted    Code = 5
	NoAccess       Code = 6
)

// RegisterError says why a REGISTER failed. After NotAccepted, and on versions with
// GhostOnDiverged after HasDivergedTo, the entry stays as a ghost.
type RegisterError struct {
	Code Code
	Err  error // what lies behind it; may be nil
}

func (e *RegisterError) Error() string {
	return fmt.Sprintf("not registered: code %d: %v", e.Code, e.Err)
}
func (e *RegisterError) Unwrap() error { return e.Err }

// Config describes a Node. All fields are required unless they say otherwise.
type Config struct {
	Engine    *storage.Engine
	Restore   bool // remember the role and the registrations across restarts
	Loopback  bool // the replication port takes connections from this machine only
	Timing    Timing
	Behaviour Behaviour
	Listen    Listen
	Dialer    Dialer
	Log       *slog.Logger

	// Optional hooks for tests.
	PromotionDelay func() time.Duration // waited out in the middle of a promotion
	LoseFinalize   func() bool          // whether the next second phase gets lost
	Promoted       func()               // called after a promotion, before it is answered
}

// Node is a member of a cluster. Its methods may be called concurrently.
type Node struct {
	cfg    Config
	store  store
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	hung   atomic.Bool
	system chan struct{} // one change of the cluster at a time

	lock    roleLock
	role    Role
	port    int
	main    string // own uuid as MAIN
	entries []*entry
	server  *server
	shared  sync.RWMutex // guards entries for readers without the role lock
}

// entry is a registration. A ghost has no client.
type entry struct {
	Registration
	client *client
}

// Open restores the node's role. A MAIN contacts its replicas, one after the other, before Open
// returns; a REPLICA opens its port. ctx bounds the node's life.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	if cfg.PromotionDelay == nil {
		cfg.PromotionDelay = func() time.Duration { return 0 }
	}
	if cfg.LoseFinalize == nil {
		cfg.LoseFinalize = func() bool { return false }
	}
	if cfg.Promoted == nil {
		cfg.Promoted = func() {}
	}
	n := &Node{cfg: cfg, role: Main, main: uuid.NewString(), system: make(chan struct{}, 1)}
	n.ctx, n.cancel = context.WithCancel(ctx)
	if cfg.Restore {
		n.store.path = filepath.Join(cfg.Engine.Dir(), "replication", "state.json")
	}
	rec, found, err := n.store.load()
	if err == nil && found {
		err = n.restore(rec)
	} else if err == nil {
		err = n.save()
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Node) restore(rec record) error {
	n.role, n.port, n.main = rec.Role, rec.Port, rec.MainUUID
	if n.role == Replica {
		n.cfg.Engine.SetReplica(true)
		return n.serve(rec.MainUUID)
	}
	slices.SortFunc(rec.Replicas, func(a, b Registration) int { return strings.Compare(a.Name, b.Name) })
	for _, reg := range rec.Replicas {
		// Ghosts become real here: nothing tells them apart in what is remembered.
		c := newClient(reg, n, n.main)
		n.entries = append(n.entries, &entry{reg, c})
		c.introduce(n.ctx)
		c.check(n.ctx)
		c.start(n.ctx)
	}
	return nil
}

// Close ends everything at once.
func (n *Node) Close() {
	n.cancel()
	n.shared.RLock()
	entries, s := slices.Clone(n.entries), n.server
	n.shared.RUnlock()
	for _, e := range entries {
		if e.client != nil {
			e.client.shut()
		}
	}
	if s != nil {
		s.stop()
	}
}

func (n *Node) save() error {
	rec := record{Role: n.role, Port: n.port, MainUUID: n.main}
	for _, e := range n.entries {
		rec.Replicas = append(rec.Replicas, e.Registration)
	}
	return n.store.save(rec)
}

// serve opens the replication port; the node obeys main.
func (n *Node) serve(main string) error {
	port := n.port
	id := &identity{main: main, save: func(main string) error {
		return n.store.save(record{Role: Replica, Port: port, MainUUID: main})
	}}
	s, err := startServer(n.ctx, n, port, id)
	if err != nil {
		return err
	}
	n.shared.Lock()
	defer n.shared.Unlock()
	n.server = s
	return nil
}

// BeginSystem reserves the node for a change of the cluster, waiting a moment for another one.
// The caller must call release when its change is over.
func (n *Node) BeginSystem(ctx context.Context) (release func(), err error) {
	timer := time.NewTimer(n.cfg.Timing.SystemQuery)
	defer timer.Stop()
	select {
	case n.system <- struct{}{}:
		return func() { <-n.system }, nil
	case <-timer.C:
		return nil, ErrConcurrent
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Role returns the node's role. It waits for a change in progress.
func (n *Node) Role(ctx context.Context) (Role, error) {
	if err := n.lock.rlock(ctx); err != nil {
		return "", err
	}
	defer n.lock.runlock()
	return n.role, nil
}

// Hung reports whether a DROP has hung the node for ever.
func (n *Node) Hung() bool { return n.hung.Load() }

// Hang returns when the node is closed. A hung Memgraph answers nobody any more.
func (n *Node) Hang(ctx context.Context) {
	select {
	case <-n.ctx.Done():
	case <-ctx.Done():
	}
}

// ReplicaInfo is a line of SHOW REPLICAS.
type ReplicaInfo struct {
	Registration
	Attached bool // false: a ghost, of which nothing more is known
	TS       uint64
	Behind   int64 // 0 or negative; positive if the replica is ahead
	State    State
}

// Replicas lists the registrations in their order. On a REPLICA it fails with ErrReplica.
func (n *Node) Replicas(ctx context.Context) ([]ReplicaInfo, error) {
	if err := n.lock.rlock(ctx); err != nil {
		return nil, err
	}
	defer n.lock.runlock()
	if n.role != Main {
		return nil, ErrReplica
	}
	list := make([]ReplicaInfo, len(n.entries))
	heard := make([]standing, len(n.entries))
	for i, e := range n.entries {
		list[i] = ReplicaInfo{Registration: e.Registration, Attached: e.client != nil}
		if e.client != nil {
			list[i].State, heard[i] = e.client.status()
		}
	}
	ldt := n.cfg.Engine.LDT() // after the replicas': it may be newer than they are, never older
	for i := range list {
		if list[i].Attached {
			list[i].TS = heard[i].seenFrom(ldt)
			list[i].Behind = int64(list[i].TS) - int64(ldt)
		}
	}
	return list, nil
}

// Commit commits a transaction, on the replicas too. The role lock is shared for as long as that
// takes. A transaction that has written fails with ErrNotMain on a node that is not MAIN.
func (n *Node) Commit(ctx context.Context, t *storage.Txn) error {
	if !t.Dirty() {
		n.cfg.Engine.Abort(t)
		return nil
	}
	if err := n.lock.rlock(ctx); err != nil {
		n.cfg.Engine.Abort(t)
		return err
	}
	defer n.lock.runlock()
	if n.role != Main {
		n.cfg.Engine.Abort(t)
		return ErrNotMain
	}
	s := shipper{ctx: n.ctx, lost: n.cfg.LoseFinalize}
	for _, e := range n.entries {
		if e.client != nil {
			s.clients = append(s.clients, e.client)
		}
	}
	//nolint:contextcheck // no client's leaving ends a commit that has begun
	return n.cfg.Engine.Commit(n.ctx, t, s)
}
