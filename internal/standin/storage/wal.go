package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"memgraph-controller/internal/standin/codec"
)

// ErrGap says that the log does not reach back to where somebody wants to read on.
var ErrGap = errors.New("the log does not reach back that far")

// Kinds of log frames.
const (
	walHeader    byte = iota + 1
	walCommitted      // a commit
	walPrepared       // a commit that counts only once it is decided
	walCommit         // the decision for the prepared commit before it
	walAbort          // the decision against it
)

// walMeta is the first frame of a log file.
type walMeta struct {
	UUID  string // of the storage
	Epoch string // of every commit in the file
	Seq   uint64 // number of the file
	Base  uint64 // last durable timestamp when the file was begun
}

type walFile struct {
	walMeta
	path string
	to   uint64 // highest timestamp in it
}

// wal is the write-ahead log: files of one epoch each. Appending is serialised by the engine
// lock; reading may go on beside it.
type wal struct {
	dir        string
	uuid       string
	flushEvery int
	limit      int64 // bytes after which the next commit begins a new file

	mu       sync.Mutex
	seq      uint64    // of the next file
	done     []walFile // finished files, in order
	current  walFile
	file     *os.File // nil: the next commit begins a new file
	size     int64
	synced   int64
	unsynced int // commits since the last sync
	torn     bool
}

// append logs a commit and hands it to the operating system.
func (w *wal) append(kind byte, rec Record, base uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.torn {
		return ErrClosed
	}
	if w.file != nil && (w.current.Epoch != rec.Epoch || w.size > w.limit) {
		if err := w.finish(); err != nil {
			return err
		}
	}
	if w.file == nil {
		if err := w.begin(rec.Epoch, base); err != nil {
			return err
		}
	}
	out := codec.NewWriter(make([]byte, 0, len(rec.Body)+12))
	out.Byte(kind)
	out.Uint(rec.TS)
	out.Bytes(rec.Body)
	payload, err := out.Result()
	if err != nil {
		return fmt.Errorf("log commit %d: %w", rec.TS, err)
	}
	if err := w.write(payload); err != nil {
		return err
	}
	w.current.to = max(w.current.to, rec.TS)
	return w.count(kind == walCommitted)
}

// decide logs the fate of the commit that was prepared last.
func (w *wal) decide(ts uint64, commit bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	kind := walAbort
	if commit {
		kind = walCommit
	}
	var out codec.Writer
	out.Byte(kind)
	out.Uint(ts)
	payload, err := out.Result()
	if err != nil {
		return fmt.Errorf("log decision %d: %w", ts, err)
	}
	if err := w.write(payload); err != nil {
		return err
	}
	return w.count(commit)
}

// count syncs every flushEvery commits.
func (w *wal) count(commit bool) error {
	if !commit {
		return nil
	}
	if w.unsynced++; w.unsynced < w.flushEvery {
		return nil
	}
	return w.sync()
}

func (w *wal) sync() error {
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("sync log %s: %w", w.current.path, err)
	}
	w.synced, w.unsynced = w.size, 0
	return nil
}

// write appends one frame, whole or not at all.
func (w *wal) write(payload []byte) error {
	frame := appendFrame(make([]byte, 0, len(payload)+frameHead), payload)
	if _, err := w.file.WriteAt(frame, w.size); err != nil {
		return errors.Join(fmt.Errorf("write log %s: %w", w.current.path, err), w.file.Truncate(w.size))
	}
	w.size += int64(len(frame))
	return nil
}

// begin opens the next log file.
func (w *wal) begin(epoch string, base uint64) error {
	w.current = walFile{walMeta: walMeta{w.uuid, epoch, w.seq, base}}
	w.current.path = filepath.Join(w.dir, stamp(time.Now())+"_current")
	file, err := os.OpenFile(w.current.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("begin log: %w", err)
	}
	w.seq++
	w.file, w.size, w.synced, w.unsynced = file, 0, 0, 0
	var out codec.Writer
	out.Byte(walHeader)
	out.String(w.uuid)
	out.String(epoch)
	out.Uint(w.current.Seq)
	out.Uint(base)
	payload, err := out.Result()
	if err != nil {
		return fmt.Errorf("begin log: %w", err)
	}
	return w.write(payload)
}

// finish syncs and closes the current file, if there is one, and gives it its final name.
func (w *wal) finish() error {
	if w.file == nil {
		return nil
	}
	file := w.file
	err := w.sync()
	w.file = nil
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("close log: %w", closeErr)
	}
	final := filepath.Join(w.dir, fmt.Sprintf("%s_from_%d_to_%d",
		stamp(time.Now()), w.current.Base, w.current.to))
	if renameErr := os.Rename(w.current.path, final); renameErr == nil {
		w.current.path = final
	} else if err == nil {
		err = fmt.Errorf("finish log: %w", renameErr)
	}
	w.done = append(w.done, w.current)
	if err != nil {
		return err
	}
	return syncDir(w.dir)
}

// close finishes the current file. The next commit begins a new one.
func (w *wal) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.finish()
}

// tear does to the log what a power loss does: what was not synced is gone.
func (w *wal) tear() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.torn = true
	if w.file == nil {
		return nil
	}
	file, path := w.file, w.current.path
	w.file = nil
	if w.synced == 0 {
		return errors.Join(file.Close(), os.Remove(path))
	}
	return errors.Join(file.Truncate(w.synced), file.Close())
}

// retire removes the finished files that only hold what a snapshot at ldt holds too.
func (w *wal) retire(ldt uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var failed error
	keep := make([]walFile, 0, len(w.done))
	for _, f := range w.done {
		if f.to > ldt {
			keep = append(keep, f)
		} else {
			failed = errors.Join(failed, os.Remove(f.path))
		}
	}
	w.done = keep
	return failed
}

// read calls fn for every commit after the timestamp, in order. It sees what was logged before
// the call, and fails with ErrGap if the log begins later.
func (w *wal) read(after uint64, fn func(Record) error) error {
	w.mu.Lock()
	files := append([]walFile(nil), w.done...)
	if w.file != nil {
		files = append(files, w.current)
	}
	if len(files) == 0 || files[0].Base > after {
		w.mu.Unlock()
		return ErrGap
	}
	var open []*os.File
	var sizes []int64
	var failed error
	files = slices.DeleteFunc(files, func(f walFile) bool { return f.to <= after })
	for _, f := range files {
		in, err := os.Open(f.path)
		if err != nil {
			failed = fmt.Errorf("read log: %w", err)
			break
		}
		open = append(open, in)
		sizes = append(sizes, fileSize(in))
	}
	w.mu.Unlock()
	defer func() {
		for _, in := range open {
			_ = in.Close()
		}
	}()
	for i, in := range open {
		if failed != nil {
			break
		}
		_, failed = scan(in, sizes[i], func(rec Record) error {
			if rec.TS <= after {
				return nil
			}
			return fn(rec)
		})
	}
	return failed
}

func fileSize(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// stamp is the time as it stands in Memgraph's file names: microseconds, sortable.
func stamp(t time.Time) string {
	t = t.UTC()
	return t.Format("20060102150405") + fmt.Sprintf("%06d", t.Nanosecond()/1000)
}
