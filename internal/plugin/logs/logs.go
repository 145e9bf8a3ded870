package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Log is the log of one container.
type Log struct{ Pod, Container string }

// Line is one line of a log.
type Line struct {
	Pod  string
	At   time.Time // when the runtime took it; zero: not told
	Text string
}

// Options say what is read.
type Options struct {
	Since time.Duration // 0: from the beginning
	Tail  int64         // lines of each, negative: all
}

// Open opens a log.
type Open func(ctx context.Context, l Log, o *corev1.PodLogOptions) (io.ReadCloser, error)

// reopen is how long a log that has ended is left alone while it is followed.
const reopen = time.Second

func (o Options) of(l Log, follow bool) *corev1.PodLogOptions {
	p := &corev1.PodLogOptions{Container: l.Container, Timestamps: true, Follow: follow}
	if o.Since > 0 {
		seconds := max(int64(o.Since.Round(time.Second)/time.Second), 1)
		p.SinceSeconds = &seconds
	}
	if o.Tail >= 0 {
		p.TailLines = &o.Tail
	}
	return p
}

// Merge emits the lines of all logs as they are now, the oldest first. Its error is
// of the logs that could not be read.
func Merge(ctx context.Context, open Open, all []Log, o Options, emit func(Line)) error {
	var errs []error
	var heads []*head
	for _, l := range all {
		r, err := open(ctx, l, o.of(l, false))
		if err != nil {
			errs = append(errs, fmt.Errorf("log of pod %s: %w", l.Pod, err))
			continue
		}
		defer r.Close()
		h := &head{pod: l.Pod, lines: bufio.NewReader(r)}
		if h.next() {
			heads = append(heads, h)
		} else if h.err != nil {
			errs = append(errs, fmt.Errorf("log of pod %s: %w", l.Pod, h.err))
		}
	}
	for len(heads) > 0 {
		first := 0
		for i, h := range heads {
			if h.line.At.Before(heads[first].line.At) {
				first = i
			}
		}
		h := heads[first]
		emit(h.line)
		if !h.next() {
			if h.err != nil {
				errs = append(errs, fmt.Errorf("log of pod %s: %w", h.pod, h.err))
			}
			heads = append(heads[:first], heads[first+1:]...)
		}
	}
	return errors.Join(errs...)
}

// head is a log that was read up to a line.
type head struct {
	pod   string
	lines *bufio.Reader
	line  Line
	err   error
}

// next reads one line. A line without a time is as old as the one before.
func (h *head) next() bool {
	text, err := h.lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		h.err = err
	}
	if text == "" {
		return false
	}
	last := h.line.At
	h.line = parse(h.pod, strings.TrimRight(text, "\r\n"))
	if h.line.At.IsZero() {
		h.line.At = last
	}
	return true
}

// parse takes the runtime's time from a line.
func parse(pod, text string) Line {
	stamp, rest, _ := strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return Line{Pod: pod, Text: text}
	}
	return Line{Pod: pod, At: at, Text: rest}
}

// Follow emits the lines of all logs as they come, until ctx ends. trouble is told,
// once each, of what cannot be read; it is tried again.
func Follow(ctx context.Context, open Open, all []Log, o Options, emit func(Line), trouble func(error)) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, l := range all {
		wg.Go(func() {
			f := follower{log: l, open: open, emit: func(l Line) {
				mu.Lock()
				defer mu.Unlock()
				emit(l)
			}, trouble: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				trouble(err)
			}}
			f.run(ctx, o)
		})
	}
	wg.Wait()
}

// follower follows one log.
type follower struct {
	log       Log
	open      Open
	emit      func(Line)
	trouble   func(error)
	last      time.Time
	complaint string
}

func (f *follower) run(ctx context.Context, o Options) {
	options := o.of(f.log, true)
	for ctx.Err() == nil {
		r, err := f.open(ctx, f.log, options)
		if err == nil {
			f.complaint = ""
			err = f.read(ctx, r)
		}
		if err != nil && ctx.Err() == nil && err.Error() != f.complaint {
			f.complaint = err.Error()
			f.trouble(fmt.Errorf("log of pod %s: %w; tried again", f.log.Pod, err))
		}
		t := time.NewTimer(reopen)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
		if !f.last.IsZero() {
			since := metav1.NewTime(f.last)
			options = &corev1.PodLogOptions{Container: f.log.Container, Timestamps: true, Follow: true, SinceTime: &since}
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
