package kube

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Lock returns the Lease as this controller sees it; events tells of changes of
// leader, nil tells nobody. Its identity is the name of the pod: a container that
// is started again in the same pod is the only holder of that name, and need not
// wait for the lease of the process it follows.
func (c *Cluster) Lock(events *Events) resourcelock.Interface {
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Lease},
		Client:     c.lease.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: c.Pod},
	}
	if events != nil {
		lock.LockConfig.EventRecorder = events.recorder
	}
	return &patientLock{Interface: lock, c: c}
}

// LeaseHolder asks the API server whom the lease names, "" for nobody. It may be
// called from any goroutine, unlike the methods of a lock.
func (c *Cluster) LeaseHolder(ctx context.Context) (string, error) {
	lease, err := c.lease.CoordinationV1().Leases(c.Namespace).Get(ctx, c.Lease, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read lease %s: %w", c.Lease, err)
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	return *lease.Spec.HolderIdentity, nil
}

// challenge is how long a replica that does not hold the lease asks in one go. It
// decides by the clock as it was when it began to ask, so it must not ask for long.
const challenge = 8 * time.Second

// patientLock reads the lease again and again while the API server does not answer,
// instead of leaving it to the election, which pauses for up to 4.4 s: so a term
// begins within a second of the API server's return. It is used by one goroutine.
type patientLock struct {
	resourcelock.Interface
	c    *Cluster
	held bool // as last read, the lease was this controller's
}

// Get reads the lease. Whoever holds it waits for the answer for as long as ctx
// lasts: it renews, and need not compare times.
func (l *patientLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	began := time.Now()
	for {
		rec, raw, err := l.Interface.Get(ctx)
		switch {
		case err == nil:
			l.held = rec.HolderIdentity == l.Identity()
			l.c.outage.over(l.c)
			return rec, raw, nil
		case ctx.Err() != nil:
			return nil, nil, err
		}
		l.c.outage.tell(l.c, err)
		if !unanswered(err) || !l.held && time.Since(began) > challenge {
			return nil, nil, err
		}
		if !pause(ctx, wait.Jitter(retryEvery, retryJitter)) {
			return nil, nil, err
		}
	}
}

// Create takes a lease that did not exist.
func (l *patientLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.wrote(ctx, r, l.Interface.Create(ctx, r))
}

// Update takes, renews or releases the lease.
func (l *patientLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.wrote(ctx, r, l.Interface.Update(ctx, r))
}

func (l *patientLock) wrote(ctx context.Context, r resourcelock.LeaderElectionRecord, err error) error {
	if err == nil {
		l.held = r.HolderIdentity == l.Identity()
		l.c.outage.over(l.c)
	} else if ctx.Err() == nil {
		l.c.outage.tell(l.c, err)
	}
	return err
}
