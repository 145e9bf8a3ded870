package controller

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeposedLoopChangesNothing is P8: a believes to lead, b has taken over. The
// write that a had under way conflicts, because b has claimed the record, and a
// takes no step.
func TestDeposedLoopChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.records.beforeWrite(func() {
			x.leading.Store(false)
			w.lead(t, "b")
			time.Sleep(time.Second)
		})
		crash := time.Now()
		w.crash(0)
		pass(time.Minute)
		w.standing(t, 2, 1)
		if first := w.told(crash)[0]; first != "b: epoch 1 serving main 0" {
			t.Fatalf("the new leader began with %q; want it to claim the record", first)
		}
		w.when(t, crash, "a: conflict")
		own := slices.DeleteFunc(w.told(crash), func(e string) bool { return e[0] != 'a' })
		if len(own) != 1 {
			t.Fatalf("the deposed loop did %q; want nothing but the conflict\n%s", own, w.story(crash))
		}
		if rec := w.record(t); rec.Leader != "b" {
			t.Fatalf("the record's leader is %q; want b", rec.Leader)
		}
	})
}

func TestNoStepAfterTheLease(t *testing.T) {
	lost := errors.New("lease lost")
	for _, c := range []struct {
		name string
		set  func(w *world, x *term)
		want []string
	}{
		{"lease ends before the write", func(_ *world, x *term) { x.leading.Store(false) }, nil},
		{"lease ends during the write", func(_ *world, x *term) {
			x.records.beforeWrite(func() { x.leading.Store(false) })
		}, []string{"a: epoch 2 promoting main 1"}},
		{"lease ends during a step", func(w *world, x *term) {
			w.steps["promote node 1"] = func() { x.leading.Store(false) }
		}, []string{"a: epoch 2 promoting main 1", "a: promote node 1"}},
		{"term ends during the write", func(_ *world, x *term) {
			x.records.beforeWrite(func() { x.stop(lost) })
		}, nil},
		{"term ends during a step", func(w *world, x *term) {
			w.steps["promote node 1"] = func() { x.stop(lost) }
		}, []string{"a: epoch 2 promoting main 1", "a: promote node 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x := serving(t, 3)
				c.set(w, x)
				crash := time.Now()
				w.crash(0)
				pass(time.Minute)
				if got := w.told(crash); !slices.Equal(got, c.want) {
					t.Fatalf("after the crash of MAIN:\n%swant %q (P8)", w.story(crash), c.want)
				}
			})
		})
	}
}

// TestNextLeaderFinishes is P3: cut off between any two steps, a promotion is
// finished by the next term from record and observation alone.
func TestNextLeaderFinishes(t *testing.T) {
	cuts := []string{
		"promote node 1", "mark node 1", "register node 2 as strict_sync on node 1", "mark node 1 through node 2",
	}
	for _, cut := range cuts {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x := serving(t, 3)
				w.steps[cut] = func() { x.stop(errStopped) }
				w.crash(0)
				pass(time.Second)
				<-x.ended
				w.mu.Lock()
				delete(w.steps, cut)
				w.mu.Unlock()
				w.lead(t, "b")
				pass(10 * time.Second)
				w.standing(t, 2, 1)
				if len(w.record(t).Promotable) != 1 {
					t.Fatalf("nobody is promotable after the second leader has finished\n%s", w.story(time.Time{}))
				}
			})
		})
	}
}

// TestRunReturnsTheCause, also with looks under way that nobody answers. That
// all goroutines are joined is what the end of the bubble demands.
func TestRunReturnsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		w.change(2, func(s *server) { s.mute = true })
		pass(700 * time.Millisecond)
		lost := errors.New("lease lost")
		from := time.Now()
		x.stop(lost)
		<-x.ended
		if !errors.Is(x.err, lost) {
			t.Fatalf("Run returned %v; want the cause of the end, %v", x.err, lost)
		}
		if took := time.Since(from); took > 0 {
			t.Fatalf("Run returned %s after its end; want it at once", took)
		}
	})
}
