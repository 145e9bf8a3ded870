package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// ErrClosed is the error of every call after Close or PowerLoss.
var ErrClosed = errors.New("the storage is closed")

// Config says where and how a storage keeps its data.
type Config struct {
	Dir        string // data directory; created if missing
	WAL        bool   // keep a write-ahead log; without it nothing is shipped either
	FlushEvery int    // commits between two syncs of the log; 0 means 100000
	WALLimit   int64  // bytes after which the log continues in a new file; 0 means 20 MiB
	Retention  int    // snapshots kept; 0 means 3
	Recover    bool   // load what is there; otherwise it is moved to .backup
	// CrashPoint, if set, is called at the named points of a commit and may end the process.
	CrashPoint func(Point)
	Log        *slog.Logger // required
}

// Point is a place in a commit where a test may want the process to die.
type Point string

// The points, in the order in which a commit passes them.
const (
	AfterWAL         Point = "after-wal-append"
	AfterShip        Point = "after-ship"
	AfterLocalCommit Point = "after-local-commit"
	AfterFinalize    Point = "after-finalize"
)

// Shipper sends commits to the replicas. Open is called with the engine lock held, when rec has
// its timestamp but has not been logged; prev is the last durable timestamp before it.
type Shipper interface {
	Open(rec Record, prev uint64) Shipment
}

// Shipment is one commit on its way to the replicas. Ship and then Finish are called once each,
// with the engine lock held; Finish also when Ship was not.
type Shipment interface {
	// TwoPhase reports whether the replicas hold the commit back until Finish, and an error of
	// Ship aborts it.
	TwoPhase() bool
	// Ship waits for the replicas that must confirm. Its error is for the client.
	Ship() error
	// Finish tells the replicas the decision.
	Finish(commit bool)
}

// Engine is a storage. Its methods may be called concurrently.
type Engine struct {
	cfg  Config
	wal  *wal
	once sync.Once

	lock   chan struct{} // the engine lock: starting and committing transactions
	closed atomic.Bool

	// Under the engine lock.
	graph    *graph
	schema   *schema
	clock    uint64 // the next timestamp
	prepared *Record

	replica    atomic.Bool
	analytical atomic.Bool
	nextTxn    atomic.Uint64
	ldt        atomic.Uint64
	commits    atomic.Uint64 // since the start

	mu      sync.Mutex // guards the following
	id      string     // uuid of the storage
	lineage Lineage
	active  map[uint64]*Txn
}

// Open recovers the storage in cfg.Dir, or makes a new one.
func Open(cfg Config) (*Engine, error) {
	if cfg.FlushEvery <= 0 {
		cfg.FlushEvery = 100000
	}
	if cfg.WALLimit <= 0 {
		cfg.WALLimit = 20 << 20
	}
	if cfg.Retention <= 0 {
		cfg.Retention = 3
	}
	if cfg.CrashPoint == nil {
		cfg.CrashPoint = func(Point) {}
	}
	e := &Engine{
		cfg: cfg, lock: make(chan struct{}, 1), graph: newGraph(), schema: &schema{}, active: map[uint64]*Txn{},
	}
	e.nextTxn.Store(1 << 63) // as Memgraph's transaction ids, far from timestamps
	if err := e.prepareDir(); err != nil {
		return nil, err
	}
	e.wal = &wal{dir: e.path("wal"), uuid: e.id, flushEvery: cfg.FlushEvery, limit: cfg.WALLimit}
	if err := e.recover(); err != nil {
		return nil, fmt.Errorf("recover %s: %w", cfg.Dir, err)
	}
	e.ldt.Store(e.lineage.LDT)
	// Memgraph has used one timestamp by the time it serves (recorded: a first commit has 2).
	e.clock = e.lineage.LDT + 1
	if e.lineage.LDT > 0 {
		e.clock++
	}
	return e, nil
}

func (e *Engine) path(elem ...string) string {
	return filepath.Join(append([]string{e.cfg.Dir}, elem...)...)
}

// prepareDir makes the directories and reads, or invents, the identity of the storage.
func (e *Engine) prepareDir() error {
	for _, dir := range []string{"wal", "snapshots", "databases"} {
		if err := os.MkdirAll(e.path(dir), 0o750); err != nil {
			return fmt.Errorf("create data directory: %w", err)
		}
	}
	if !e.cfg.Recover {
		if err := e.setAside(".backup"); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(e.path("databases", "memgraph"))
	if id, parseErr := uuid.ParseBytes(b); err == nil && parseErr == nil {
		e.id = id.String()
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the storage's uuid: %w", err)
	}
	return e.identify(uuid.NewString())
}

func (e *Engine) identify(id string) error {
	path := e.path("databases", "memgraph")
	if err := os.WriteFile(path+".part", []byte(id), 0o640); err != nil {
		return fmt.Errorf("write the storage's uuid: %w", err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("write the storage's uuid: %w", err)
	}
	e.id = id
	return nil
}

// setAside moves log and snapshots into a subdirectory of their directories, replacing what was
// moved there before.
func (e *Engine) setAside(name string) error {
	for _, dir := range []string{"wal", "snapshots"} {
		entries, err := os.ReadDir(e.path(dir))
		if err != nil {
			return fmt.Errorf("set %s aside: %w", dir, err)
		}
		if err := os.RemoveAll(e.path(dir, name)); err != nil {
			return fmt.Errorf("set %s aside: %w", dir, err)
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			if err := os.MkdirAll(e.path(dir, name), 0o750); err != nil {
				return fmt.Errorf("set %s aside: %w", dir, err)
			}
			if err := os.Rename(e.path(dir, entry.Name()), e.path(dir, name, entry.Name())); err != nil {
				return fmt.Errorf("set %s aside: %w", dir, err)
			}
		}
	}
	return nil
}

// acquire takes the engine lock, waiting as long as a commit in progress takes.
func (e *Engine) acquire(ctx context.Context) error {
	select {
	case e.lock <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if e.closed.Load() {
		e.free()
		return ErrClosed
	}
	return nil
}

func (e *Engine) free() { <-e.lock }

// WithLock calls fn with the engine lock held: no transaction starts or commits meanwhile.
func (e *Engine) WithLock(ctx context.Context, fn func()) error {
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	fn()
	return nil
}

// UUID identifies the database (database_uuid in SHOW STORAGE INFO).
func (e *Engine) UUID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.id
}

// LDT is the last durable commit timestamp; 0 for an empty storage.
func (e *Engine) LDT() uint64 { return e.ldt.Load() }

// Lineage returns epoch, last durable timestamp and history.
func (e *Engine) Lineage() Lineage {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lineage.clone()
}

// Nodes is the number of committed nodes.
func (e *Engine) Nodes() int64 {
	e.mu.Lock()
	g := e.graph
	e.mu.Unlock()
	return g.live.Load()
}

// Dir is the data directory.
func (e *Engine) Dir() string { return e.cfg.Dir }

// Logging reports whether commits are logged, and so can be shipped.
func (e *Engine) Logging() bool { return e.cfg.WAL }

// SetReplica says whether the storage follows another one: then reading uses no timestamps.
func (e *Engine) SetReplica(on bool) { e.replica.Store(on) }

// SetAnalytical switches the storage mode in which nothing is logged or shipped.
func (e *Engine) SetAnalytical(on bool) { e.analytical.Store(on) }

// Analytical reports the storage mode.
func (e *Engine) Analytical() bool { return e.analytical.Load() }

// Close finishes the log. Transactions still open are void.
func (e *Engine) Close() error { return e.shut(e.wal.close) }

// PowerLoss leaves the data directory as a power loss would: what was logged since the last sync
// is gone. The storage is closed at once, in the middle of a commit if there is one.
func (e *Engine) PowerLoss() error {
	e.closed.Store(true)
	return e.wal.tear()
}

func (e *Engine) shut(end func() error) error {
	var err error
	e.once.Do(func() {
		e.lock <- struct{}{}
		defer e.free()
		e.closed.Store(true)
		err = end()
	})
	return err
}
