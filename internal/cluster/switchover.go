package cluster

import (
	"fmt"
	"time"
)

// switchTo accepts or refuses a request to make another node MAIN. What is
// accepted is kept in the record until it has come about or is given up.
func (in Input) switchTo(r Request) Decision {
	rec := in.Record
	refuse := func(format string, args ...any) Decision {
		return wait("switchover refused: %s", fmt.Sprintf(format, args...))
	}
	name := in.name(rec.Main)
	verdict, why, _ := in.main()
	switch {
	case rec.Paused:
		return refuse("decisions are paused by request; request resume first")
	case rec.Switchover.Wanted():
		return refuse("%s is taking over already, asked for by %q; ask again when that is over", in.name(rec.Switchover.Target), rec.Switchover.ID)
	case rec.Target == rec.Main:
		return refuse("%s is taking a fresh epoch; ask again in some seconds", name)
	case rec.Target != NoNode:
		return refuse("%s is taking over already, because %s; ask again when that is over", in.name(rec.Target), rec.Reason)
	case rec.Stage == Demoting || rec.Stage == Promoting:
		return refuse("%s is being made MAIN; ask again when it serves", name)
	case verdict != mainLives:
		return refuse("it takes a MAIN that lives, but %s; whoever can follow does so by itself, and where nobody can the way is promote N --accept-data-loss", why)
	case !in.Nodes[rec.Main].Listed:
		return refuse("MAIN %s has not listed its replicas yet; ask again in some seconds", name)
	}
	target := r.Node
	if target == NoNode {
		target = rec.Seat
	}
	switch {
	case target == NoNode:
		return refuse("nobody holds the standby seat; %s", in.accepted())
	case target == rec.Main:
		return refuse("%s is MAIN already; %s", name, in.accepted())
	case in.unsuited(target) != "":
		return refuse("%s; %s", in.unsuited(target), in.accepted())
	}
	return in.wish(Switchover{Target: target, ID: r.ID, Asked: in.Now.UTC().Truncate(time.Millisecond)})
}

// wish returns the record that keeps w.
func (in Input) wish(w Switchover) Decision {
	next := in.Record.clone()
	next.Switchover = w
	how := "takes over"
	if in.Record.Seat != w.Target {
		next.Seat, how = w.Target, "takes the standby seat, then takes over"
	}
	next.Reason = fmt.Sprintf("switchover accepted: %s %s", in.name(w.Target), how)
	return record(next, "%s", next.Reason)
}

// unsuited says why node n cannot take over by request, or "".
func (in Input) unsuited(n Ordinal) string {
	s, name := in.Nodes[n], in.name(n)
	r, listed := in.Nodes[in.Record.Main].Replica(n)
	_, rebuilding := in.Record.Rebuild(n)
	switch {
	case s.Contact != Answered || s.Gone:
		return fmt.Sprintf("%s does not answer (%s)", name, s.Contact)
	case in.unusable(n) != "":
		return name + " " + in.unusable(n)
	case s.Leaving:
		return name + " was told to stop"
	case in.stranger(n):
		return name + " holds data of another database"
	case rebuilding:
		return name + " is being rebuilt"
	case s.Role != RoleReplica || !listed || r.Ghost:
		return name + " does not follow MAIN"
	case r.Status == Diverged || r.Behind > 0:
		return name + " has other data than MAIN"
	case in.vain(n) > 0:
		return fmt.Sprintf("work was held for %s a moment ago, and it did not catch up: it is %s, %d behind; ask again in %s", name, r.Status, -r.Behind, in.vain(n).Round(time.Second))
	case !in.near(n):
		return fmt.Sprintf("%s is not close enough to MAIN: it is %s, %d behind", name, r.Status, -r.Behind)
	case !in.canSit(n):
		return fmt.Sprintf("%s could not keep the standby seat a moment ago, and is %s now; ask again in a minute", name, r.Status)
	}
	return ""
}

// accepted says which switchovers would be accepted now.
func (in Input) accepted() string {
	return in.would("switchover N", func(n Ordinal) bool { return n != in.Record.Main && in.unsuited(n) == "" })
}

// wanted keeps the seat for the target of a switchover by request, and gives the
// request up when it has taken too long.
func (in Input) wanted() (Decision, bool) {
	rec := in.Record
	w := rec.Switchover
	if !w.Wanted() || rec.Stage != Serving {
		return Decision{}, false
	}
	next := rec.clone()
	waited := in.Now.Sub(w.Asked).Abs() // another leader's clock may be ahead
	switch {
	case w.Target == rec.Main:
		next.Switchover = Switchover{}
		return record(next, "%s is MAIN, as was asked for", in.name(w.Target)), true
	case waited > switchoverFor:
		next.Switchover = Switchover{}
		next.Reason = fmt.Sprintf("switchover to %s given up after %s: %s", in.name(w.Target), switchoverFor, in.obstacle())
		return record(next, "%s", next.Reason), true
	case rec.Seat != w.Target && in.canSit(w.Target):
		next.Seat = w.Target
		next.Reason = "switchover by request"
		return record(next, "%s shall hold the standby seat: it is to take over by request", in.name(w.Target)), true
	}
	return Decision{}, false
}

// overtaken says that the reign of node n ends a wish for another, or "".
func (in Input) overtaken(n Ordinal) string {
	w := in.Record.Switchover
	if !w.Wanted() || n == w.Target || n == in.Record.Main {
		return ""
	}
	return fmt.Sprintf("; the switchover to %s by request is given up", in.name(w.Target))
}

// switchover begins what a human asked for, as soon as the target is promotable.
func (in Input) switchover() (Decision, bool) {
	w := in.Record.Switchover
	if !w.Wanted() || in.obstacle() != "" {
		return Decision{}, false
	}
	return record(in.hold(w.Target, "switchover by request"),
		"%s holds every acknowledged write and takes over from %s by request", in.name(w.Target), in.name(in.Record.Main)), true
}

// obstacle says what a switchover by request waits for, or "".
func (in Input) obstacle() string {
	n := in.Record.Switchover.Target
	p, promotable := in.Record.Proof(n)
	switch {
	case in.unsuited(n) != "":
		return in.unsuited(n)
	case !promotable:
		return in.name(n) + " does not hold the standby seat yet"
	case in.fit(p) != "":
		return in.fit(p)
	case in.restarted(n):
		return fmt.Sprintf("%s has restarted within the reign, so MAIN takes a fresh epoch first", in.name(n))
	case !in.following(n):
		return in.name(n) + " is not close enough behind MAIN"
	case !in.rested():
		return fmt.Sprintf("MAIN %s could not step down a moment ago", in.name(in.Record.Main))
	}
	return ""
}
