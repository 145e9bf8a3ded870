package logs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/plugin/logs"
)

func TestMerge(t *testing.T) {
	texts := map[string]string{
		"mg-controller": "2026-11-23T12:00:01.5Z fails over\n2026-11-23T12:00:03Z serves\n",
		"mg-memgraph-0": "2026-11-23T12:00:01Z dies\n  in pieces\n2026-11-23T12:00:04Z is back",
	}
	open := func(_ context.Context, l logs.Log, o *corev1.PodLogOptions) (io.ReadCloser, error) {
		if !o.Timestamps || o.Follow || *o.SinceSeconds != 60 || *o.TailLines != 9 {
			t.Errorf("options %+v", o)
		}
		text, ok := texts[l.Pod]
		if !ok {
			return nil, errors.New("container is waiting to start")
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}
	all := []logs.Log{{Pod: "mg-controller"}, {Pod: "mg-memgraph-0"}, {Pod: "mg-memgraph-1"}}
	var got []string
	err := logs.Merge(t.Context(), open, all, logs.Options{Since: time.Minute, Tail: 9}, func(l logs.Line) { got = append(got, l.Pod+" "+l.Text) })
	want := "mg-memgraph-0 dies|mg-memgraph-0   in pieces|mg-controller fails over|mg-controller serves|mg-memgraph-0 is back"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if err == nil || err.Error() != "log of pod mg-memgraph-1: container is waiting to start" {
		t.Errorf("error %v", err)
	}
}

// TestFollowTakesUpAgain: a pod that was replaced is followed on, and no line is shown twice.
func TestFollowTakesUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		opened := 0
		open := func(_ context.Context, _ logs.Log, o *corev1.PodLogOptions) (io.ReadCloser, error) {
			opened++
			switch opened {
			case 1:
				return io.NopCloser(strings.NewReader("2026-11-23T12:00:01.2Z one\n2026-11-23T12:00:01.4Z two\n")), nil
			case 2:
				return nil, errors.New("container is waiting to start")
			case 3:
				return nil, errors.New("container is waiting to start")
			}
			if o.SinceTime == nil || o.SinceTime.UTC().Format(time.RFC3339Nano) != "2026-11-23T12:00:01.4Z" || o.SinceSeconds != nil {
				t.Errorf("taken up with %+v", o)
			}
			time.AfterFunc(time.Second/2, cancel)
			return io.NopCloser(strings.NewReader("2026-11-23T12:00:01.2Z one\n2026-11-23T12:00:01.4Z two\n2026-11-23T12:00:05Z three\n")), nil
		}
		var got, trouble []string
		all := []logs.Log{{Pod: "mg-memgraph-0"}}
		list := func(context.Context) ([]logs.Log, error) { return all, nil }
		logs.Follow(ctx, open, all, list, logs.Options{Tail: -1},
			func(l logs.Line) { got = append(got, l.Text) }, func(err error) { trouble = append(trouble, err.Error()) })
		if strings.Join(got, " ") != "one two three" {
			t.Errorf("got %v", got)
		}
		if len(trouble) != 1 || trouble[0] != "log of pod mg-memgraph-0: container is waiting to start; tried again" {
			t.Errorf("trouble %v", trouble)
		}
	})
}

// TestFollowTakesUpNewPods: a pod that appears later is followed from its first line,
// one that is gone is let go without a word, and taken up again where it was left.
func TestFollowTakesUpNewPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		began := time.Now()
		after := func(d time.Duration) bool { return time.Since(began) >= d }
		old, next := logs.Log{Pod: "mg-controller-a"}, logs.Log{Pod: "mg-controller-b"}
		list := func(context.Context) ([]logs.Log, error) {
			switch {
			case after(9 * time.Second):
				return []logs.Log{old, next}, nil
			case after(5 * time.Second):
				return nil, errors.New("the API server does not answer")
			}
			return []logs.Log{next}, nil
		}
		opened := map[string]int{}
		var mu sync.Mutex
		open := func(ctx context.Context, l logs.Log, o *corev1.PodLogOptions) (io.ReadCloser, error) {
			mu.Lock()
			defer mu.Unlock()
			opened[l.Pod]++
			switch {
			case l == next:
				if o.TailLines != nil || o.SinceSeconds != nil {
					t.Errorf("a new pod is opened with %+v; want all that it says", o)
				}
				return said(ctx, "2026-11-23T12:00:02Z new\n"), nil
			case opened[l.Pod] == 1:
				if o.TailLines == nil || *o.TailLines != 9 {
					t.Errorf("opened with %+v; want the last 9 lines", o)
				}
				return io.NopCloser(strings.NewReader("2026-11-23T12:00:01Z old\n")), nil
			case after(9 * time.Second):
				if o.SinceTime == nil {
					t.Errorf("taken up with %+v; want what is newer than its last line", o)
				}
				return said(ctx, "2026-11-23T12:00:01Z old\n2026-11-23T12:00:09Z again\n"), nil
			}
			return nil, fmt.Errorf("pod %s: %w", l.Pod, logs.ErrGone)
		}
		time.AfterFunc(12*time.Second, cancel)
		var got, trouble []string
		logs.Follow(ctx, open, []logs.Log{old}, list, logs.Options{Tail: 9},
			func(l logs.Line) { got = append(got, l.Pod+" "+l.Text) }, func(err error) { trouble = append(trouble, err.Error()) })
		if want := "mg-controller-a old|mg-controller-b new|mg-controller-a again"; strings.Join(got, "|") != want {
			t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
		}
		if len(trouble) != 1 || trouble[0] != "look for new pods: the API server does not answer; tried again" {
			t.Errorf("trouble %v", trouble)
		}
		if opened["mg-controller-a"] != 3 {
			t.Errorf("%s was opened %d times, want 3: it was gone in between", old.Pod, opened[old.Pod])
		}
	})
}

// said is the log of a pod that has said text and lives, until ctx ends.
func said(ctx context.Context, text string) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, text)
		<-ctx.Done()
		w.Close()
	}()
	return r
}
