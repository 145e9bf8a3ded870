package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
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
