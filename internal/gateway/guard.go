package gateway

import (
	"context"
	"errors"
	"time"
)

// Confirmer asks servers whether they are MAIN.
type Confirmer interface {
	// Confirm returns a Guard if the server at addr answers that it is MAIN of
	// database, as Route has it, and an error if it cannot be asked or is not.
	// It obeys ctx.
	Confirm(ctx context.Context, addr, database string) (Guard, error)
}

// Guard is an idle connection to the very process that said it is MAIN.
type Guard interface {
	// Done is closed the moment the connection breaks.
	Done() <-chan struct{}
	// Close gives the connection up. It is called once.
	Close() error
}

// Confirming MAIN, dialing for a client and accepting are retried at
// intervals that double from retryMin to retryMax.
const (
	retryMin = 5 * time.Millisecond
	retryMax = 100 * time.Millisecond
)

var errNoGuard = errors.New("the confirmer returned neither guard nor error")

// keepGuard keeps a guard to the Main of every open route, one after the
// other, until ctx ends. It is the only one that asks and that closes guards.
func (g *Gateway) keepGuard(ctx context.Context) {
	for ctx.Err() == nil {
		m, changed := g.unconfirmed()
		if m == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		guard := g.pursue(ctx, m)
		if guard == nil {
			continue
		}
		broken := g.attend(ctx, m, guard)
		_ = guard.Close() // nothing was written through it
		if broken {
			sleep(ctx, retryMin, nil)
		}
	}
}

// pursue asks m whether it is MAIN until it says so. It returns nil when m or
// ctx has ended first.
func (g *Gateway) pursue(ctx context.Context, m *node) Guard {
	since, delay, refused := time.Now(), retryMin, false
	for ctx.Err() == nil && !m.gone.raised() {
		guard, err := g.confirm(ctx, m)
		switch {
		case err == nil && g.confirmed(m, guard):
			g.opt.Log.Info("main confirmed", "epoch", m.epoch, "main", m.addr, "took", time.Since(since))
			return guard
		case err == nil:
			_ = guard.Close() // the route has moved on
			return nil
		case !refused && ctx.Err() == nil && !m.gone.raised():
			refused = true
			g.opt.Log.Warn("main not confirmed, clients are held", "epoch", m.epoch, "main", m.addr, "err", err)
		}
		sleep(ctx, delay, m.gone.done)
		delay = min(2*delay, retryMax)
	}
	return nil
}

// unconfirmed returns the MAIN that needs a guard, or nil, and the channel
// that tells of the next change.
func (g *Gateway) unconfirmed() (*node, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.main == nil || g.main.confirmed || g.route.State == Closed {
		return nil, g.changed
	}
	return g.main, g.changed
}

// confirm asks m once. The question ends when m does.
func (g *Gateway) confirm(ctx context.Context, m *node) (Guard, error) {
	ctx, cancel := context.WithTimeout(ctx, g.opt.ConfirmTimeout)
	defer cancel()
	g.mu.Lock()
	if g.main == m {
		m.abort = cancel
	} else {
		cancel()
	}
	database := m.database
	g.mu.Unlock()
	guard, err := g.opt.Confirmer.Confirm(ctx, m.addr, database)
	switch {
	case err != nil:
		return nil, err
	case guard == nil:
		return nil, errNoGuard
	case !m.again || g.opt.Current == nil:
		return guard, nil
	}
	// Only now: what it said before a newer Route was made, it said of this one.
	if err := g.opt.Current(ctx); err != nil {
		_ = guard.Close()
		return nil, err
	}
	return guard, nil
}

// confirmed opens the way to m, unless the route has moved on meanwhile.
func (g *Gateway) confirmed(m *node, guard Guard) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.main != m {
		return false
	}
	m.confirmed, m.guard = true, guard
	g.broadcast()
	return true
}

// attend waits until the guard breaks, and then cuts the sessions of the
// process that is gone, or until the node has ended for another reason. It
// reports whether the guard broke.
func (g *Gateway) attend(ctx context.Context, m *node, guard Guard) bool {
	select {
	case <-ctx.Done():
		return false
	case <-m.gone.done:
		return false
	case <-guard.Done():
	}
	g.mu.Lock()
	if g.main != m {
		g.mu.Unlock()
		return false
	}
	cut := g.replaceMain()
	g.mu.Unlock()
	g.opt.Log.Warn("main's process is gone, clients are held", "epoch", m.epoch, "main", m.addr, "cut", cut)
	return true
}

// Doubt says that the current Route may not be the newest: its Main is let go as if its
// process had ended, with all sessions, and confirmed again only once Current says that
// there is no newer Route. When Doubt returns no further byte moves to it.
func (g *Gateway) Doubt() {
	g.mu.Lock()
	m := g.main
	if m == nil || m.again && !m.confirmed {
		g.mu.Unlock()
		return
	}
	cut := g.replaceMain()
	g.mu.Unlock()
	g.opt.Log.Warn("there is a newer route than this one, clients are held", "epoch", m.epoch, "main", m.addr, "cut", cut)
}

// replaceMain ends g.main and puts one in its place that is confirmed anew, after
// Current. It returns how many sessions were cut. g.mu is held.
func (g *Gateway) replaceMain() int {
	m := g.main
	cut := m.end()
	g.counts.cut += uint64(cut)
	g.main = newNode(m.addr, m.epoch)
	g.main.database = m.database
	g.main.again = true
	g.main.pause.Store(m.pause.Load())
	g.broadcast()
	return cut
}

// boundPauses ends each pause that lasts for MaxPause, until ctx ends.
func (g *Gateway) boundPauses(ctx context.Context) {
	for ctx.Err() == nil {
		g.mu.Lock()
		changed := g.changed
		var q *quiet
		if g.main != nil {
			q = g.main.pause.Load()
		}
		g.mu.Unlock()
		if q == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		sleep(ctx, time.Until(q.until), changed)
		g.expire(q)
	}
}

// expire ends the pause q if it is still on and its time is up.
func (g *Gateway) expire(q *quiet) {
	if time.Now().Before(q.until) {
		return
	}
	g.mu.Lock()
	m := g.main
	if m == nil || m.pause.Load() != q {
		g.mu.Unlock()
		return
	}
	m.speak()
	g.broadcast()
	g.mu.Unlock()
	g.opt.Log.Warn("pause reached its limit, bytes flow again", "epoch", m.epoch, "main", m.addr, "took", g.opt.MaxPause)
}
