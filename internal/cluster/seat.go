package cluster

import "time"

// chooseSeat decides who shall hold the standby seat. It returns true with a new
// record if that changes; otherwise its Wake says when a grace is over, zero if
// none is running.
func (in Input) chooseSeat() (Decision, bool) {
	rec := in.Record
	holds, left, why := in.seatHolds()
	if holds {
		c, flaw := in.candidate(), in.flaw(rec.Seat)
		wished := rec.Switchover.Wanted() && rec.Switchover.Target == rec.Seat
		if c != NoNode && !wished && in.grade(c) > in.grade(rec.Seat) {
			next := rec.clone()
			next.Seat, next.Reason = c, in.name(rec.Seat)+" "+flaw
			return record(next, "%s takes the standby seat from %s, which %s", in.name(c), in.name(rec.Seat), flaw), true
		}
		if d, ok := in.vacate(c); ok {
			return d, true
		}
		return Decision{Wake: left}, false
	}
	c := in.candidate()
	next := rec.clone()
	next.Reason = why
	var vain Step
	if r, listed := in.Nodes[rec.Main].Replica(rec.Seat); listed && !r.Mode.Waited() && in.vain(rec.Seat) == 0 {
		vain = in.holding(rec.Seat) // or would have been, had it stayed fit for it
	}
	switch {
	case c != NoNode && c != rec.Seat:
		next.Seat = c
		return record(next, "%s shall hold the standby seat: %s", in.name(c), why).inVain(vain), true
	case c != NoNode || rec.Seat == NoNode:
		return Decision{}, false
	case in.Policy.Durability == Strict:
		return Decision{}, false // writes stay blocked; told in the conditions
	}
	next.Seat, next.Promotable = NoNode, nil
	return record(next, "%s, and no other replica can hold the seat: writes go on unprotected", why).inVain(vain), true
}

// vacate takes the seat from a standby that was told to stop and that nobody can
// replace: MAIN would refuse writes from its end until that was seen.
func (in Input) vacate(c Ordinal) (Decision, bool) {
	rec := in.Record
	if c != NoNode || !in.departing(rec.Seat) || rec.Switchover.Wanted() {
		return Decision{}, false
	}
	next := rec.clone()
	next.Seat, next.Promotable = NoNode, nil
	next.Reason = in.name(rec.Seat) + " was told to stop"
	return record(next, "%s was told to stop, and no other replica can hold the seat: writes go on unprotected", in.name(rec.Seat)), true
}

// departing reports whether node n was told to stop and is not to be waited for any
// more. A MAIN that was told to stop too needs it as its successor, and a strict one
// acknowledges nothing without it.
func (in Input) departing(n Ordinal) bool {
	return in.Nodes[n].Leaving && !in.Nodes[in.Record.Main].Leaving && in.Policy.Durability != Strict
}

// flaw says why the seat is better held by another than node n, or "".
func (in Input) flaw(n Ordinal) string {
	switch {
	case in.Nodes[n].Leaving:
		return "was told to stop"
	case in.flapping(n):
		return in.flaps()
	case in.restarted(n):
		return "has restarted within the reign"
	}
	return ""
}

// seatHolds reports whether the seat is in good hands; if it is only in its
// grace, how much of that is left; and if not, why.
func (in Input) seatHolds() (bool, time.Duration, string) {
	rec := in.Record
	if rec.Seat == NoNode {
		return false, 0, "the seat is empty"
	}
	s, name := in.Nodes[rec.Seat], in.name(rec.Seat)
	r, listed := in.Nodes[rec.Main].Replica(rec.Seat)
	var since time.Time
	var why string
	switch {
	case rec.Seat == rec.Main:
		return false, 0, name + " is MAIN"
	case s.down():
		since, why = s.Since, name+" is down"
	case !listed || r.Ghost || !r.Mode.Waited():
		why = name + " cannot take the seat"
		if in.vain(rec.Seat) > 0 {
			why = name + " has not caught up while work was held for it"
		}
		return in.canSit(rec.Seat) || in.justDropped(rec.Seat), 0, why
	case r.Status == Diverged:
		return false, 0, name + " has diverged"
	case r.ahead(in.Now):
		return false, 0, name + " is ahead of MAIN"
	case r.Status == Ready || r.Status == Replicating:
		return true, 0, ""
	default:
		since, why = r.Since, name+" is "+r.Status.String()
	}
	left := since.Add(in.Policy.StandbyGrace).Sub(in.Now)
	return left > 0, max(left, 0), why
}

// grade weighs the flaws of node n: one that stays is better than one that has not
// failed as MAIN again and again, and that is better than one that has not restarted
// within the reign.
func (in Input) grade(n Ordinal) int64 {
	var grade int64
	if !in.Nodes[n].Leaving {
		grade += 4
	}
	if !in.flapping(n) {
		grade += 2
	}
	if !in.restarted(n) {
		grade++
	}
	return grade
}

// candidate returns who could hold the seat best: one with lesser flaws, then one
// MAIN already waits for, then the closest.
func (in Input) candidate() Ordinal {
	best := NoNode
	for _, n := range in.others(in.Record.Main) {
		if in.canSit(n) && (best == NoNode || in.rank(n) > in.rank(best)) {
			best = n
		}
	}
	return best
}

func (in Input) rank(n Ordinal) int64 {
	r, _ := in.Nodes[in.Record.Main].Replica(n)
	rank := 10*seatGap*in.grade(n) + r.Behind // 0 or negative
	if r.Mode.Waited() && r.Whole() {
		rank += seatGap
	}
	return rank
}

// canSit reports whether node n is fit to be given the seat now.
func (in Input) canSit(n Ordinal) bool {
	if !in.eligible(n) || !in.near(n) || in.Nodes[n].Process == (Process{}) || in.departing(n) {
		return false
	}
	r, _ := in.Nodes[in.Record.Main].Replica(n)
	if r.ahead(in.Now) {
		return false
	}
	if r.Mode.Waited() {
		return r.Status == Ready || r.Status == Replicating
	}
	a, tried := in.Attempts[in.registration(n, in.Nodes[in.Record.Main].Version.SeatMode())]
	if !tried || n == in.Record.Seat && a.Failures < 3 {
		return true
	}
	return in.Now.Sub(a.At) >= min(rest<<min(a.Tries, 6), time.Minute)
}

// takeSeat brings the one who shall hold the seat into it: caught up as ASYNC
// first, then registered anew as the one MAIN waits for.
func (in Input) takeSeat() (Decision, bool) {
	rec := in.Record
	if rec.Seat == NoNode || !in.eligible(rec.Seat) {
		return Decision{}, false
	}
	mode := in.Nodes[rec.Main].Version.SeatMode()
	reg := in.registration(rec.Seat, mode)
	name := in.name(rec.Seat)
	r, listed := in.Nodes[rec.Main].Replica(rec.Seat)
	switch {
	case !listed && (rec.Stage == Promoting || in.justDropped(rec.Seat)):
		if in.refused(rec.Seat) {
			return Decision{}, false
		}
		return in.attempt(reg, "%s takes the standby seat", name)
	case !listed, r.Ghost:
		return Decision{}, false
	case r.Mode == mode && (r.Whole() || in.lapsed(r)):
		return Decision{}, false
	case r.Mode == mode:
		return wait("%s catches up to hold the standby seat", name).within(watchSoon), true
	case !in.near(rec.Seat):
		return Decision{}, false
	case rec.Stage == Serving || r.caughtUp():
		switch ok, left := in.due(reg); {
		case ok:
		case left <= 2*retryBusy:
			return wait("%s could not take the standby seat (%s) and tries again soon", name, in.Attempts[reg].Failure).within(left), true
		default:
			return Decision{}, false
		}
		return in.drop(r, name+" is caught up and takes the standby seat")
	}
	if d, ok := in.nudge(r); ok {
		return d, true
	}
	return wait("%s catches up before it takes the standby seat", name).within(watchSoon).inVain(in.holding(rec.Seat)), true
}

// nudge has MAIN look, while new work is held, at a replica that it calls invalid. A
// commit does that (source of 3.6.2); the next ping, up to a second away, would come when
// work is let in again.
func (in Input) nudge(r Replica) (Decision, bool) {
	step := Step{Kind: Nudge, Node: in.Record.Main, Epoch: in.Record.Epoch, Replica: r.Node}
	lately := in.Now.Sub(in.Attempts[step].At) < nudgeEvery
	if !in.held() || r.Status != Invalid || lately || in.blocked() {
		return Decision{}, false
	}
	return in.attempt(step, "a write has %s look at %s, which it calls invalid", in.name(step.Node), in.name(r.Node))
}

// holding is the attempt to have node n catch up by holding work.
func (in Input) holding(n Ordinal) Step {
	return Step{Kind: Hold, Node: in.Record.Main, Epoch: in.Record.Epoch, Replica: n}
}

// vain returns for how long node n is left alone, 0 if it is not: work was held for it, and
// it did not catch up meanwhile. It is for longer each time, and never for long while
// nobody is promotable, or MAIN refuses writes.
func (in Input) vain(n Ordinal) time.Duration {
	a, tried := in.Attempts[in.holding(n)]
	r, _ := in.Nodes[in.Record.Main].Replica(n)
	seat := in.Attempts[in.registration(n, in.Nodes[in.Record.Main].Version.SeatMode())]
	if !tried || in.Record.Stage == Quiescing && n == in.Record.Seat || r.Mode.Waited() || seat.At.After(a.At) {
		return 0
	}
	limit := time.Minute
	if len(in.Record.Promotable) == 0 || in.refusing() {
		limit = 4 * rest
	}
	return max(0, a.At.Add(min(rest<<min(a.Failures, 6), limit)).Sub(in.Now))
}

// lapsed reports whether replica r had the seat, and MAIN does not reach it: nothing says
// that it will be back, and the others do not wait for it.
func (in Input) lapsed(r Replica) bool {
	_, proven := in.Record.Proof(r.Node)
	return proven && r.Status == Invalid
}

// justDropped reports whether node n was dropped, caught up, moments ago, to
// come back as the holder of the seat.
func (in Input) justDropped(n Ordinal) bool {
	for s, a := range in.Attempts {
		if s.Kind == Drop && s.Node == in.Record.Main && s.Replica == n && s.Epoch == in.Record.Epoch &&
			a.Failures == 0 && in.Record.Stage == Quiescing && in.Now.Sub(a.At) < in.Policy.QuiesceFor {
			return true
		}
	}
	return false
}

// near reports whether node n follows MAIN closely enough to be worth a seat.
// Under load an ASYNC replica is rarely ready (recorded on 3.6.2); the distance
// counts, and that it moves, not the word. Where MAIN refuses writes nothing moves. One
// that work was held for in vain is left alone for a while.
func (in Input) near(n Ordinal) bool {
	r, ok := in.Nodes[in.Record.Main].Replica(n)
	if !ok || r.Ghost || r.Behind > 0 || r.Behind < -seatGap {
		return false
	}
	switch r.Status {
	case Ready:
		return true
	case Replicating, Recovering:
		return in.vain(n) == 0
	default:
		return r.moves(in.Now, oftenFor) && !in.refusing() && in.vain(n) == 0
	}
}
