package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reopen is how long a log that has ended is left alone while it is followed, and look
// how often it is looked whether there are others.
const (
	reopen = time.Second
	look   = 2 * time.Second
)

// ErrGone is what Open returns for a log whose pod is not there.
var ErrGone = errors.New("there is no such pod")

// List returns the logs that there are now.
type List func(ctx context.Context) ([]Log, error)

// Follow emits the lines of logs as they come, until ctx ends: of the first ones as o
// says, and from the beginning of those that list returns later. A log whose pod is
// gone is left alone until list has it again. trouble is told, once each, of what
// cannot be read; it is tried again.
func Follow(ctx context.Context, open Open, first []Log, list List, o Options, emit func(Line), trouble func(error)) {
	var mu sync.Mutex
	t := team{all: map[Log]*follower{}, open: open, emit: func(l Line) {
		mu.Lock()
		defer mu.Unlock()
		emit(l)
	}, trouble: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		trouble(err)
	}}
	t.take(ctx, first, o)
	t.look(ctx, list)
	t.running.Wait()
}

// team follows logs, each in a goroutine of its own.
type team struct {
	all     map[Log]*follower // those that have ended among them, who know their last line
	running sync.WaitGroup
	open    Open
	emit    func(Line)
	trouble func(error)
}

// take has each log followed, unless it is.
func (t *team) take(ctx context.Context, list []Log, o Options) {
	for _, l := range list {
		f := t.all[l]
		if f == nil {
			f = &follower{log: l, options: o.of(l, true), open: t.open, emit: t.emit, trouble: t.trouble}
			t.all[l] = f
		}
		if f.busy.CompareAndSwap(false, true) {
			t.running.Go(func() {
				defer f.busy.Store(false)
				f.run(ctx)
			})
		}
	}
}

// look takes what list returns, again and again until ctx ends.
func (t *team) look(ctx context.Context, list List) {
	complaint := ""
	for pause(ctx, look) {
		logs, err := list(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			complaint = ""
			t.take(ctx, logs, Options{Tail: -1})
		case err.Error() != complaint:
			complaint = err.Error()
			t.trouble(fmt.Errorf("look for new pods: %w; tried again", err))
		}
	}
}

// pause waits for d. It reports false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// follower follows one log. One goroutine at a time runs it.
type follower struct {
	log     Log
	open    Open
	emit    func(Line)
	trouble func(error)
	busy    atomic.Bool

	options   *corev1.PodLogOptions // for the next time it is opened
	last      time.Time             // of the last line
	complaint string
}

// run follows the log until its pod is gone or ctx ends.
func (f *follower) run(ctx context.Context) {
	for again := true; again; again = pause(ctx, reopen) {
		r, err := f.open(ctx, f.log, f.options)
		if errors.Is(err, ErrGone) {
			return
		}
		if err == nil {
			f.complaint = ""
			err = f.read(ctx, r)
		}
		if err != nil && ctx.Err() == nil && err.Error() != f.complaint {
			f.complaint = err.Error()
			f.trouble(fmt.Errorf("log of pod %s: %w; tried again", f.log.Pod, err))
		}
		if !f.last.IsZero() {
			since := metav1.NewTime(f.last)
			f.options = &corev1.PodLogOptions{Container: f.log.Container, Timestamps: true, Follow: true, SinceTime: &since}
		}
	}
}

// read emits what is new of an open log until it ends. A log that is taken up again
// begins with the second of its last line.
func (f *follower) read(ctx context.Context, r io.ReadCloser) error {
	defer r.Close()
	defer context.AfterFunc(ctx, func() { _ = r.Close() })() // a read cannot be interrupted otherwise
	h := head{pod: f.log.Pod, lines: bufio.NewReader(r)}
	resumed := f.last
	for h.next() {
		if !resumed.IsZero() && !h.line.At.After(resumed) {
			continue
		}
		if h.line.At.After(f.last) {
			f.last = h.line.At
		}
		f.emit(h.line)
	}
	return h.err
}
