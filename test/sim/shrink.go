package sim

import "time"

// shrink returns the smallest plan it finds that fails as p does: without the faults
// that do not matter, each as short and as early as it can be. play runs a plan and
// returns its violation, "" if there is none. A plan is tried more than once,
// because the scheduling of goroutines is not part of it.
func shrink(p Plan, play func(Plan) string, patience int) (Plan, string) {
	violation := ""
	fails := func(q Plan) bool {
		for range 3 {
			if patience <= 0 {
				return false
			}
			patience--
			if v := play(q); v != "" {
				violation = v
				return true
			}
		}
		return false
	}
	for again := true; again; {
		again = false
		for i := range p.Faults {
			q := p.without(i)
			if fails(q) {
				p, again = q, true
				break
			}
		}
	}
	for i := range p.Faults {
		for _, change := range []func(*Fault){
			func(f *Fault) { f.On = "" },
			func(f *Fault) { f.For /= 2 },
			func(f *Fault) { f.At = f.At.Truncate(time.Second) },
		} {
			q := p.without(-1)
			change(&q.Faults[i])
			if q.Faults[i] != p.Faults[i] && fails(q) {
				p = q
			}
		}
	}
	for _, change := range []func(*Plan){
		func(q *Plan) { q.Fast = -1 },
		func(q *Plan) { q.Clients = 1 },
		func(q *Plan) { q.Durability = 0 },
	} {
		q := p.without(-1)
		change(&q)
		if fails(q) {
			p = q
		}
	}
	return p, violation
}

// without returns a copy of the plan less fault i; -1: with all of them.
func (p Plan) without(i int) Plan {
	q := p
	q.Faults = nil
	for j, f := range p.Faults {
		if j != i {
			q.Faults = append(q.Faults, f)
		}
	}
	return q
}
