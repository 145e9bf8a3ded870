package preparation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"memgraph-controller/internal/cluster"
)

// Options say what to prepare. All but those that may be empty are required.
type Options struct {
	Node             cluster.Ordinal
	PodUID           string // of the pod that is starting
	DataDirectory    string // on the node's volume; Memgraph makes it at its first start
	StateDirectory   string // where the record is mounted; need not exist
	InstallDirectory string // "": no copy of the program
	TerminationLog   string // "": no message to the controller
	Keep             int    // data moved aside that is kept; at least 1
	KeepBytes        int64  // how large it may be together, but for the newest; 0: no bound
	Log              *slog.Logger

	executable string           // "": the running program
	bootID     string           // "": the kernel's
	now        func() time.Time // nil: time.Now
	disk       disk             // nil: the file system
}

// Outcome is what Run has done.
type Outcome struct {
	Moved  string // where the data went; "" if it was left alone
	Reason string // why it was moved, or not
	BootID string // of the machine; "" without a TerminationLog
}

// Run prepares one start of a node. After an error the node must not be started;
// Run may be called again and goes on from where it was.
func Run(ctx context.Context, o Options) (Outcome, error) {
	if err := o.validate(); err != nil {
		return Outcome{}, err
	}
	if o.InstallDirectory != "" {
		if err := install(o.executable, o.InstallDirectory); err != nil {
			return Outcome{}, err
		}
	}
	out, left, err := o.rebuild(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if o.TerminationLog != "" {
		if out.BootID, err = report(o.bootID, left, o.TerminationLog); err != nil {
			return Outcome{}, err
		}
	}
	o.Log.Info("node prepared", "node", int(o.Node), "moved", out.Moved, "reason", out.Reason)
	return out, nil
}

// validate fills in what tests replace, and names what is missing.
func (o *Options) validate() error {
	if o.disk == nil {
		o.disk = fileSystem{}
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.bootID == "" {
		o.bootID = kernelBootID
	}
	var errs []error
	must := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("prepare node: "+what))
		}
	}
	must(o.Node >= 0, "no node")
	must(o.PodUID != "", "no pod UID")
	must(o.DataDirectory != "", "no data directory")
	must(o.StateDirectory != "", "no state directory")
	must(o.Keep >= 1, "keep: want at least 1")
	must(o.KeepBytes >= 0, "keep bytes: want 0 or more")
	must(o.Log != nil, "no log")
	return errors.Join(errs...)
}

// hasData tells whether there is a data directory. On a fresh volume there is none:
// Memgraph makes it, because it refuses one that is not its own user's.
func (o *Options) hasData() (bool, error) {
	info, err := o.disk.Stat(o.DataDirectory)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := o.disk.Stat(filepath.Dir(o.DataDirectory)); err != nil {
			return false, fmt.Errorf("look for the data directory where the node's volume is mounted: %w", err)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the data directory: %w", err)
	}
	if !info.IsDir() {
		return false, fmt.Errorf("data directory %s is no directory", o.DataDirectory)
	}
	return true, nil
}

// rebuild finishes a move that was cut off, or carries out the one that the
// record asks for. It also returns what is kept of this move and earlier ones, the
// newest first.
func (o *Options) rebuild(ctx context.Context) (Outcome, []kept, error) {
	if there, err := o.hasData(); err != nil || !there {
		return Outcome{}, nil, err
	}
	rec, err := readRecord(o.StateDirectory)
	if err != nil {
		return Outcome{}, nil, err
	}
	m := mover{data: o.DataDirectory, disk: o.disk, log: o.Log}
	m.discard(rec, o.Node)
	moved, reason, err := o.move(ctx, m, rec)
	if err != nil {
		return Outcome{}, nil, err
	}
	return Outcome{Moved: moved, Reason: reason}, m.prune(ctx, o.Keep, o.KeepBytes), nil
}

// move returns where the data went, "" if nowhere, and why.
func (o *Options) move(ctx context.Context, m mover, rec *cluster.Record) (moved, reason string, err error) {
	journal, begun, err := m.read(journalFile)
	if err != nil {
		return "", "", err
	}
	if begun {
		if why := protected(rec, o.Node); why != "" {
			return "", "", fmt.Errorf("finish moving data to %s: the move was cut off, and now %s; put the entries of that directory back, or accept that they stay there, and remove %s",
				m.place(journal), why, m.path(journalFile))
		}
		return m.place(journal), "a move that was cut off is finished: " + journal.last().Reason, m.finish(ctx, journal)
	}
	b, reason, err := wanted(rec, o.Node, o.PodUID)
	if err != nil || reason != "" {
		return "", reason, err
	}
	done, _, err := m.read(doneFile)
	if err != nil {
		return "", "", err
	}
	if done.has(b.Process.ID) {
		return "", "the rebuild asked for process " + b.Process.ID + " was carried out before", nil
	}
	if err := unused(filepath.Join(o.DataDirectory, ".lock")); err != nil {
		return "", "", err
	}
	journal, err = m.begin(done, b, o.now())
	if err != nil {
		return "", "", err
	}
	return m.place(journal), b.Reason, m.finish(ctx, journal)
}
