package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestEveryTermClaimsTheRecordFirst is P8: without the claim, a write that the
// last leader had under way would still succeed.
func TestEveryTermClaimsTheRecordFirst(t *testing.T) {
	for _, c := range []struct{ name, next string }{
		{"another controller", "b"},
		{"the same controller again", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, x := serving(t, 3)
				x.end()
				_, version, err := w.objects.Load(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				late := w.record(t) // what the last leader still has under way
				w.lead(t, c.next)
				pass(5 * time.Second)
				if _, err := w.objects.Swap(t.Context(), version, late); err == nil {
					t.Fatal("a write of the last term succeeded in the new one; want a conflict")
				}
				w.standing(t, 1, 0)
			})
		})
	}
}

// TestClaimIsNotSkipped: a lease that seemed to end and was renewed after all
// does not spare a term its claim.
func TestClaimIsNotSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := serving(t, 3)
		x.end()
		w.crash(0)
		from := time.Now()
		y := w.lead(t, "b", func(o *Options) {
			leading := o.Leading
			o.Leading = func() bool { return leading() && time.Since(from) > 100*time.Millisecond }
		})
		pass(10 * time.Second)
		w.standing(t, 2, 1)
		if first := w.told(from)[0]; first != "b: epoch 1 serving main 0" {
			t.Fatalf("the term began with %q; want it to claim the record first\n%s", first, w.story(from))
		}
		y.end()
	})
}
