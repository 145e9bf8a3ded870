package election

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/inmemory"
)

func TestOneLeaderOfThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		pass(time.Hour)
		if now := h.current(t); now != first || len(h.terms()) != 1 {
			t.Fatalf("a steady hour changed the leader:\n%s", h.story())
		}
		for id, r := range all {
			if r.Leading() != (id == first.id) {
				t.Fatalf("%s: Leading() = %t while %s leads", id, r.Leading(), first.id)
			}
			if r.Leader() != first.id {
				t.Fatalf("%s takes %q for the leader; want %s", id, r.Leader(), first.id)
			}
		}
	})
}

// TestStopReleasesAfterTheTerm: the term takes longer to end than a lease lasts,
// and is waited for, with the lease held, before anybody else may lead.
func TestStopReleasesAfterTheTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		leader := all[first.id]
		wind := 40 * time.Second
		leader.slow.Store(int64(wind))
		stopped := time.Now()
		leader.stop()
		pass(wind - time.Second)
		if n := len(h.terms()); n != 1 {
			t.Fatalf("%d terms while the first still ends; want the lease held for it\n%s", n, h.story())
		}
		if !leader.Leading() {
			t.Fatal("Leading() is false while the term ends and the lease is held")
		}
		pass(time.Minute)
		<-leader.ended
		next := h.current(t)
		if took, most := next.began.Sub(stopped.Add(wind)), time.Duration(2.2*float64(h.timing.RetryPeriod)); took < 0 || took > most {
			t.Fatalf("the next term began %s after the end of the first; want 0 to %s: the lease was released\n%s", took, most, h.story())
		}
		if first = h.terms()[0]; first.told != stopped || errors.Is(first.cause, ErrLeaseLost) {
			t.Fatalf("the stopped term was told after %s: %v; want at once, and not that the lease is lost", first.told.Sub(stopped), first.cause)
		}
	})
}

func TestAbandonedLeaseIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		leader := all[first.id]
		leader.die()
		renewed := *leader.line.renewed.Load()
		pass(time.Minute)
		next := h.current(t)
		// Challengers see renewals by the second, and look each 2.2 retry periods at the rarest.
		least, most := h.timing.LeaseDuration-time.Second, h.timing.LeaseDuration+5*h.timing.RetryPeriod
		if took := next.began.Sub(renewed); took < least || took > most {
			t.Fatalf("the next term began %s after the last renewal of one that died; want %s to %s\n%s", took, least, most, h.story())
		}
	})
}

func TestLeaseLostEndsTheTermAndIsContendedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		leader := all[first.id]
		leader.line.away.Store(true)
		gone := time.Now()
		pass(time.Minute)
		lost, next := h.terms()[0], h.current(t)
		if !errors.Is(lost.cause, ErrLeaseLost) {
			t.Fatalf("the term ended with %v; want %v", lost.cause, ErrLeaseLost)
		}
		if took, most := lost.told.Sub(gone), h.timing.RetryPeriod+h.timing.RenewDeadline; took > most {
			t.Fatalf("the term was told %s after the API went away; want within %s", took, most)
		}
		if next.id == first.id || !next.began.After(lost.ended) {
			t.Fatalf("terms:\n%swant another leader, after the first has ended", h.story())
		}

		leader.line.away.Store(false)
		for id, r := range all {
			if id != first.id {
				r.leave()
			}
		}
		pass(time.Minute)
		if again := h.current(t); again.id != first.id || !leader.Leading() {
			t.Fatalf("terms:\n%swant the one that had lost the lease to lead again", h.story())
		}
	})
}

func TestShortAbsenceOfTheAPIChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		for range 20 {
			for _, r := range all {
				r.line.away.Store(true)
			}
			pass(h.timing.RenewDeadline - h.timing.RetryPeriod - time.Second)
			for _, r := range all {
				r.line.away.Store(false)
			}
			pass(10 * time.Second)
			if now := h.current(t); now != first || !all[first.id].Leading() {
				t.Fatalf("terms:\n%swant the first to go on", h.story())
			}
		}
	})
}

// TestLeadingEndsByItself: it needs nobody to notice that renewals fail. So it
// is also how a process that was frozen finds out.
func TestLeadingEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		leader := all[first.id]
		leader.slow.Store(int64(time.Hour)) // a term that does not hear
		leader.line.away.Store(true)
		end := leader.line.renewed.Load().Add(h.timing.RenewDeadline)
		pass(time.Until(end) - time.Millisecond)
		if !leader.Leading() {
			t.Fatalf("Leading() is false before %s without renewal are over", h.timing.RenewDeadline)
		}
		pass(time.Millisecond)
		if leader.Leading() {
			t.Fatalf("Leading() is true %s after the last renewal", h.timing.RenewDeadline)
		}
		pass(time.Minute)
		if leader.Leading() {
			t.Fatal("Leading() is true after another has taken the lease")
		}
	})
}

// TestLateAnswerCountsFromTheRequest: the lease runs from when the API took the
// renewal, not from when its answer arrived.
func TestLateAnswerCountsFromTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, all, first := assembly(t)
		leader := all[first.id]
		before := *leader.line.renewed.Load()
		leader.line.lag.Store(int64(9 * time.Second))
		for leader.line.renewed.Load().Equal(before) {
			time.Sleep(time.Millisecond)
		}
		sent := *leader.line.renewed.Load()
		leader.line.away.Store(true) // for all that follows
		pass(time.Until(sent.Add(9*time.Second + 500*time.Millisecond)))
		if !leader.Leading() {
			t.Fatal("Leading() is false though the renewal was answered in time")
		}
		pass(time.Until(sent.Add(h.timing.RenewDeadline)))
		if leader.Leading() {
			t.Fatalf("Leading() is true %s after the last renewal was sent; its answer came late and prolongs nothing", h.timing.RenewDeadline)
		}
	})
}

func TestNewRefusesBadTiming(t *testing.T) {
	_, err := New(inmemory.New().Lock("a"), Timing{}, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("New with no durations succeeded; want an error")
	}
}

func TestTimingValidate(t *testing.T) {
	s, ms := time.Second, time.Millisecond
	for _, c := range []struct {
		timing Timing
		want   []string // parts of the error; none: valid
	}{
		{DefaultTiming(), nil},
		{Timing{3 * s, 2 * s, 500 * ms}, nil},
		{Timing{60 * s, 40 * s, 5 * s}, nil},
		{Timing{}, []string{"lease-duration 0s", "renew-deadline 0s", "retry-period 0s"}},
		{Timing{500 * ms, 300 * ms, 100 * ms}, []string{"lease-duration 500ms: want at least 1s", "whole seconds"}},
		{Timing{2500 * ms, 1 * s, 100 * ms}, []string{"lease-duration 2.5s: want whole seconds"}},
		{Timing{10 * s, 10 * s, 2 * s}, []string{"renew-deadline 10s"}},
		{Timing{10 * s, 12 * s, 2 * s}, []string{"renew-deadline 12s"}},
		{Timing{2 * s, 1500 * ms, 500 * ms}, []string{"renew-deadline 1.5s: want at most lease-duration less 1s, which is 1s"}},
		{Timing{2 * s, 1 * s, 500 * ms}, nil},
		{Timing{15 * s, 10 * s, 0}, []string{"retry-period 0s"}},
		{Timing{15 * s, 10 * s, -s}, []string{"retry-period -1s"}},
		{Timing{15 * s, 2 * s, 2 * s}, []string{"retry-period 2s: want more than 0 and less than renew-deadline / 1.2"}},
		{Timing{15 * s, 2400 * ms, 2 * s}, []string{"retry-period 2s"}},
	} {
		err := c.timing.Validate()
		if (err == nil) != (len(c.want) == 0) {
			t.Errorf("%+v: error %v; want one with %q", c.timing, err, c.want)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: error %q; want it to say %q", c.timing, err, part)
			}
		}
	}
}
