package app

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/inmemory"
)

// cutOff are records that cannot be read.
type cutOff struct{ Records }

func (cutOff) Load(context.Context) (*cluster.Record, string, error) {
	return nil, "", errors.New("the API server does not answer")
}

// seen is the epoch that another controller has seen.
type seen cluster.Epoch

func (e seen) Ask(_ context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion {
	if n != cluster.NoNode || newest != 0 {
		return nil // who is only asked for the epoch must not look, nor ask others
	}
	return []cluster.Opinion{{From: "b", Epoch: cluster.Epoch(e)}}
}

// A gateway whose MAIN has ended asks the API server whether its record is the newest,
// and the other controllers if that does not answer. With neither it goes on (P9).
func TestCurrent(t *testing.T) {
	for name, c := range map[string]struct {
		stored cluster.Epoch
		cut    bool
		peer   seen
		begun  cluster.Epoch // by this replica; 0: none
		ok     bool
	}{
		"as known":                      {stored: 3, peer: 9, ok: true},
		"moved on":                      {stored: 4, peer: 3},
		"cut off, and a peer knows":     {stored: 4, cut: true, peer: 4},
		"cut off, and nobody knows":     {stored: 4, cut: true, peer: 3, ok: true},
		"cut off, and a peer is behind": {stored: 4, cut: true, peer: 0, ok: true},
		"cut off, and it began it":      {stored: 4, cut: true, peer: 3, begun: 4},
		"as known, and it began more":   {stored: 3, peer: 3, begun: 4, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			objects := inmemory.New()
			objects.Put(record(c.stored, 0))
			o := options(t, "a", objects, down(t, 2))
			o.Peers = c.peer
			if c.cut {
				o.Records = cutOff{objects}
			}
			r, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			r.last.Store(&cluster.Record{Epoch: 3})
			if c.begun > 0 {
				r.begun.Store(&cluster.Record{Epoch: c.begun})
			}
			if err := r.current(t.Context()); (err == nil) != c.ok {
				t.Errorf("current: %v, want it to be so %t", err, c.ok)
			}
			for newest, want := range map[cluster.Epoch]bool{0: false, 3: false, 4: !c.ok} {
				doubted := 0
				r.doubt = func() { doubted++ }
				r.Opinion(t.Context(), 0, newest)
				if got := doubted > 0; got != want {
					t.Errorf("told of epoch %d while the last record here is of epoch 3: doubted %t, want %t", newest, got, want)
				}
			}
		})
	}
}

// told remembers what the other controllers are told.
type told struct{ node, epoch []int }

func (t *told) Ask(_ context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion {
	t.node, t.epoch = append(t.node, int(n)), append(t.epoch, int(newest))
	return nil
}

// A leader has its own gateway heed a record that its watch has not brought yet, and
// tells the other controllers of it in any case.
func TestInform(t *testing.T) {
	for known, doubts := range map[cluster.Epoch]int{3: 1, 4: 0} {
		others, doubted := &told{}, 0
		o := options(t, "a", inmemory.New(), down(t, 2))
		o.Peers = others
		r, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		r.doubt = func() { doubted++ }
		r.last.Store(&cluster.Record{Epoch: known})
		r.inform(t.Context(), cluster.Record{Main: 1, Epoch: 4})
		if doubted != doubts || !slices.Equal(others.node, []int{1}) || !slices.Equal(others.epoch, []int{4}) {
			t.Errorf("with a record of epoch %d: own gateway doubted %d times, others told of nodes %v, epochs %v; want %d, [1], [4]", known, doubted, others.node, others.epoch, doubts)
		}
	}
}

// A leader that has begun a reign says so to whoever asks, though its own watch has not
// brought it: while the API server is away nobody else can. A record that was created
// anew begins at epoch 1.
func TestBegunIsKnown(t *testing.T) {
	r, err := New(options(t, "a", inmemory.New(), down(t, 2)))
	if err != nil {
		t.Fatal(err)
	}
	r.doubt = func() {}
	check := func(what string, want cluster.Epoch) {
		t.Helper()
		if got := r.Opinion(t.Context(), 0, 0).Epoch; got != want {
			t.Errorf("%s: epoch %d, want %d", what, got, want)
		}
	}
	check("before anything", 0)
	r.follow(&cluster.Record{Epoch: 3}, "uid-1")
	check("after the watch", 3)
	r.inform(t.Context(), cluster.Record{Epoch: 4})
	check("after the promotion began", 4)
	r.follow(&cluster.Record{Epoch: 3}, "uid-1")
	check("after an older word of the watch", 4)
	r.follow(&cluster.Record{Epoch: 1}, "uid-2")
	check("after the record was created anew", 1)
	r.inform(t.Context(), cluster.Record{Epoch: 2})
	r.follow(nil, "")
	check("after it was deleted", 1)
}

// slow answers with epoch 4, so late, as the API server and as another controller.
type slow struct {
	Records
	by time.Duration
}

func (s slow) wait(ctx context.Context) error {
	select {
	case <-time.After(s.by):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slow) Load(ctx context.Context) (*cluster.Record, string, error) {
	return &cluster.Record{Epoch: 4}, "1", s.wait(ctx)
}

func (s slow) Ask(ctx context.Context, _ cluster.Ordinal, _ cluster.Epoch) []cluster.Opinion {
	if s.wait(ctx) != nil {
		return nil
	}
	return []cluster.Opinion{{From: "b", Epoch: 4}}
}

// A leader promotes 0.4 s after it has told of the new reign. One that is told asks the API
// server and the others at the same time, and heeds it before that if either says so.
func TestHeedsInTime(t *testing.T) {
	const never = time.Hour
	for name, c := range map[string]struct{ api, peer time.Duration }{
		"a slow API server, nobody else":          {250 * time.Millisecond, never},
		"no API server, another that is slow":     {never, 250 * time.Millisecond},
		"a slow API server, another that is slow": {250 * time.Millisecond, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &Replica{opt: Options{Identity: "a", Records: slow{by: c.api}, Peers: slow{by: c.peer}}}
				r.last.Store(&cluster.Record{Epoch: 3})
				began, doubted := time.Now(), never
				r.doubt = func() { doubted = time.Since(began) }
				r.Opinion(t.Context(), cluster.NoNode, 4)
				if doubted >= 400*time.Millisecond {
					t.Errorf("doubted after %s; want it before 0.4 s", doubted)
				}
			})
		})
	}
}
