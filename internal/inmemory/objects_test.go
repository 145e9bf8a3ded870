package inmemory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"memgraph-controller/internal/cluster"
)

// rec returns a record of epoch e.
func rec(e cluster.Epoch) cluster.Record {
	return cluster.Record{Epoch: e, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode}
}

// swap writes a record that must be taken.
func swap(t *testing.T, o *Objects, prev string, e cluster.Epoch) string {
	t.Helper()
	version, err := o.Swap(t.Context(), prev, rec(e))
	if err != nil {
		t.Fatalf("swap epoch %d over version %q: %v", e, prev, err)
	}
	return version
}

func TestRecordIsCreatedOnce(t *testing.T) {
	o := New()
	if r, version, err := o.Load(t.Context()); r != nil || version != "" || err != nil {
		t.Fatalf("load of no record = %v, %q, %v; want nothing", r, version, err)
	}
	if _, err := o.Swap(t.Context(), "7", rec(1)); !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("swap over a version while there is no record: %v; want a conflict", err)
	}
	first := swap(t, o, "", 1)
	if _, err := o.Swap(t.Context(), "", rec(2)); !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("second creation: %v; want a conflict", err)
	}
	if r, version, err := o.Load(t.Context()); err != nil || r.Epoch != 1 || version != first {
		t.Fatalf("load = %v, %q, %v; want epoch 1 of version %q", r, version, err, first)
	}
}

func TestSwapIsConditional(t *testing.T) {
	o := New()
	first := swap(t, o, "", 1)
	second := swap(t, o, first, 2)
	if second == first {
		t.Fatalf("two writes have the one version %q", first)
	}
	if _, err := o.Swap(t.Context(), first, rec(3)); !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("swap over an old version: %v; want a conflict", err)
	}
	if r, _, _ := o.Load(t.Context()); r.Epoch != 2 {
		t.Fatalf("epoch %d after a conflict; want 2, untouched", r.Epoch)
	}
	o.Put(o.Data()) // what a human writes counts as well, also if it says the same
	if _, err := o.Swap(t.Context(), second, rec(3)); !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("swap over a human's edit: %v; want a conflict", err)
	}
}

// TestOneOfManySwapsWins also runs under the race detector.
func TestOneOfManySwapsWins(t *testing.T) {
	o := New()
	version := swap(t, o, "", 1)
	var wg sync.WaitGroup
	won := make([]bool, 32)
	for i := range won {
		wg.Go(func() {
			_, err := o.Swap(t.Context(), version, rec(cluster.Epoch(i)))
			won[i] = err == nil
		})
	}
	wg.Wait()
	n := 0
	for _, w := range won {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d of %d writes over the same version succeeded; want 1", n, len(won))
	}
}

func TestDeletedRecordIsNotOverwritten(t *testing.T) {
	o := New()
	version := swap(t, o, "", 1)
	o.Put(nil)
	if r, v, err := o.Load(t.Context()); r != nil || v != "" || err != nil {
		t.Fatalf("load of a deleted record = %v, %q, %v; want nothing", r, v, err)
	}
	if _, err := o.Swap(t.Context(), version, rec(2)); !errors.Is(err, cluster.ErrConflict) {
		t.Fatalf("swap over a deleted record: %v; want a conflict", err)
	}
	if again := swap(t, o, "", 1); again == version {
		t.Fatalf("the record that was created anew has the old one's version %q", version)
	}
}

func TestForeignKeysSurviveASwap(t *testing.T) {
	o := New()
	o.Put(map[string]string{"masterIndex": "2", "lastUpdated": "2026-11-23T10:00:00Z", "controllerVersion": "0.9", "team": "graph", "note": ""})
	r, version, err := o.Load(t.Context())
	if err != nil || r.Main != 2 {
		t.Fatalf("load of a record of three keys and two foreign ones = %v, %v", r, err)
	}
	next := *r
	next.Epoch = 1
	if _, err := o.Swap(t.Context(), version, next); err != nil {
		t.Fatal(err)
	}
	data := o.Data()
	if note, ok := data["note"]; data["team"] != "graph" || !ok || note != "" || data["epoch"] != "1" {
		t.Fatalf("data after a swap = %v; want the foreign keys kept beside the new epoch", data)
	}
}

func TestDataIsACopy(t *testing.T) {
	o := New()
	given := map[string]string{"masterIndex": "1"}
	o.Put(given)
	given["masterIndex"] = "5"
	o.Data()["masterIndex"] = "7"
	if got := o.Data(); !maps.Equal(got, map[string]string{"masterIndex": "1"}) {
		t.Fatalf("data = %v after the caller changed its own maps; want masterIndex 1", got)
	}
}

func TestUnreadableRecordIsAnError(t *testing.T) {
	o := New()
	o.Put(map[string]string{"masterIndex": "first"})
	r, version, err := o.Load(t.Context())
	var unreadable *cluster.RecordError
	if r != nil || version != "" || !errors.As(err, &unreadable) {
		t.Fatalf("load = %v, %q, %v; want a *cluster.RecordError and never a record that looks missing", r, version, err)
	}
}

func TestAwayAndEndedContexts(t *testing.T) {
	o := New()
	version := swap(t, o, "", 1)
	o.SetAway(true)
	if _, _, err := o.Load(t.Context()); !errors.Is(err, ErrAway) {
		t.Fatalf("load while away: %v; want ErrAway", err)
	}
	if _, err := o.Swap(t.Context(), version, rec(2)); !errors.Is(err, ErrAway) {
		t.Fatalf("swap while away: %v; want ErrAway", err)
	}
	o.SetAway(false)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := o.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("load with an ended context: %v", err)
	}
	if _, err := o.Swap(ctx, version, rec(2)); !errors.Is(err, context.Canceled) {
		t.Fatalf("swap with an ended context: %v", err)
	}
	if now := swap(t, o, version, 2); now == version {
		t.Fatal("a write that was refused while away counted")
	}
}

// watching starts a watch and returns what it saw since it was last asked.
func watching(t *testing.T, o *Objects) func() []string {
	t.Helper()
	var mu sync.Mutex
	var saw []string
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.Watch(ctx, func(r *cluster.Record, uid string) {
			mu.Lock()
			defer mu.Unlock()
			if r == nil {
				saw = append(saw, "none")
				return
			}
			saw = append(saw, fmt.Sprintf("epoch %d of %s", r.Epoch, uid))
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		list := saw
		saw = nil
		return list
	}
}

func TestWatchSeesEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New()
		seen := watching(t, o)
		expect := func(what string, want ...string) string {
			t.Helper()
			got := seen()
			if len(got) != len(want) {
				t.Fatalf("%s: the watch saw %q; want %q", what, got, want)
			}
			uid := ""
			for i := range want {
				var epoch int
				if _, err := fmt.Sscanf(got[i], "epoch %d of %s", &epoch, &uid); err == nil {
					got[i] = fmt.Sprintf("epoch %d", epoch)
				}
				if got[i] != want[i] {
					t.Fatalf("%s: the watch saw %q; want %q", what, got, want)
				}
			}
			return uid
		}
		expect("at first", "none")
		version := swap(t, o, "", 1)
		born := expect("after creation", "epoch 1")
		swap(t, o, version, 2)
		if uid := expect("after a write", "epoch 2"); uid != born {
			t.Fatalf("uid %q after a write; want %q, the same object", uid, born)
		}
		o.SetAway(true)
		expect("when the API goes away")
		o.SetAway(false)
		expect("when it is back and nothing has changed")
		o.Put(nil)
		expect("after deletion", "none")
		swap(t, o, "", 1)
		if uid := expect("after it was created anew", "epoch 1"); uid == born || uid == "" {
			t.Fatalf("uid %q of a record created anew; want another than %q", uid, born)
		}
		o.Put(map[string]string{"masterIndex": "?"})
		expect("after it became unreadable")
		o.Put(rec(9).Encode())
		expect("after it was corrected", "epoch 9")
	})
}

func TestWatchSeesWhatChangedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New()
		version := swap(t, o, "", 1)
		seen := watching(t, o)
		if got := seen(); len(got) != 1 {
			t.Fatalf("a watch that begins with a record saw %q; want it once", got)
		}
		swap(t, o, version, 2)
		seen()
		o.SetAway(true)
		o.Put(rec(5).Encode())
		if got := seen(); len(got) != 0 {
			t.Fatalf("the watch saw %q while the API is away; want nothing", got)
		}
		o.SetAway(false)
		if got := seen(); len(got) != 1 {
			t.Fatalf("the watch saw %q once the API is back; want the change", got)
		}
	})
}

func TestLeaseConflicts(t *testing.T) {
	o, ctx := New(), t.Context()
	a, b := o.Lock("a"), o.Lock("b")
	if a.Identity() != "a" || b.Identity() != "b" {
		t.Fatalf("identities %q and %q; want a and b", a.Identity(), b.Identity())
	}
	held := func(by string) resourcelock.LeaderElectionRecord {
		return resourcelock.LeaderElectionRecord{HolderIdentity: by, LeaseDurationSeconds: 15}
	}
	if _, _, err := a.Get(ctx); !apierrors.IsNotFound(err) {
		t.Fatalf("get of no lease: %v; want not found", err)
	}
	if err := a.Update(ctx, held("a")); !apierrors.IsNotFound(err) {
		t.Fatalf("update of no lease: %v; want not found", err)
	}
	if err := a.Create(ctx, held("a")); err != nil {
		t.Fatal(err)
	}
	if err := b.Create(ctx, held("b")); !apierrors.IsAlreadyExists(err) {
		t.Fatalf("second creation: %v; want already exists", err)
	}
	if err := b.Update(ctx, held("b")); !apierrors.IsConflict(err) {
		t.Fatalf("update of a lease that was never read: %v; want a conflict", err)
	}
	r, raw, err := b.Get(ctx)
	if err != nil || r.HolderIdentity != "a" {
		t.Fatalf("get = %v, %v; want held by a", r, err)
	}
	if err := a.Update(ctx, held("a")); err != nil {
		t.Fatalf("renewal by the one who created it: %v", err)
	}
	if err := b.Update(ctx, held("b")); !apierrors.IsConflict(err) {
		t.Fatalf("update of a lease that was renewed since it was read: %v; want a conflict", err)
	}
	if _, _, err := b.Get(ctx); err != nil {
		t.Fatal(err)
	}
	if err := b.Update(ctx, held("b")); err != nil {
		t.Fatalf("update of a lease just read: %v", err)
	}
	if _, now, _ := a.Get(ctx); string(now) == string(raw) {
		t.Fatalf("another holder has the same raw form %s", raw)
	}
	o.SetAway(true)
	if _, _, err := a.Get(ctx); !errors.Is(err, ErrAway) {
		t.Fatalf("get while away: %v", err)
	}
	if err := a.Update(ctx, held("a")); !errors.Is(err, ErrAway) {
		t.Fatalf("update while away: %v", err)
	}
	if err := a.Create(ctx, held("a")); !errors.Is(err, ErrAway) {
		t.Fatalf("create while away: %v", err)
	}
}
