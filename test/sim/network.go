package sim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// party is one end of a link.
type party string

const apiServer party = "api"

func nodeParty(n int) party       { return party(fmt.Sprintf("node%d", n)) }
func controllerParty(c int) party { return party(fmt.Sprintf("controller%d", c)) }
func clientParty(k int) party     { return party(fmt.Sprintf("client%d", k)) }

// link is one direction between two parties.
type link struct{ from, to party }

// What becomes of a message. errLost: nothing is known. errRefused and errBroken: no
// process listens, or it ended while it was asked.
var (
	errLost    = errors.New("no answer")
	errRefused = errors.New("connection refused")
	errBroken  = errors.New("connection reset")
)

// network says which links carry nothing. It is guarded by world.mu.
type network struct {
	cut     map[link]int // how many faults hold it down
	changed chan struct{}
}

func newNetwork() *network {
	return &network{cut: map[link]int{}, changed: make(chan struct{})}
}

// alter cuts (+1) or mends (-1) a link, and wakes those who wait at one.
func (n *network) alter(l link, by int) {
	n.cut[l] += by
	if n.cut[l] <= 0 {
		delete(n.cut, l)
	}
	n.wake()
}

func (n *network) wake() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// pass waits until a message can go from one party to the other, or until ctx ends.
func (w *world) pass(ctx context.Context, from, to party) error {
	for {
		w.mu.Lock()
		down, changed := w.net.cut[link{from, to}] > 0, w.net.changed
		w.mu.Unlock()
		if !down {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errLost
		}
	}
}

// linked reports whether both directions carry messages. w.mu is held.
func (w *world) linked(a, b party) bool {
	return w.net.cut[link{a, b}] == 0 && w.net.cut[link{b, a}] == 0
}

// travel is how long a message takes from one party to another and back.
func (w *world) travel() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.between(200*time.Microsecond, 900*time.Microsecond)
}

// between draws a duration. w.mu is held.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)))
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// How long a network that is cut may take to be whole again for what was sent to
// arrive, as the adapter has it: a new connection, and one that exists.
const (
	dialTimeout = 2 * time.Second
	userTimeout = 5 * time.Second
)

// ask has node n do something for a caller: do runs at the node, on its present
// process, and goes on when the caller has given up, as a statement does that is in
// the server's buffers already. The error tells what the caller sees.
func (w *world) ask(ctx context.Context, from party, n int, do func(*process)) error {
	to := nodeParty(n)
	w.mu.Lock()
	before := w.nodes[n].process // whom the connection leads to; another one refuses what is on its way
	w.mu.Unlock()
	if err := sleep(ctx, w.travel()); err != nil {
		return errLost
	}
	patience := userTimeout
	if before == nil {
		patience = dialTimeout
	}
	sent, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := w.pass(sent, from, to); err != nil {
		return err
	}
	w.mu.Lock()
	p, off := w.nodes[n].process, w.nodes[n].off
	w.mu.Unlock()
	switch {
	case off:
		<-ctx.Done()
		return errLost
	case p == nil:
		return errRefused
	case before != nil && p != before:
		return errBroken
	}
	done := make(chan struct{})
	w.goes(func() {
		defer close(done)
		if w.awake(p) {
			do(p)
		}
	})
	select {
	case <-ctx.Done():
		return errLost
	case <-p.dead:
		if w.isOff(n) {
			<-ctx.Done()
			return errLost
		}
		return errBroken
	case <-done:
	}
	if closed(p.dead) {
		return errBroken
	}
	return w.pass(ctx, to, from)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
