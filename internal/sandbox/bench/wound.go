package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// wound is what a fault has done and what has to be made good.
type wound struct {
	blow    Blow
	main    cluster.Ordinal // NoNode: MAIN was spared
	paused  bool
	resumed bool          // after having been paused
	over    time.Duration // when the longest wait for an acknowledgement was over
	replica int           // the controller that died; -1: none
}

// String says what was done, for the progress.
func (w *wound) String() string {
	var done []string
	switch {
	case w.main == cluster.NoNode:
	case w.paused:
		done = append(done, fmt.Sprintf("%s paused", w.main))
	default:
		done = append(done, fmt.Sprintf("%s killed", w.main))
	}
	if w.replica >= 0 {
		done = append(done, fmt.Sprintf("controller %d crashed", w.replica))
	}
	return strings.Join(done, ", ")
}

// strike breaks what the fault names.
func (h *harness) strike() (*wound, error) {
	w := &wound{main: cluster.NoNode, replica: -1}
	main, ok := h.c.Main()
	if h.o.Fault.main() && !ok {
		return w, errors.New("there is no MAIN to break")
	}
	w.blow.Before = time.Now()
	if h.o.Fault.leader() {
		replica, err := h.c.CrashLeader()
		if err != nil {
			return w, err
		}
		w.replica = replica
	}
	if h.o.Fault.main() {
		w.main, w.paused = main, h.o.Fault == Pause
		hit := h.c.Kill
		if w.paused {
			hit = h.c.Pause
		}
		if err := hit(main); err != nil {
			return w, err
		}
	}
	w.blow.After = time.Now()
	return w, nil
}

// survive waits until writes go on, makes good what can be made good, and lets
// the writers write a while longer.
func (h *harness) survive(ctx context.Context, crew *crew, w *wound) error {
	wait, cancel := context.WithTimeoutCause(ctx, resumeTimeout, fmt.Errorf("writes have not resumed within %s", resumeTimeout))
	defer cancel()
	err := crew.await(wait, func(attempts []Attempt) bool {
		_, ok := Resumed(attempts, w.blow)
		return ok
	})
	if err != nil {
		return err
	}
	if h.o.Fault.leader() {
		if err := h.successor(wait); err != nil {
			return err
		}
	}
	pause(ctx, aftermath)
	if w.paused {
		if err := w.resume(h.c); err != nil {
			return err
		}
		pause(ctx, aftermath)
	}
	return ctx.Err()
}

// successor waits until another controller leads.
func (h *harness) successor(ctx context.Context) error {
	for !slices.ContainsFunc(h.c.Doors(), func(d Door) bool { return d.Leads }) {
		if ctx.Err() != nil {
			return errors.New("no other controller has taken the lead")
		}
		pause(ctx, 20*time.Millisecond)
	}
	return nil
}

// resume lets a paused MAIN go on, once.
func (w *wound) resume(c Cluster) error {
	if !w.paused || w.resumed {
		return nil
	}
	w.resumed = true
	return c.Resume(w.main)
}

// close makes good what survive has not: nothing stays paused, and there are as
// many controllers as before.
func (w *wound) close(c Cluster) error {
	err := w.resume(c)
	if w.replica >= 0 {
		err = errors.Join(err, c.Replace(w.replica))
	}
	return err
}
