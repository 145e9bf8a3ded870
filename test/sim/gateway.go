package sim

import (
	"context"
	"time"

	"memgraph-controller/internal/cluster"
)

// How long a gateway holds a client, and how long it keeps bytes from a MAIN that is
// being reconfigured.
const (
	holdTimeout = 10 * time.Second
	maxPause    = time.Second
)

// How long the API server and the others have to say whether a route is the newest;
// heedTimeout for a gateway that was told of a newer one.
const (
	currentTimeout = time.Second
	heedTimeout    = 350 * time.Millisecond
)

// gate is the gateway of one controller process: it lets clients to the MAIN of the
// record, as the watch brings it, after asking MAIN itself, and cuts them when the
// reign or the process ends. It is guarded by world.mu.
type gate struct {
	c       *replica
	shut    bool
	rec     *cluster.Record
	uid     string
	base    uint64
	epoch   uint64 // of the route: only ever grows
	begun   uint64 // of the route of a reign that this controller has begun
	paused  time.Time
	main    *process // the one that said it is MAIN; nil: clients are held
	broken  uint64   // the epoch in which a MAIN has ended
	session *session // that all clients of this route share: they end together
	changed chan struct{}
}

// session is the right to write to MAIN for as long as the route and the process last.
type session struct{ over chan struct{} }

func newGate(c *replica) *gate {
	return &gate{c: c, changed: make(chan struct{})}
}

func (g *gate) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// end cuts everybody. w.mu is held.
func (g *gate) end() {
	if g.session != nil {
		close(g.session.over)
	}
	g.session, g.main = nil, nil
}

// close is the end of the process. w.mu is held.
func (g *gate) close() {
	g.shut = true
	g.end()
	g.notify()
}

// follow takes over a record, unless it is older than what is known.
func (g *gate) follow(rec *cluster.Record, uid string) {
	w := g.c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.shut {
		return
	}
	if rec == nil || uid != g.uid && g.uid != "" {
		g.begun = 0
	}
	if rec == nil {
		return
	}
	base := g.base
	if uid != g.uid && uint64(rec.Epoch)+base < g.epoch {
		base = g.epoch
	}
	epoch := base + uint64(rec.Epoch)
	if epoch < g.epoch {
		return
	}
	fresh := g.rec == nil || epoch != g.epoch || rec.Main != g.rec.Main || g.rec.UUID != "" && rec.UUID != g.rec.UUID
	if fresh {
		g.end()
	}
	if rec.Stage == cluster.Quiescing && (fresh || g.rec.Stage != cluster.Quiescing) {
		g.paused = time.Now()
	}
	g.rec, g.uid, g.base, g.epoch = rec, uid, base, epoch
	g.notify()
}

// keep confirms MAIN for every route, and again when its process ends.
func (g *gate) keep(ctx context.Context) {
	w := g.c.w
	pause := 5 * time.Millisecond
	for ctx.Err() == nil {
		w.mu.Lock()
		changed, main, epoch := g.changed, g.main, g.epoch
		wanted := g.rec != nil && (g.rec.Stage == cluster.Serving || g.rec.Stage == cluster.Quiescing) && int(g.rec.Main) < len(w.nodes)
		var dead chan struct{}
		if main != nil {
			dead = main.dead
		}
		var to int
		var uuid string
		if wanted {
			to, uuid = int(g.rec.Main), g.rec.UUID
		}
		w.mu.Unlock()
		if main != nil || !wanted {
			select {
			case <-ctx.Done():
			case <-changed:
			case <-dead:
				if w.isOff(main.node.number) { // nobody says goodbye
					select {
					case <-ctx.Done():
					case <-changed:
					case <-time.After(3 * time.Second):
					}
				}
				w.mu.Lock()
				if g.main == main {
					g.doubt()
				}
				w.mu.Unlock()
			}
			continue
		}
		if g.confirm(ctx, to, uuid, epoch) {
			pause = 5 * time.Millisecond
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(pause):
			pause = min(2*pause, 100*time.Millisecond)
		}
	}
}

// confirm asks node n whether it is MAIN of this database, and lets clients in.
func (g *gate) confirm(ctx context.Context, n int, uuid string, epoch uint64) bool {
	w := g.c.w
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var who *process
	g.c.still()
	err := w.ask(ctx, g.c.party(), n, func(p *process) {
		if !w.open(p) {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.role == cluster.RoleMain && (uuid == "" || p.node.disk.uuid == uuid) {
			who = p
		}
	})
	g.c.still()
	if err != nil || who == nil || !g.current(ctx) {
		return false
	}
	g.c.still()
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.epoch != epoch || g.shut || closed(who.dead) {
		return false
	}
	g.main, g.session = who, &session{over: make(chan struct{})}
	g.notify()
	return true
}

// current asks, once a MAIN of the route has ended or was doubted, whether the route is
// the newest.
func (g *gate) current(ctx context.Context) bool {
	w := g.c.w
	w.mu.Lock()
	again := g.broken == g.epoch
	w.mu.Unlock()
	return !again || g.newest(ctx, currentTimeout)
}

// doubt lets go of MAIN as if it had ended. w.mu is held.
func (g *gate) doubt() {
	g.broken = g.epoch
	g.end()
	g.notify()
}

// newest asks whether the route is the newest: the API server, and the other
// controllers while that does not answer.
func (g *gate) newest(ctx context.Context, limit time.Duration) bool {
	w := g.c.w
	w.mu.Lock()
	epoch := g.epoch
	w.mu.Unlock()
	same := true
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := g.c.call(asked, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		same = w.rec == nil || g.rec == nil || w.rec.Epoch == g.rec.Epoch && w.rec.Main == g.rec.Main
		return nil
	})
	if err == nil {
		return same
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.replicas {
		asks := o == g.c || o.up && !o.frozen && o.gate != nil && w.linked(g.c.party(), o.party())
		if asks && max(o.gate.epoch, o.gate.begun) > epoch {
			return false
		}
	}
	return true
}

// admit holds a client until it may write, and returns its session and the MAIN.
func (g *gate) admit(ctx context.Context) (*session, *process, uint64) {
	w := g.c.w
	ctx, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	for {
		w.mu.Lock()
		changed := g.changed
		open := g.rec != nil && (g.rec.Stage == cluster.Serving || g.rec.Stage == cluster.Quiescing && time.Since(g.paused) >= maxPause)
		s, p, epoch, shut := g.session, g.main, g.epoch, g.shut
		paused := g.rec != nil && g.rec.Stage == cluster.Quiescing
		w.mu.Unlock()
		if shut {
			return nil, nil, 0
		}
		if open && s != nil {
			return s, p, epoch
		}
		var again <-chan time.Time
		if paused {
			again = time.After(maxPause)
		}
		select {
		case <-ctx.Done():
			return nil, nil, 0
		case <-changed:
		case <-again:
		}
	}
}

// write takes a client's statement to MAIN. What becomes of it after a cut nobody knows.
func (g *gate) write(ctx context.Context, id int) outcome {
	w := g.c.w
	g.c.still()
	s, p, epoch := g.admit(ctx)
	if s == nil {
		return refused // nothing was sent
	}
	result := unknown
	done := make(chan struct{})
	w.goes(func() {
		defer close(done)
		if sleep(w.ctx, w.travel()) != nil || w.pass(ctx, g.c.party(), nodeParty(p.node.number)) != nil || closed(s.over) || !w.awake(p) {
			return
		}
		got := w.write(p, id)
		if got == acked {
			w.answered(id, p)
		}
		if w.pass(ctx, nodeParty(p.node.number), g.c.party()) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		result = got
	})
	select {
	case <-done:
	case <-s.over:
		return unknown
	case <-ctx.Done():
		return unknown
	}
	g.c.still()
	w.mu.Lock()
	defer w.mu.Unlock()
	if closed(s.over) {
		return unknown
	}
	if result == acked {
		w.acknowledged(id, p, epoch, g.c)
	}
	return result
}
