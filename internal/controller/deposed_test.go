package controller

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// Two controllers believe to lead, as happens when the clock of one has stood still
// with its machine: whoever does not hold the lease neither takes the record back nor
// acts on it (P8).
func TestDeposedByTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		var holder atomic.Value
		holds := func(id string) func(*Options) {
			return func(o *Options) {
				o.Holds = func(context.Context) error {
					if holder.Load() != id {
						return errors.New("the lease is held by somebody else")
					}
					return nil
				}
			}
		}
		holder.Store("old")
		w.lead(t, "old", holds("old"))
		time.Sleep(5 * time.Second)
		holder.Store("new")
		from := time.Now()
		w.lead(t, "new", holds("new"))
		time.Sleep(5 * time.Second)
		w.crash(0)
		time.Sleep(5 * time.Second)
		for _, what := range w.told(from) {
			if strings.HasPrefix(what, "old: ") && what != "old: conflict" {
				t.Errorf("the deposed one acts: %s", what)
			}
		}
		rec, _, err := w.objects.Load(t.Context())
		if err != nil || rec == nil || rec.Leader != "new" || rec.Main == 0 || rec.Stage != cluster.Serving {
			t.Errorf("record %+v, %v: want a failover by the new leader", rec, err)
		}
	})
}

// A controller that stood still has heard nobody meanwhile: that is no silence of
// MAIN's.
func TestOwnStandstillIsNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(3)
		w.lead(t, "a")
		time.Sleep(5 * time.Second)
		from := time.Now()
		// A look that no deadline ends: the process was stopped in its midst.
		for n := range 3 {
			w.change(cluster.Ordinal(n), func(s *server) { s.stopped = 8 * time.Second })
		}
		time.Sleep(20 * time.Second)
		for _, what := range w.told(from) {
			if strings.Contains(what, "promote") || strings.Contains(what, "promoting") {
				t.Errorf("a healthy MAIN is replaced: %s", what)
			}
		}
	})
}
