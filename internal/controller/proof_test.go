package controller

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestProofIsOfTheRegisteredData: a replica takes over MAIN's database when it is
// registered. A look from before that is not what is proven.
func TestProofIsOfTheRegisteredData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		w.steps["register node 1 as strict_sync on node 0"] = func() {
			w.change(1, func(s *server) { s.late = 50 * time.Millisecond })
			w.shake(1)
		}
		x := w.lead(t, "a")
		for range 100 {
			pass(pace)
			rec := x.snapshot().Record
			if rec == nil {
				continue
			}
			if p, ok := rec.Proof(1); ok && p.UUID != "uuid-0" {
				t.Fatalf("record says node 1 is proven with database %s; want MAIN's, uuid-0", p.UUID)
			}
		}
		w.standing(t, 1, 0)
		if _, ok := w.record(t).Proof(1); !ok {
			t.Fatal("node 1 is not promotable once its data are known; want it to be")
		}
	})
}
