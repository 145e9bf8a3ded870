package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// Delivery is a commit as its MAIN sends it.
type Delivery struct {
	Record
	Prev     uint64 // MAIN's last durable timestamp before it
	TwoPhase bool   // hold it back until Decide
}

// Receive takes a commit from the MAIN. It refuses (false) what would leave a hole. A commit at or
// below the own last durable timestamp is confirmed without being applied: Memgraph trusts equal
// epochs blindly.
func (e *Engine) Receive(ctx context.Context, d Delivery) (bool, error) {
	if err := e.acquire(ctx); err != nil {
		return false, err
	}
	defer e.free()
	if err := e.discard(); err != nil {
		return false, err
	}
	if err := e.enter(d.Epoch); err != nil {
		return false, err
	}
	ldt := e.ldt.Load()
	if d.Prev > ldt {
		return false, nil
	}
	if d.TS <= ldt {
		return true, nil
	}
	if !d.TwoPhase {
		return true, e.accept(d.Record)
	}
	if _, err := d.Ops(); err != nil {
		return false, err
	}
	if err := e.log(walPrepared, d.Record); err != nil {
		return false, err
	}
	e.prepared = &d.Record
	return true, nil
}

// Decide commits or drops the prepared commit with the timestamp. It reports whether the storage
// is where the MAIN thinks it is.
func (e *Engine) Decide(ctx context.Context, ts uint64, commit bool) (bool, error) {
	if err := e.acquire(ctx); err != nil {
		return false, err
	}
	defer e.free()
	rec := e.prepared
	if rec == nil || rec.TS != ts {
		return !commit || ts <= e.ldt.Load(), nil
	}
	if !commit {
		return true, e.discard()
	}
	e.prepared = nil
	ops, err := rec.Ops()
	if err != nil {
		return false, err
	}
	if e.cfg.WAL {
		if err := e.wal.decide(ts, true); err != nil {
			return false, err
		}
	}
	e.install(ops, ts)
	return true, nil
}

// CatchUp applies commits of the MAIN's log; those already there are skipped.
func (e *Engine) CatchUp(ctx context.Context, records []Record) error {
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	if err := e.discard(); err != nil {
		return err
	}
	for _, rec := range records {
		if err := e.enter(rec.Epoch); err != nil {
			return err
		}
		if rec.TS <= e.ldt.Load() {
			continue
		}
		if err := e.accept(rec); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) accept(rec Record) error {
	ops, err := rec.Ops()
	if err != nil {
		return err
	}
	if err := e.log(walCommitted, rec); err != nil {
		return err
	}
	e.install(ops, rec.TS)
	return nil
}

func (e *Engine) log(kind byte, rec Record) error {
	if !e.cfg.WAL {
		return nil
	}
	return e.wal.append(kind, rec, e.ldt.Load())
}

// discard drops a commit that was prepared and never decided.
func (e *Engine) discard() error {
	rec := e.prepared
	if rec == nil {
		return nil
	}
	e.prepared = nil
	if !e.cfg.WAL {
		return nil
	}
	return e.wal.decide(rec.TS, false)
}

// enter goes over to another epoch, noting where the former one ended.
func (e *Engine) enter(epoch string) error {
	e.mu.Lock()
	same := e.lineage.Epoch == epoch
	e.mu.Unlock()
	if same {
		return nil
	}
	if err := e.wal.close(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lineage.leave()
	e.lineage.Epoch = epoch
	return nil
}

// BeginReign makes the storage that of a MAIN with a new epoch, which is durable only with the
// next commit or snapshot.
func (e *Engine) BeginReign(ctx context.Context) error {
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	if err := e.discard(); err != nil {
		return err
	}
	if err := e.enter(uuid.NewString()); err != nil {
		return err
	}
	e.clock = max(e.clock, e.ldt.Load()+1)
	e.replica.Store(false)
	return nil
}

// Discard drops a prepared commit, as a demotion or promotion does.
func (e *Engine) Discard(ctx context.Context) error {
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	return e.discard()
}

// Adopt gives an empty storage the identity of its MAIN's. It reports whether the identities are
// equal now; a storage with data keeps its own.
func (e *Engine) Adopt(ctx context.Context, id string) (bool, error) {
	if err := e.acquire(ctx); err != nil {
		return false, err
	}
	defer e.free()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.id == id {
		return true, nil
	}
	if e.lineage.LDT != 0 {
		return false, nil
	}
	if err := e.identify(id); err != nil {
		return false, err
	}
	e.wal.uuid = id
	return true, nil
}

// ReadLog calls fn for every commit after the timestamp, in order. It fails with ErrGap if the
// log does not reach back, or there is none.
func (e *Engine) ReadLog(after uint64, fn func(Record) error) error {
	if !e.cfg.WAL {
		return ErrGap
	}
	return e.wal.read(after, fn)
}

// LoadSnapshot replaces all data by a snapshot of the MAIN, a file in the data directory that
// LoadSnapshot takes over. The old files are moved to .old.
func (e *Engine) LoadSnapshot(ctx context.Context, path string) error {
	meta, g, rules, err := readSnapshot(path)
	if err != nil {
		return err
	}
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.free()
	e.prepared = nil
	if err := e.wal.close(); err != nil {
		return err
	}
	if err := e.setAside(".old"); err != nil {
		return err
	}
	if err := e.takeSnapshotFile(path, meta); err != nil {
		return err
	}
	e.wal.mu.Lock()
	e.wal.done = nil
	e.wal.mu.Unlock()
	e.mu.Lock()
	e.graph, e.schema = g, rules
	e.lineage = meta.Lineage.clone()
	e.mu.Unlock()
	e.ldt.Store(meta.Lineage.LDT)
	e.clock = max(e.clock, meta.Lineage.LDT+1)
	return nil
}

// takeSnapshotFile moves a received snapshot to where this storage keeps its own.
func (e *Engine) takeSnapshotFile(path string, meta snapshotMeta) error {
	if meta.UUID != e.id {
		return errors.New("the snapshot belongs to another storage")
	}
	name := fmt.Sprintf("%s_timestamp_%d", stamp(time.Now()), meta.Lineage.LDT)
	if err := os.Rename(path, e.path("snapshots", name)); err != nil {
		return fmt.Errorf("keep the received snapshot: %w", err)
	}
	return syncDir(e.path("snapshots"))
}
