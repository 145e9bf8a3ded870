package election

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTermsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		demand := func(when, id string, wantBegun, wantEnded uint64) {
			t.Helper()
			if begun, ended := all[id].Terms(); begun != wantBegun || ended != wantEnded {
				t.Fatalf("%s: %s has begun %d terms and ended %d; want %d and %d\n%s", when, id, begun, ended, wantBegun, wantEnded, h.story())
			}
		}
		for id := range all {
			if id != first.id {
				demand("one leads", id, 0, 0)
			}
		}
		demand("one leads", first.id, 1, 0)
		for range 10 {
			pass(time.Second)
			if age := all[first.id].Age(); age <= 0 || age > 3*time.Second {
				t.Errorf("the lease of who leads is %s old; it is renewed every 2s", age)
			}
		}
		all[first.id].line.away.Store(true)
		pass(time.Minute)
		demand("it has lost the lease", first.id, 1, 1)
		if age := all[first.id].Age(); age != 0 {
			t.Errorf("a lease that is lost is %s old; want 0", age)
		}
		all[first.id].line.away.Store(false)
		pass(time.Minute)
		demand("another leads", first.id, 1, 1)
		demand("another leads", h.current(t).id, 1, 0)
	})
}
