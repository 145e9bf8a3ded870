package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"memgraph-controller/internal/inmemory"
)

// line is one replica's way to the lease.
type line struct {
	resourcelock.Interface
	away    atomic.Bool
	lag     atomic.Int64 // how long an answer takes after the request was carried out
	renewed atomic.Pointer[time.Time]
}

var errAway = errors.New("connection refused")

func (l *line) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if l.away.Load() {
		return nil, nil, errAway
	}
	return l.Interface.Get(ctx)
}

func (l *line) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func() error { return l.Interface.Create(ctx, r) })
}

func (l *line) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(r, func() error { return l.Interface.Update(ctx, r) })
}

func (l *line) write(r resourcelock.LeaderElectionRecord, do func() error) error {
	if l.away.Load() {
		return errAway
	}
	now := time.Now()
	err := do()
	if err == nil && r.HolderIdentity == l.Identity() {
		l.renewed.Store(&now)
	}
	time.Sleep(time.Duration(l.lag.Load()))
	return err
}

// spell is one term of one replica.
type spell struct {
	id           string
	began, ended time.Time // ended: zero while it lasts
	told         time.Time // when its context ended; zero before
	cause        error
}

// house is where replicas contend for one lease.
type house struct {
	objects *inmemory.Objects
	timing  Timing

	mu     sync.Mutex
	spells []*spell
}

func newHouse() *house { return &house{objects: inmemory.New(), timing: DefaultTiming()} }

// replica is one elector that runs.
type replica struct {
	*Elector
	line  *line
	stop  context.CancelFunc
	ended chan struct{}
	slow  atomic.Int64 // how long its terms take to end
}

// join starts a replica. It ends with the test at the latest.
func (h *house) join(t *testing.T, id string) *replica {
	t.Helper()
	r := &replica{line: &line{Interface: h.objects.Lock(id)}, ended: make(chan struct{})}
	e, err := New(r.line, h.timing, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r.Elector = e
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	go func() {
		defer close(r.ended)
		if err := e.Run(ctx, func(ctx context.Context) { h.term(ctx, id, r) }); err != nil {
			t.Errorf("%s: Run: %v", id, err)
		}
	}()
	t.Cleanup(r.leave)
	return r
}

// leave ends a replica as a shutdown does, and waits for it.
func (r *replica) leave() {
	r.stop()
	<-r.ended
}

// die ends a replica as a crash does.
func (r *replica) die() {
	r.Abandon()
	r.leave()
}

// term notes when it begins and ends.
func (h *house) term(ctx context.Context, id string, r *replica) {
	s := &spell{id: id, began: time.Now()}
	h.mu.Lock()
	h.spells = append(h.spells, s)
	h.mu.Unlock()
	<-ctx.Done()
	told := time.Now()
	time.Sleep(time.Duration(r.slow.Load()))
	h.mu.Lock()
	defer h.mu.Unlock()
	s.told, s.ended, s.cause = told, time.Now(), context.Cause(ctx)
}

// terms returns all terms so far, in the order in which they began.
func (h *house) terms() []spell {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []spell
	for _, s := range h.spells {
		list = append(list, *s)
	}
	return list
}

// current returns the term that runs, which must be the only one.
func (h *house) current(t *testing.T) spell {
	t.Helper()
	running := slices.DeleteFunc(h.terms(), func(s spell) bool { return !s.ended.IsZero() })
	if len(running) != 1 {
		t.Fatalf("%d terms run at once; want one\n%s", len(running), h.story())
	}
	return running[0]
}

// overlap returns two terms that ran at the same time, if any did.
func (h *house) overlap() (a, b spell, found bool) {
	terms := h.terms()
	for i, a := range terms {
		for _, b := range terms[i+1:] {
			if a.ended.IsZero() || b.began.Before(a.ended) {
				return a, b, true
			}
		}
	}
	return spell{}, spell{}, false
}

func (h *house) story() string {
	var b strings.Builder
	for _, s := range h.terms() {
		end := "now"
		if !s.ended.IsZero() {
			end = s.ended.Format("15:04:05.000")
		}
		fmt.Fprintf(&b, "  %s %s to %s: %v\n", s.id, s.began.Format("15:04:05.000"), end, s.cause)
	}
	return b.String()
}

// pass lets virtual time go by until all is quiet at its end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// assembly is a house with three replicas, one of which leads.
func assembly(t *testing.T) (*house, map[string]*replica, spell) {
	t.Helper()
	h := newHouse()
	all := map[string]*replica{}
	for _, id := range []string{"a", "b", "c"} {
		all[id] = h.join(t, id)
	}
	pass(time.Minute)
	return h, all, h.current(t)
}
