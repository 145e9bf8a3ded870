package controller

import (
	"bytes"
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

	"memgraph-controller/internal/cluster"
)

// records is the record as one controller reaches it.
type records struct {
	w        *world
	identity string
	away     atomic.Bool // the API answers this controller nothing
	frozen   atomic.Bool // it does not answer at all
	loads    atomic.Int64
	mu       sync.Mutex
	before   func() // happens once, just before the next write
}

func (r *records) Load(ctx context.Context) (*cluster.Record, string, error) {
	r.loads.Add(1)
	if err := r.travel(ctx); err != nil {
		return nil, "", err
	}
	return r.w.objects.Load(ctx)
}

func (r *records) Swap(ctx context.Context, prev string, next cluster.Record) (string, error) {
	if err := r.travel(ctx); err != nil {
		return "", err
	}
	r.mu.Lock()
	before := r.before
	r.before = nil
	r.mu.Unlock()
	if before != nil {
		before()
	}
	version, err := r.w.objects.Swap(ctx, prev, next)
	switch {
	case errors.Is(err, cluster.ErrConflict):
		r.w.note("%s: conflict", r.identity)
	case err == nil:
		r.w.note("%s: epoch %d %s main %d", r.identity, next.Epoch, next.Stage, next.Main)
	}
	return version, err
}

// travel is the way to the API.
func (r *records) travel(ctx context.Context) error {
	takes := pace
	if r.frozen.Load() {
		takes = time.Hour
	}
	if err := sleep(ctx, takes); err != nil {
		return err
	}
	if r.away.Load() {
		return errors.New("connection refused")
	}
	return nil
}

// deafened are records whose next write is stored without its writer hearing of it.
type deafened struct {
	Records
	lost *bool
}

func (r *deafened) Swap(ctx context.Context, prev string, next cluster.Record) (string, error) {
	version, err := r.Records.Swap(ctx, prev, next)
	if *r.lost && err == nil {
		*r.lost = false
		return "", errors.New("connection reset")
	}
	return version, err
}

// beforeWrite has what happen just before the next write.
func (r *records) beforeWrite(what func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = what
}

// peers are other controllers that see every node the same way.
type peers struct {
	contact atomic.Uint32
	takes   time.Duration
	asked   atomic.Int64
}

func (p *peers) see(c cluster.Contact) *peers {
	p.contact.Store(uint32(c))
	return p
}

func (p *peers) Ask(ctx context.Context, _ cluster.Ordinal, _ cluster.Epoch) []cluster.Opinion {
	p.asked.Add(1)
	if sleep(ctx, max(p.takes, pace)) != nil {
		return nil
	}
	sees := cluster.Contact(p.contact.Load())
	return []cluster.Opinion{{From: "b", Contact: sees}, {From: "c", Contact: sees}}
}

// term is one loop over a world, and what it says.
type term struct {
	*Loop
	w       *world
	records *records
	leading atomic.Bool
	deaf    atomic.Bool // the watch of the record brings it nothing
	stop    context.CancelCauseFunc
	ended   chan struct{}
	err     error // once ended is closed

	mu   sync.Mutex
	last Snapshot
	text bytes.Buffer // what it has logged
}

var errStopped = errors.New("stopped by the test")

// lead starts a loop as controller identity. It ends with the test at the latest.
func (w *world) lead(t *testing.T, identity string, edit ...func(*Options)) *term {
	t.Helper()
	x := &term{w: w, records: &records{w: w, identity: identity}, ended: make(chan struct{})}
	x.leading.Store(true)
	o := Options{
		Identity: identity, Version: "test", Policy: cluster.DefaultPolicy(), Topology: w.topology,
		Nodes: hands{w, identity}, Platform: w, Records: x.records, Leading: x.leading.Load, Publish: x.publish,
		Log: slog.New(slog.NewTextHandler(x, &slog.HandlerOptions{ReplaceAttr: plain})),
	}
	for _, e := range edit {
		e(&o)
	}
	x.Loop = New(o)
	ctx, stop := context.WithCancelCause(t.Context())
	x.stop = stop
	var watch sync.WaitGroup
	watch.Go(func() {
		w.objects.Watch(ctx, func(*cluster.Record, string) {
			if !x.deaf.Load() {
				x.RecordChanged()
			}
		})
	})
	go func() {
		defer close(x.ended)
		x.err = x.Run(ctx)
		watch.Wait()
	}()
	t.Cleanup(x.end)
	return x
}

// end ends the term and waits for it.
func (x *term) end() {
	x.stop(errStopped)
	<-x.ended
}

func (x *term) publish(s Snapshot) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last = s
}

// Write takes what the loop logs.
func (x *term) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.Write(p)
}

// plain leaves out of a log line what differs from run to run.
func plain(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" || a.Key == "noticed" || a.Key == "parts" {
		return slog.Attr{}
	}
	return a
}

// logged returns the lines logged since it was last called.
func (x *term) logged() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	lines := strings.FieldsFunc(x.text.String(), func(r rune) bool { return r == '\n' })
	x.text.Reset()
	return lines
}

// snapshot returns what was published last.
func (x *term) snapshot() Snapshot {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}

// pass lets virtual time go by until all is quiet at its end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// serving returns a world of n nodes that serve, led by controller a.
func serving(t *testing.T, n int, edit ...func(*Options)) (*world, *term) {
	t.Helper()
	w := newWorld(n)
	x := w.lead(t, "a", edit...)
	pass(10 * time.Second)
	w.standing(t, 1, 0)
	if rec := w.record(t); n > 1 && len(rec.Promotable) != 1 {
		t.Fatalf("after bootstrap promotable = %v; want one node", rec.Promotable)
	}
	x.logged()
	return w, x
}

// record returns the record as it is.
func (w *world) record(t *testing.T) cluster.Record {
	t.Helper()
	rec, _, err := w.objects.Load(t.Context())
	if err != nil || rec == nil {
		t.Fatalf("load the record: %v, %v", rec, err)
	}
	return *rec
}

// standing demands that the record says main serves epoch, and that it is so.
func (w *world) standing(t *testing.T, epoch cluster.Epoch, main cluster.Ordinal) {
	t.Helper()
	rec := w.record(t)
	w.mu.Lock()
	role := w.servers[main].role
	w.mu.Unlock()
	if rec.Epoch != epoch || rec.Main != main || rec.Stage != cluster.Serving || role != cluster.RoleMain {
		t.Fatalf("record: epoch %d %s main %d (%s), node %d is %s; want epoch %d serving main %d\n%s",
			rec.Epoch, rec.Stage, rec.Main, rec.Reason, main, role, epoch, main, w.story(time.Time{}))
	}
}

// story tells what has happened since from, for failure messages.
func (w *world) story(from time.Time) string {
	var b strings.Builder
	for _, e := range w.past(from) {
		fmt.Fprintf(&b, "  %s %s\n", e.at.Format("15:04:05.000"), e.what)
	}
	return b.String()
}

// when returns how long after from what first happened.
func (w *world) when(t *testing.T, from time.Time, what string) time.Duration {
	t.Helper()
	list := w.past(from)
	i := slices.IndexFunc(list, func(e event) bool { return e.what == what })
	if i < 0 {
		t.Fatalf("%q did not happen; this did:\n%s", what, w.story(from))
	}
	return list[i].at.Sub(from)
}

// never demands that nothing that begins with what has happened since from.
func (w *world) never(t *testing.T, from time.Time, what string) {
	t.Helper()
	for _, e := range w.past(from) {
		if strings.HasPrefix(e.what, what) {
			t.Fatalf("%q happened %s after; want it not to:\n%s", e.what, e.at.Sub(from), w.story(from))
		}
	}
}
