package election

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestNeverTwoTerms plays scripts of stops, deaths and an API that is away for
// one replica or for all, and demands that no two terms ever overlap, and that
// after the last event somebody leads.
func TestNeverTwoTerms(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse()
			script := &script{house: h, rng: rand.New(rand.NewPCG(seed, 11)), all: map[string]*replica{}}
			for range 30 {
				script.event(t)
				pass(time.Duration(script.rng.IntN(12000)) * time.Millisecond)
				script.watch(t)
				if a, b, two := h.overlap(); two {
					t.Fatalf("seed %d: the terms of %s and %s overlap\n%s\n%v", seed, a.id, b.id, h.story(), script.told)
				}
			}
			for _, id := range script.ids() {
				script.bring(t, id)
				script.all[id].line.away.Store(false)
			}
			pass(2 * time.Minute)
			if now := h.current(t); !script.all[now.id].Leading() {
				t.Fatalf("seed %d: %s has a term and does not lead", seed, now.id)
			}
		})
		if t.Failed() {
			return
		}
	}
}

type script struct {
	*house
	rng  *rand.Rand
	all  map[string]*replica // those that run
	told []string
}

func (s *script) ids() []string { return []string{"a", "b", "c"} }

// event lets one thing happen.
func (s *script) event(t *testing.T) {
	id := s.ids()[s.rng.IntN(3)]
	r := s.all[id]
	what := "nothing"
	switch k := s.rng.IntN(8); {
	case r == nil:
		s.bring(t, id)
		what = "start " + id
	case k == 0:
		r.leave()
		delete(s.all, id)
		what = "stop " + id
	case k == 1:
		r.die()
		delete(s.all, id)
		what = "death of " + id
	case k < 5:
		away := !r.line.away.Load()
		r.line.away.Store(away)
		what = fmt.Sprintf("API away from %s: %t", id, away)
	case k == 5:
		away := s.rng.IntN(2) == 0
		for _, r := range s.all {
			r.line.away.Store(away)
		}
		what = fmt.Sprintf("API away from all: %t", away)
	}
	s.told = append(s.told, time.Now().Format("15:04:05.000 ")+what)
}

func (s *script) bring(t *testing.T, id string) {
	if s.all[id] == nil {
		s.all[id] = s.join(t, id)
	}
}

// watch demands that no two believe to lead.
func (s *script) watch(t *testing.T) {
	var leading []string
	for _, id := range s.ids() {
		if r := s.all[id]; r != nil && r.Leading() {
			leading = append(leading, id)
		}
	}
	if len(leading) > 1 {
		t.Fatalf("%v believe to lead at once\n%s\n%v", leading, s.story(), s.told)
	}
}

// TestNoTwoLeadWithAnyTimingThatIsValid takes the API away from the leader alone
// at each phase of a second: challengers see renewals by the second.
func TestNoTwoLeadWithAnyTimingThatIsValid(t *testing.T) {
	ms := time.Millisecond
	for _, timing := range []Timing{
		DefaultTiming(),
		{2 * time.Second, 1500 * ms, 500 * ms},
		{2 * time.Second, 1900 * ms, 100 * ms},
		{2 * time.Second, 1000 * ms, 300 * ms},
		{3 * time.Second, 2000 * ms, 200 * ms},
		{5 * time.Second, 4900 * ms, 250 * ms},
	} {
		if timing.Validate() != nil {
			continue
		}
		for phase := range 40 {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse()
				h.timing = timing
				a := h.join(t, "a")
				pass(time.Second + time.Duration(phase)*25*ms)
				b := h.join(t, "b")
				pass(10 * time.Second)
				a.line.away.Store(true)
				for range 3 * timing.LeaseDuration / (10 * ms) {
					pass(10 * ms)
					if a.Leading() && b.Leading() {
						t.Fatalf("%+v: both believe to lead %s after the last renewal of the first", timing, time.Since(*a.line.renewed.Load()))
					}
				}
				if !b.Leading() {
					t.Fatalf("%+v: nobody has taken over", timing)
				}
			})
		}
	}
}
