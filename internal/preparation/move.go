package preparation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"memgraph-controller/internal/aside"
	"memgraph-controller/internal/cluster"
)

const (
	asideDirectory = ".aside"
	journalFile    = "journal"
	doneFile       = "done"

	// remembered is how many rebuilds are known as carried out: an old copy of the
	// record is not that old.
	remembered = 32
)

// ledger is the content of journal and done: moves, the newest last. The last
// one of a journal is under way.
type ledger struct {
	Moves []entry `json:"moves"`
}

// entry is one move.
type entry struct {
	Process string    `json:"process"` // for which the rebuild was asked
	To      string    `json:"to"`      // name of the directory in .aside
	Reason  string    `json:"reason,omitempty"`
	Began   time.Time `json:"began"`
}

func (l ledger) last() entry { return l.Moves[len(l.Moves)-1] }

func (l ledger) has(process string) bool {
	for _, e := range l.Moves {
		if e.Process == process {
			return true
		}
	}
	return false
}

// mover moves the content of one data directory aside. The directory itself stays:
// a volume is mounted there.
type mover struct {
	data string
	disk disk
	log  *slog.Logger
}

// path returns where something in .aside is.
func (m mover) path(name string) string { return filepath.Join(m.data, asideDirectory, name) }

// place returns where the last move of l goes.
func (m mover) place(l ledger) string { return m.path(l.last().To) }

// read returns a ledger; false if there is none.
func (m mover) read(name string) (ledger, bool, error) {
	b, err := m.disk.ReadFile(m.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return ledger{}, false, nil
	}
	if err != nil {
		return ledger{}, false, fmt.Errorf("read what was moved aside before: %w", err)
	}
	l, err := parse(b)
	if err != nil {
		return ledger{}, false, fmt.Errorf("read what was moved aside before, %s: %w; remove the file if nothing is to be known from it", m.path(name), err)
	}
	return l, true, nil
}

// parse reads a ledger of at least one move.
func parse(b []byte) (ledger, error) {
	var l ledger
	if err := json.Unmarshal(b, &l); err != nil {
		return ledger{}, err
	}
	if len(l.Moves) == 0 {
		return ledger{}, errors.New("it names no move")
	}
	for _, e := range l.Moves {
		if _, ok := aside.Time(aside.RebuildStamp(e.To)); !ok || e.Process == "" {
			return ledger{}, fmt.Errorf("a move to %q for process %q: want a directory like %s%s, and a process", e.To, e.Process, aside.Stamp(time.Time{}), aside.Rebuilt)
		}
	}
	return l, nil
}

// begin writes the journal. From then on the move will be finished.
func (m mover) begin(done ledger, b cluster.Rebuild, now time.Time) (ledger, error) {
	if err := m.mkdir(m.path("")); err != nil {
		return ledger{}, fmt.Errorf("begin to move data aside: %w", err)
	}
	at, err := m.after(now)
	if err != nil {
		return ledger{}, fmt.Errorf("begin to move data aside: %w", err)
	}
	l := ledger{Moves: append(done.Moves[max(0, len(done.Moves)-remembered+1):], entry{
		Process: b.Process.ID, To: aside.Stamp(at) + aside.Rebuilt, Reason: b.Reason, Began: now.UTC(),
	})}
	if err := m.disk.Sync(m.data); err != nil {
		return ledger{}, fmt.Errorf("write down the move of data: %w", err)
	}
	if err := m.write(journalFile, l); err != nil {
		return ledger{}, fmt.Errorf("write down the move of data: %w", err)
	}
	return l, nil
}

// write puts v into a file of .aside. After a crash the file is the old one or
// the new one, whole.
func (m mover) write(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	fresh := m.path(name + ".new")
	for _, step := range []func() error{
		func() error { return m.disk.WriteFile(fresh, append(text, '\n')) },
		func() error { return m.disk.Rename(fresh, m.path(name)) },
		func() error { return m.disk.Sync(m.path("")) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// after returns now, or a time later than that of all data moved aside before if
// the clock has been turned back: names sort by time, and none is used twice.
func (m mover) after(now time.Time) (time.Time, error) {
	entries, err := m.disk.ReadDir(m.path(""))
	if err != nil {
		return now, err
	}
	for _, e := range entries {
		if at, ok := aside.Time(aside.RebuildStamp(e.Name())); ok && !at.Before(now.Truncate(time.Microsecond)) {
			now = at.Add(time.Microsecond)
		}
	}
	return now, nil
}

// finish moves what is left in the data directory, and then turns the journal
// into the note that it is done. Everything is on the disk before.
func (m mover) finish(ctx context.Context, l ledger) error {
	to := m.place(l)
	fail := func(err error) error { return fmt.Errorf("move data aside to %s: %w", to, err) }
	if err := m.mkdir(to); err != nil {
		return fail(err)
	}
	entries, err := m.disk.ReadDir(m.data)
	if err != nil {
		return fail(err)
	}
	for _, e := range entries {
		if e.Name() == asideDirectory || e.Name() == "lost+found" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		if err := m.moveEntry(e.Name(), to); err != nil {
			return fail(err)
		}
	}
	for _, step := range []func() error{
		func() error { return m.disk.Sync(to) },
		func() error { return m.disk.Sync(m.data) },
		func() error { return m.disk.Sync(m.path("")) },
		func() error { return m.disk.Rename(m.path(journalFile), m.path(doneFile)) },
		func() error { return m.disk.Sync(m.path("")) },
	} {
		if err := step(); err != nil {
			return fail(err)
		}
	}
	return nil
}

// moveEntry moves one entry of the data directory, and never onto another one: if
// the name is taken, which no crash of ours explains, a number is added.
func (m mover) moveEntry(name, to string) error {
	target := filepath.Join(to, name)
	for n := 2; ; n++ {
		_, err := m.disk.Lstat(target)
		if errors.Is(err, fs.ErrNotExist) {
			return m.disk.Rename(filepath.Join(m.data, name), target)
		}
		if err != nil {
			return err
		}
		target = filepath.Join(to, name+"."+strconv.Itoa(n))
	}
}

func (m mover) mkdir(path string) error {
	if err := m.disk.Mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
