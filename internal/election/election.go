// Package election contends for the one lease of a cluster and runs a term each
// time it is won, with client-go's leader election.
//
// It promises that at most one term runs in this process, that Leading turns
// false before the lease can be somebody else's by this process's clock, and
// that a lease is released only after the term it covered has returned.
//
// It does not promise that no other process believes to lead at the same time;
// no lease can. What a term does must hold on its own against that: the record
// is a compare-and-swap (P8).
package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// Timing are the three durations of a lease.
type Timing struct {
	LeaseDuration time.Duration // how long others wait after the last renewal they saw
	RenewDeadline time.Duration // how long the holder tries to renew before it gives up
	RetryPeriod   time.Duration // between tries, of holder and challengers alike
}

// DefaultTiming returns 15 s / 10 s / 2 s.
func DefaultTiming() Timing {
	return Timing{LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second}
}

// grain is how exactly challengers see renewals: client-go compares leases with
// their times cut to seconds, so one renewal in a second hides the next.
const grain = time.Second

// Validate checks the relations without which two could lead at once.
func (t Timing) Validate() error {
	var errs []error
	if t.LeaseDuration < time.Second {
		errs = append(errs, fmt.Errorf("lease-duration %s: want at least 1s", t.LeaseDuration))
	}
	if t.LeaseDuration != t.LeaseDuration.Truncate(time.Second) {
		errs = append(errs, fmt.Errorf("lease-duration %s: want whole seconds, as the Lease object keeps them", t.LeaseDuration))
	}
	if t.RenewDeadline > t.LeaseDuration-grain {
		errs = append(errs, fmt.Errorf("renew-deadline %s: want at most lease-duration less %s, which is %s", t.RenewDeadline, grain, t.LeaseDuration-grain))
	}
	if t.RetryPeriod <= 0 || t.RenewDeadline <= time.Duration(leaderelection.JitterFactor*float64(t.RetryPeriod)) {
		errs = append(errs, fmt.Errorf("retry-period %s: want more than 0 and less than renew-deadline / %.1f, which is %s",
			t.RetryPeriod, leaderelection.JitterFactor, time.Duration(float64(t.RenewDeadline)/leaderelection.JitterFactor)))
	}
	return errors.Join(errs...)
}

// ErrLeaseLost is the cause with which a term's context ends when the lease
// could not be renewed.
var ErrLeaseLost = errors.New("lease lost")

// Elector contends for one lease on behalf of one process.
type Elector struct {
	timing  Timing
	lock    *timedLock
	log     *slog.Logger
	leading atomic.Bool
	leader  atomic.Pointer[string]

	begun, ended atomic.Uint64 // terms

	abandoned atomic.Bool
}

// New returns an elector that has not begun to contend.
func New(lock resourcelock.Interface, t Timing, log *slog.Logger) (*Elector, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return &Elector{timing: t, lock: &timedLock{Interface: lock}, log: log}, nil
}

// Leading reports whether a term runs and its lease surely still holds: it was
// renewed less than RenewDeadline ago by this process's clocks. A process that
// was frozen finds out here before it does harm; one whose machine was suspended
// too, because the wall clock has gone on when the monotonic one has not.
func (e *Elector) Leading() bool {
	return e.leading.Load() && e.age() < e.timing.RenewDeadline
}

// Age is how long ago the lease was last renewed, while a term runs and it still holds;
// 0 otherwise.
func (e *Elector) Age() time.Duration {
	if !e.Leading() {
		return 0
	}
	return max(e.age(), time.Nanosecond)
}

// age is by the clock that has gone on further.
func (e *Elector) age() time.Duration {
	renewed, now := e.lock.renewed(), time.Now()
	return max(now.Sub(renewed), now.Round(0).Sub(renewed.Round(0)))
}

// Leader returns the identity of the last leader seen, "" before any was.
func (e *Elector) Leader() string {
	if p := e.leader.Load(); p != nil {
		return *p
	}
	return ""
}

// Terms returns how many terms this process has begun and ended.
func (e *Elector) Terms() (begun, ended uint64) {
	ended = e.ended.Load() // first, so that it is never the greater one
	return e.begun.Load(), ended
}

// Abandon makes Run end without releasing the lease, as a process that dies
// would. It is for tests and the sandbox.
func (e *Elector) Abandon() { e.abandoned.Store(true) }

// Run contends until ctx ends, and calls term each time the lease is won. The
// context of a term ends when the lease is lost or ctx ends, and term must not
// return before: the lease would be kept with nobody leading. Run waits for the
// term before it contends again, and before it releases the lease at the end.
func (e *Elector) Run(ctx context.Context, term func(context.Context)) error {
	for ctx.Err() == nil {
		if err := e.contend(ctx, term); err != nil {
			return err
		}
	}
	return nil
}

// contend plays one round: wait for the lease, lead, and lose or release it.
func (e *Elector) contend(ctx context.Context, term func(context.Context)) error {
	// The round outlives ctx until the term has been joined: ending it is what
	// makes client-go stop renewing.
	round, endRound := context.WithCancel(klog.NewContext(context.WithoutCancel(ctx), klog.Logger{}))
	defer endRound()
	began, joined := make(chan struct{}), make(chan struct{})
	le, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: e.lock, LeaseDuration: e.timing.LeaseDuration, RenewDeadline: e.timing.RenewDeadline, RetryPeriod: e.timing.RetryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				defer close(joined)
				close(began)
				e.lead(ctx, leading, term)
			},
			OnStoppedLeading: func() {},
			OnNewLeader:      func(id string) { e.leader.Store(&id) },
		},
	})
	if err != nil {
		return fmt.Errorf("contend for the lease: %w", err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-round.Done():
			return
		case <-ctx.Done():
		}
		select {
		case <-began:
			<-joined
		default:
		}
		endRound()
	}()
	started := time.Now()
	le.Run(round)
	endRound()
	<-stopped
	if !e.lock.renewed().Before(started) {
		<-joined // the lease was won in this round, so the term has begun or will
	}
	if ctx.Err() != nil && !e.abandoned.Load() {
		e.release(context.WithoutCancel(ctx))
	}
	return nil
}

// lead runs one term under a context that ends with the lease or with ctx.
func (e *Elector) lead(ctx, leading context.Context, term func(context.Context)) {
	e.begun.Add(1)
	defer e.ended.Add(1)
	e.leading.Store(true)
	defer e.leading.Store(false)
	termCtx, end := context.WithCancelCause(ctx)
	defer end(nil)
	unhook := context.AfterFunc(leading, func() { end(ErrLeaseLost) })
	defer unhook()
	e.log.Info("term began", "reason", "lease won by "+e.lock.Identity())
	term(termCtx)
	why := context.Cause(termCtx)
	if why == nil {
		why = errors.New("the term returned by itself")
	}
	e.log.Info("term ended", "reason", why.Error())
}

// release gives up a lease this process holds, so that the next leader need not
// wait for it to run out. One that cannot be released runs out by itself.
func (e *Elector) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.timing.RetryPeriod)
	defer cancel()
	rec, _, err := e.lock.Get(ctx)
	if err != nil || rec.HolderIdentity != e.lock.Identity() {
		return
	}
	now := metav1.Now()
	err = e.lock.Update(ctx, resourcelock.LeaderElectionRecord{
		LeaderTransitions: rec.LeaderTransitions, LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now,
	})
	if err != nil {
		e.log.Warn("lease not released; it runs out by itself", "err", err)
	}
}

// timedLock notes when the lease was last taken or renewed, by the time at which
// the request was sent: the lease cannot end earlier than it would from then.
type timedLock struct {
	resourcelock.Interface
	at atomic.Pointer[time.Time]
}

func (l *timedLock) renewed() time.Time {
	if t := l.at.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// Create takes a lease that did not exist.
func (l *timedLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.timed(r, func() error { return l.Interface.Create(ctx, r) })
}

// Update takes, renews or releases the lease.
func (l *timedLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.timed(r, func() error { return l.Interface.Update(ctx, r) })
}

func (l *timedLock) timed(r resourcelock.LeaderElectionRecord, write func() error) error {
	sent := time.Now()
	err := write()
	if err == nil && r.HolderIdentity == l.Identity() {
		l.at.Store(&sent)
	}
	return err
}
