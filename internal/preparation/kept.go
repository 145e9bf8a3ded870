package preparation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"

	"memgraph-controller/internal/aside"
	"memgraph-controller/internal/cluster"
)

const (
	// discardedFile notes the processes for which what was moved aside has been
	// discarded.
	discardedFile = "discarded"
	// looked is how many files and directories are looked at, in one start, to
	// know how large what was moved aside is.
	looked = 100_000
)

// kept is data that was moved aside and is still there.
type kept struct {
	Name  string `json:"name"` // of its directory in .aside
	Bytes int64  `json:"bytes"`
}

// copies returns the names of what was moved aside, the oldest first.
func (m mover) copies() ([]string, error) {
	entries, err := m.disk.ReadDir(m.path(""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list data moved aside before: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return aside.ByAge(names, aside.RebuildStamp), nil
}

// prune removes the oldest data moved aside, above keep in number and above most,
// in bytes, in size; 0 is no bound on that. It returns what is left, the newest
// first. That something could not be done is no reason to keep a node from
// starting.
func (m mover) prune(ctx context.Context, keep int, most int64) []kept {
	names, err := m.copies()
	if err != nil {
		m.log.Warn("data moved aside before cannot be listed", "err", err)
		return nil
	}
	excess := aside.Excess(names, keep, aside.RebuildStamp)
	names = append(m.remove(excess), names[len(excess):]...)
	sizes := m.sizes(ctx, names)
	heavy := aside.Heavy(sizes, most)
	stay := m.remove(names[:heavy])
	var left []kept
	for i, name := range names {
		if i >= heavy || slices.Contains(stay, name) {
			left = append(left, kept{name, sizes[i]})
		}
	}
	slices.Reverse(left)
	return left
}

// remove removes data moved aside, and returns what it could not remove.
func (m mover) remove(names []string) (stay []string) {
	for _, name := range names {
		if err := m.disk.RemoveAll(m.path(name)); err != nil {
			m.log.Warn("the oldest data moved aside cannot be removed", "err", err)
			stay = append(stay, name)
		}
	}
	return stay
}

// sizes returns how large data moved aside is, in bytes. The newest is looked at
// first: where that must end early the older ones seem smaller than they are, and
// more is kept.
func (m mover) sizes(ctx context.Context, names []string) []int64 {
	sizes := make([]int64, len(names))
	left := looked
	for i, name := range slices.Backward(names) {
		s := scale{disk: m.disk, left: left}
		sizes[i] = s.weigh(ctx, m.path(name))
		left = s.left
		if s.faults > 0 {
			m.log.Warn("the size of data moved aside is not fully known", "name", name, "bytes", sizes[i], "unknown", s.faults, "err", s.first)
		}
	}
	return sizes
}

// scale adds up the sizes of files.
type scale struct {
	disk   disk
	left   int   // how many entries it still looks at
	faults int   // what it could not look at
	first  error // why
}

var errManyFiles = fmt.Errorf("there are more than %d files and directories to look at", looked)

// weigh returns the size of the regular files in dir and below, in bytes. It
// follows no symbolic link.
func (s *scale) weigh(ctx context.Context, dir string) (sum int64) {
	entries, err := s.disk.ReadDir(dir)
	s.fault(err)
	for _, e := range entries {
		if ctx.Err() != nil || s.left == 0 {
			s.fault(cmp.Or(ctx.Err(), errManyFiles))
			return sum
		}
		s.left--
		var size int64
		if e.IsDir() {
			size = s.weigh(ctx, filepath.Join(dir, e.Name()))
		} else if info, err := e.Info(); err != nil {
			s.fault(err)
		} else if info.Mode().IsRegular() {
			size = info.Size()
		}
		sum += min(size, math.MaxInt64-sum)
	}
	return sum
}

func (s *scale) fault(err error) {
	if err == nil {
		return
	}
	s.faults++
	if s.first == nil {
		s.first = err
	}
}

// discard removes what was moved aside of node n if the record asks for that. Like
// prune, it keeps nobody from starting: what stays is listed in the status.
func (m mover) discard(rec *cluster.Record, n cluster.Ordinal) {
	if rec == nil {
		return
	}
	d, asked := rec.Discard(n)
	if !asked {
		return
	}
	gone, err := m.discardOnce(d.Process.ID)
	if err != nil {
		m.log.Warn("what was moved aside is to be discarded, and that failed", "process", d.Process.ID, "err", err)
		return
	}
	if len(gone) > 0 {
		m.log.Info("what was moved aside is discarded by request", "process", d.Process.ID, "removed", gone)
	}
}

// discardOnce removes what was moved aside when it was asked for, at a time when
// process ran. Whoever asked could not know of what was moved later, so it is done
// once, before this start moves anything, and not after a move away from process.
func (m mover) discardOnce(process string) (gone []string, err error) {
	_, begun, err := m.read(journalFile)
	if err != nil || begun {
		return nil, err
	}
	moved, _, err := m.read(doneFile)
	if err != nil || moved.has(process) {
		return nil, err
	}
	done, err := m.discarded()
	if err != nil || slices.Contains(done, process) {
		return nil, err
	}
	names, err := m.copies()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := m.disk.RemoveAll(m.path(name)); err != nil {
			return gone, err
		}
		gone = append(gone, name)
	}
	if err := m.mkdir(m.path("")); err != nil {
		return gone, err
	}
	return gone, m.write(discardedFile, append(done[max(0, len(done)-remembered+1):], process))
}

// discarded returns the processes for which what was moved aside was discarded
// before, the latest last.
func (m mover) discarded() ([]string, error) {
	text, err := m.disk.ReadFile(m.path(discardedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was discarded before: %w", err)
	}
	var processes []string
	if err := json.Unmarshal(text, &processes); err != nil {
		return nil, fmt.Errorf("read what was discarded before, %s: %w; remove the file if nothing is to be known from it", m.path(discardedFile), err)
	}
	return processes, nil
}
