package controller

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// count returns how many lines contain what.
func count(lines []string, what string) int {
	n := 0
	for _, l := range lines {
		if strings.Contains(l, what) {
			n++
		}
	}
	return n
}

func TestConflictIsReadAgainBeforeAnyStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.deaf.Store(true)
		x.records.beforeWrite(func() {
			data := w.objects.Data()
			data["leader"], data["note"] = "z", "kept"
			w.objects.Put(data)
		})
		crash := time.Now()
		w.crash(0)
		pass(5 * time.Second)
		w.standing(t, 2, 1)
		want := []string{"a: conflict", "a: epoch 1 serving main 0", "a: epoch 2 promoting main 1", "a: promote node 1"}
		for i, e := range w.told(crash)[:len(want)] {
			if e != want[i] {
				t.Fatalf("after a conflict:\n%swant %q first: read again and claimed before any step", w.story(crash), want)
			}
		}
		if got := w.record(t).Foreign["note"]; got != "kept" {
			t.Fatalf("a key that is not ours is %q after the conflict; want it kept", got)
		}
	})
}

func TestAPIAwayDuringFailover(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*records, bool)
	}{
		{"refuses", func(r *records, v bool) { r.away.Store(v) }},
		{"hangs", func(r *records, v bool) { r.frozen.Store(v) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x := serving(t, 3)
				c.set(x.records, true)
				gone := time.Now()
				w.crash(0)
				pass(time.Minute)
				w.never(t, gone, "a: ")
				if x.snapshot().Err == nil {
					t.Fatal("the record cannot be written and no error is published (P7)")
				}
				if lines := x.logged(); count(lines, "pass failed") > 2 {
					t.Fatalf("a minute without the API logged\n%s\nwant the trouble once", strings.Join(lines, "\n"))
				}
				looks, back := w.looks(1), time.Now()
				c.set(x.records, false)
				pass(10 * time.Second)
				w.standing(t, 2, 1)
				if looks == 0 || x.snapshot().Err != nil {
					t.Fatalf("after the API's return: error %v; want none", x.snapshot().Err)
				}
				// A loop that hangs looks at nobody: who answers after that may have rebooted
				// meanwhile, and is given the 2.5 s in which the platform must know.
				if took := w.when(t, back, "a: promote node 1"); took > recordTimeout+3500*time.Millisecond {
					t.Fatalf("failover %s after the API's return; want it at the end of the write that hangs, or when the nodes are named", took)
				}
				if lines := x.logged(); count(lines, "passes succeed again") != 1 {
					t.Fatalf("the API's return logged\n%s\nwant it told once", strings.Join(lines, "\n"))
				}
			})
		})
	}
}

// TestAPIAwayTouchesNobody is P9: a healthy MAIN serves on.
func TestAPIAwayTouchesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		gone, before := time.Now(), w.looks(0)
		x.records.away.Store(true)
		x.RecordChanged()
		pass(10 * time.Minute)
		if w.looks(0) < before+600 {
			t.Fatalf("%d looks at MAIN in 10 minutes without the API; want the loop to go on looking", w.looks(0)-before)
		}
		x.records.away.Store(false)
		pass(10 * time.Second)
		w.never(t, gone, "a: ")
		w.standing(t, 1, 0)
	})
}

// TestRecordDeletedRightAfterAFailover: the old MAIN is away, and may hold anything. The
// leader that had the record knows that nobody was promoted since; another one does not.
func TestRecordDeletedRightAfterAFailover(t *testing.T) {
	for _, same := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, x := serving(t, 3)
			for n := range cluster.Ordinal(3) {
				w.change(n, func(s *server) { s.vertices = 9 })
			}
			w.crash(0)
			pass(5 * time.Second)
			w.standing(t, 2, 1)
			deleted := time.Now()
			if same {
				w.objects.Put(nil)
				pass(time.Second)
				w.standing(t, 2, 1)
				return
			}
			last := x.snapshot().Record
			x.end()
			w.objects.Put(nil)
			w.lead(t, "b", func(o *Options) { o.Last = last })
			pass(time.Second)
			w.start(0)
			pass(10 * time.Second)
			w.never(t, deleted, "b: epoch")
		})
	}
}

func TestDeletedRecordIsBootstrappedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := serving(t, 3)
		w.crash(0)
		pass(5 * time.Second)
		w.start(0)
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		deleted := time.Now()
		w.objects.Put(nil)
		pass(10 * time.Second)
		w.standing(t, 2, 1) // the same reign: clients stay
		for _, e := range w.told(deleted) {
			if !strings.HasPrefix(e, "a: epoch 2 serving") && !strings.HasPrefix(e, "a: mark node 1") {
				t.Fatalf("after the record was deleted:\n%swant it written again and proven, and nobody touched", w.story(deleted))
			}
		}
		if len(w.record(t).Promotable) != 1 {
			t.Fatal("nobody is promotable again 10s after the record was deleted; want the standby to be")
		}
	})
}

func TestUndecodableRecordIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		good := w.objects.Data()
		bad := w.objects.Data()
		bad["stage"] = "dreaming"
		w.objects.Put(bad)
		broken := time.Now()
		w.crash(0) // so that there is something to write
		pass(10 * time.Minute)
		w.never(t, broken, "a: epoch")
		w.never(t, broken, "a: promote")
		if got := w.objects.Data()["stage"]; got != "dreaming" {
			t.Fatalf("stage is %q now; want what cannot be read left as it is", got)
		}
		if err := x.snapshot().Err; err == nil || !strings.Contains(err.Error(), "dreaming") {
			t.Fatalf("published error: %v; want one that names the value", err)
		}
		if lines := x.logged(); count(lines, "dreaming") != 1 {
			t.Fatalf("10 minutes with an unreadable record logged\n%s\nwant it told once", strings.Join(lines, "\n"))
		}
		w.objects.Put(good)
		pass(10 * time.Second)
		w.standing(t, 2, 1)
	})
}

// TestRecordOfThreeKeysIsAdopted is the upgrade.
func TestRecordOfThreeKeysIsAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.end()
		w.objects.Put(map[string]string{"masterIndex": "0", "lastUpdated": "2026-11-23T10:00:00Z", "controllerVersion": "0.9"})
		from := time.Now()
		w.lead(t, "b")
		pass(10 * time.Second)
		w.standing(t, 1, 0)
		w.never(t, from, "b: promote")
		w.never(t, from, "b: demote")
		if rec := w.record(t); len(rec.Promotable) != 1 || rec.Promotable[0].Node == cluster.NoNode {
			t.Fatalf("promotable = %v after the upgrade; want the standby, proven", rec.Promotable)
		}
	})
}
