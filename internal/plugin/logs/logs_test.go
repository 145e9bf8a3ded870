package logs_test

import (
	"context"
	"errors"
	"io"
	"strings"
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
		logs.Follow(ctx, open, []logs.Log{{Pod: "mg-memgraph-0"}}, logs.Options{Tail: -1},
			func(l logs.Line) { got = append(got, l.Text) }, func(err error) { trouble = append(trouble, err.Error()) })
		if strings.Join(got, " ") != "one two three" {
			t.Errorf("got %v", got)
		}
		if len(trouble) != 1 || trouble[0] != "log of pod mg-memgraph-0: container is waiting to start; tried again" {
			t.Errorf("trouble %v", trouble)
		}
	})
}
