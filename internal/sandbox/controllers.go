package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/metrics"
)

var errEnded = errors.New("the sandbox has ended")

// slot is the place of one controller replica: its name and its ports stay when
// it is replaced.
type slot struct {
	index       int
	name        string
	write, read string // host:port of its gateways
	page        string // host:port of its dashboard and HTTP API

	mu          sync.Mutex
	incarnation int
	doors       [3]net.Listener // open and not yet a replica's
	replica     *app.Replica    // nil: there is none
	retire      func()          // stops the last replica cleanly
	retiring    bool            // it was told to
	done        chan struct{}   // closed when the last replica has ended
}

// listen opens the ports: those of the gateways from the preferred one on, and that
// of the page.
func (sl *slot) listen(ctx context.Context, p *ports, preferred, page int) error {
	for i, door := range []struct {
		what string
		port int
	}{
		{"the read/write gateway of ", preferred}, {"the read-only gateway of ", preferred + 1}, {"the dashboard of ", page},
	} {
		l, err := p.listen(ctx, door.what+sl.name, door.port)
		if err != nil {
			return err
		}
		sl.doors[i] = l
	}
	sl.write, sl.read, sl.page = sl.doors[0].Addr().String(), sl.doors[1].Addr().String(), sl.doors[2].Addr().String()
	return nil
}

// reopen opens the same ports again.
func (sl *slot) reopen(ctx context.Context) error {
	for i, addr := range []string{sl.write, sl.read, sl.page} {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp4", addr)
		if err != nil {
			return errors.Join(fmt.Errorf("open %s of %s again: %w", addr, sl.name, err), sl.close())
		}
		sl.doors[i] = l
	}
	return nil
}

// close closes the ports that no replica has taken over.
func (sl *slot) close() error {
	var errs []error
	for i, l := range sl.doors {
		if l != nil {
			errs = append(errs, l.Close())
			sl.doors[i] = nil
		}
	}
	return errors.Join(errs...)
}

// alive returns the replica, nil if there is none, and whether there was ever
// one.
func (sl *slot) alive() (replica *app.Replica, ever bool) {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.replica, sl.incarnation > 0
}

// employ builds a replica for the slot and runs it. Each has an identity of its
// own: a lease must not be taken for the lease of a predecessor.
func (s *Sandbox) employ(ctx context.Context, sl *slot) error {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.replica != nil {
		return fmt.Errorf("%s runs already", sl.name)
	}
	if sl.doors[0] == nil {
		if err := sl.reopen(ctx); err != nil {
			return err
		}
	}
	sl.incarnation++
	identity := fmt.Sprintf("%s-%d", sl.name, sl.incarnation)
	var replica *app.Replica
	counts := metrics.New(metrics.Options{
		Status:   func() app.Status { return replica.Status() }, // not called before it is shown
		Topology: s.topology, Policy: s.opts.policy(), Log: s.log.With("controller", sl.name),
	})
	replica, err := app.New(app.Options{
		Identity: identity, Version: s.opts.Version, Topology: s.topology, Policy: s.opts.policy(),
		Records: s.objects, Lock: s.objects.Lock(identity), Holder: s.objects.LeaseHolder, Lease: s.opts.Lease,
		Platform: s.supervisor, Peers: peers{s, sl.index},
		Gateway: gateway.Options{
			ReadWrite: sl.doors[0], ReadOnly: sl.doors[1],
			AdvertisedReadOnly: s.opts.AdvertisedReadOnly, DrainTimeout: s.opts.DrainTimeout,
			Held: counts.Held, Answered: counts.Answered,
		},
		Meter: counts,
		Log:   s.answers.heard(s.log).With("controller", sl.name),
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", sl.name, err)
	}
	page := sl.doors[2]
	sl.doors = [3]net.Listener{}
	sl.replica, sl.done = replica, make(chan struct{})
	done := sl.done
	ctx, retire := context.WithCancel(ctx)
	sl.retire, sl.retiring = retire, false
	s.work.Go(func() {
		defer close(done)
		defer retire()
		defer s.show(ctx, sl, replica, counts.Handler(), page)()
		if err := replica.Run(ctx); err != nil && !errors.Is(err, app.ErrCrashed) {
			s.log.Error("controller ended", "controller", sl.name, "err", err)
		}
		sl.mu.Lock()
		defer sl.mu.Unlock()
		sl.replica = nil
	})
	return nil
}

// show serves the dashboard of a replica, and its metrics, on l until the returned
// function is called, which waits for its end.
func (s *Sandbox) show(ctx context.Context, sl *slot, r *app.Replica, counts http.Handler, l net.Listener) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	handler := api.New(api.Options{
		Replica: r, Topology: s.topology, Policy: s.opts.policy(), Page: s.page, Metrics: counts, ReadGateway: true, Log: s.log.With("controller", sl.name),
	}).Handler()
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := api.Serve(ctx, l, handler, s.log); err != nil {
			s.log.Error("dashboard ended", "controller", sl.name, "err", err)
		}
	})
	return func() {
		cancel()
		serving.Wait()
	}
}

// CrashLeader ends the controller that leads as the death of its process would:
// its gateway closes with everybody in it, its lease is not released. Unless
// ReplaceAfter is negative another one takes its place after that time.
func (s *Sandbox) CrashLeader() (int, error) {
	for i, sl := range s.slots {
		replica, _ := sl.alive()
		if replica == nil || !replica.Status().Leading {
			continue
		}
		sl.mu.Lock()
		sl.replica = nil
		sl.mu.Unlock()
		replica.Crash()
		if s.opts.ReplaceAfter < 0 {
			return i, nil
		}
		return i, s.do(func(ctx context.Context) error {
			s.work.Go(func() {
				if wait(ctx, s.opts.ReplaceAfter) {
					s.replaceLate(i)
				}
			})
			return nil
		})
	}
	return 0, errors.New("no controller leads at the moment")
}

// replaceLate replaces a controller some time after it has crashed, when nobody
// waits for the outcome.
func (s *Sandbox) replaceLate(i int) {
	if err := s.Replace(i); err != nil && !errors.Is(err, errEnded) {
		s.log.Error("controller not replaced", "controller", s.slots[i].name, "err", err)
	}
}

// Replace starts another controller in the place of one that has crashed.
func (s *Sandbox) Replace(i int) error {
	if i < 0 || i >= len(s.slots) {
		return fmt.Errorf("there is no controller %d; they are 0 to %d", i, len(s.slots)-1)
	}
	sl := s.slots[i]
	return s.do(func(ctx context.Context) error {
		sl.mu.Lock()
		done := sl.done
		sl.mu.Unlock()
		late := time.NewTimer(5 * time.Second)
		defer late.Stop()
		select {
		case <-done: // its ports are closed
			return s.employ(ctx, sl)
		case <-ctx.Done():
			return errEnded
		case <-late.C:
			return fmt.Errorf("replace %s: it has not ended yet", sl.name)
		}
	})
}

// Renew stops controller i as a rolling update does, cleanly, and starts another one
// in its place.
func (s *Sandbox) Renew(i int) error {
	if i < 0 || i >= len(s.slots) {
		return fmt.Errorf("there is no controller %d; they are 0 to %d", i, len(s.slots)-1)
	}
	sl := s.slots[i]
	sl.mu.Lock()
	if sl.replica == nil {
		sl.mu.Unlock()
		return fmt.Errorf("renew %s: it does not run", sl.name)
	}
	sl.retiring = true // nobody is sent there any more
	sl.retire()
	sl.mu.Unlock()
	return s.Replace(i)
}

// stays reports whether a replica runs that was not told to stop.
func (sl *slot) stays() bool {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.replica != nil && !sl.retiring
}

// wait waits for d and reports whether ctx has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// kick tells every controller that something about the nodes has changed.
func (s *Sandbox) kick() {
	for _, sl := range s.slots {
		if r, _ := sl.alive(); r != nil {
			r.Kick()
		}
	}
}

// peers are the other controllers, as one of them asks them.
type peers struct {
	s    *Sandbox
	self int
}

// Ask implements controller.Peers.
func (p peers) Ask(ctx context.Context, n cluster.Ordinal, newest cluster.Epoch) []cluster.Opinion {
	var asking sync.WaitGroup
	answers := make([]*cluster.Opinion, len(p.s.slots))
	for i, sl := range p.s.slots {
		if r, _ := sl.alive(); r != nil && i != p.self {
			asking.Go(func() {
				o := r.Opinion(ctx, n, newest)
				answers[i] = &o
			})
		}
	}
	asking.Wait()
	var opinions []cluster.Opinion
	for _, o := range answers {
		if o != nil {
			opinions = append(opinions, *o)
		}
	}
	return opinions
}
