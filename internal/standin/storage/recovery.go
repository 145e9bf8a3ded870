package storage

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
)

// recover loads the newest snapshot that can be read and the log after it. Epoch and history
// come from the files alone, as in Memgraph: an epoch without commit or snapshot is forgotten, and
// the current epoch ends up in the history too.
func (e *Engine) recover() error {
	snapshots, err := listSnapshots(e.path("snapshots"))
	if err != nil {
		return err
	}
	for _, info := range snapshots {
		meta, g, rules, err := readSnapshot(info.Path)
		if err != nil {
			e.cfg.Log.Warn("skipped a snapshot", "path", info.Path, "err", err)
			continue
		}
		if meta.UUID != e.id {
			continue
		}
		e.graph, e.schema, e.lineage = g, rules, meta.Lineage
		e.lineage.History = append(e.lineage.History, EpochEnd{meta.Lineage.Epoch, meta.Lineage.LDT})
		break
	}
	files, err := e.logFiles()
	if err != nil {
		return err
	}
	if len(files) > 0 && files[0].Base > e.lineage.LDT {
		return errors.New("there are missing prefix WAL files and data can't be recovered without them")
	}
	for i, f := range files {
		if i > 0 && f.Seq != files[i-1].Seq+1 {
			return fmt.Errorf("you are missing a WAL file with the sequence number %d", files[i-1].Seq+1)
		}
		if err := e.replay(&files[i], i == len(files)-1); err != nil {
			return err
		}
		e.wal.seq = f.Seq + 1
	}
	e.wal.done = files
	if e.lineage.Epoch == "" {
		e.lineage.Epoch = uuid.NewString()
	}
	return nil
}

// logFiles lists the log files of this storage in order.
func (e *Engine) logFiles() ([]walFile, error) {
	entries, err := os.ReadDir(e.wal.dir)
	if err != nil {
		return nil, fmt.Errorf("list log: %w", err)
	}
	var files []walFile
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		path := filepath.Join(e.wal.dir, entry.Name())
		meta, err := readHeader(path)
		switch {
		case errors.Is(err, errTorn): // the process died before it had written the header
			e.cfg.Log.Warn("removed a log file without a header", "path", path)
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("remove log: %w", err)
			}
		case err != nil:
			return nil, err
		case meta.UUID == e.id:
			files = append(files, walFile{walMeta: meta, path: path})
		}
	}
	slices.SortFunc(files, func(a, b walFile) int { return cmp.Compare(a.Seq, b.Seq) })
	return files, nil
}

func readHeader(path string) (walMeta, error) {
	file, err := os.Open(path)
	if err != nil {
		return walMeta{}, fmt.Errorf("read log: %w", err)
	}
	defer file.Close()
	payload, err := readFrames(file, fileSize(file)).next()
	if err != nil {
		return walMeta{}, errTorn
	}
	var s scanned
	err = s.header(payload)
	return s.walMeta, err
}

// replay applies a log file and cuts a damaged tail off the last one.
func (e *Engine) replay(f *walFile, last bool) error {
	file, err := os.Open(f.path)
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	defer file.Close()
	before := e.lineage.LDT
	found, err := scan(file, fileSize(file), func(rec Record) error {
		if rec.TS <= e.lineage.LDT {
			return nil
		}
		ops, err := rec.Ops()
		if err == nil {
			e.install(ops, rec.TS)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("log %s: %w", f.path, err)
	}
	if found.torn {
		if !last {
			return fmt.Errorf("log %s: %w", f.path, errTorn)
		}
		e.cfg.Log.Warn("cut a damaged tail off the log", "path", f.path, "bytes", fileSize(file)-found.good)
		if err := os.Truncate(f.path, found.good); err != nil {
			return fmt.Errorf("cut log: %w", err)
		}
	}
	f.to = found.to
	if e.lineage.LDT > before {
		e.lineage.found(f.Epoch, e.lineage.LDT)
	}
	return nil
}
