package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// CreateSnapshot writes a snapshot of the committed data, durably, and returns its path. With it
// the current epoch is durable. Old snapshots, and log files no kept snapshot needs, are removed.
func (e *Engine) CreateSnapshot(ctx context.Context) (string, error) {
	if err := e.acquire(ctx); err != nil {
		return "", err
	}
	t := e.begin()
	meta := snapshotMeta{UUID: e.UUID(), Lineage: e.Lineage()}
	for _, x := range e.schema.all() {
		meta.Schema = append(meta.Schema, x.SchemaChange)
	}
	e.free()
	defer e.Abort(t)
	path, err := writeSnapshot(e.path("snapshots"), meta, t)
	if err != nil {
		return "", err
	}
	return path, e.clean()
}

// clean applies the retention.
func (e *Engine) clean() error {
	list, err := listSnapshots(e.path("snapshots"))
	if err != nil || len(list) < e.cfg.Retention {
		return err
	}
	var failed error
	for _, old := range list[e.cfg.Retention:] {
		failed = errors.Join(failed, os.Remove(old.Path))
	}
	if e.cfg.WAL {
		failed = errors.Join(failed, e.wal.retire(list[e.cfg.Retention-1].LDT))
	}
	return failed
}

// Snapshots lists the snapshots on disk, newest first.
func (e *Engine) Snapshots() ([]SnapshotInfo, error) { return listSnapshots(e.path("snapshots")) }

// DiskUsage is the size of everything in the data directory, in bytes.
func (e *Engine) DiskUsage() int64 {
	var sum int64
	// Files come and go; what cannot be read does not count.
	_ = filepath.WalkDir(e.cfg.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
