// Package inmemory keeps the two objects a cluster's controllers share, record
// and lease, in the memory of one process, with the rules of the Kubernetes API:
// versions, conflicts, watches. It is what the sandbox and tests run on instead.
//
// It promises the same errors and orders as the real thing. It does not persist
// anything, and has no latency of its own.
package inmemory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"memgraph-controller/internal/cluster"
)

// ErrAway is what every call answers while the API is switched off.
var ErrAway = errors.New("the API does not answer")

// Objects are the record and the lease of one cluster. The zero value is not
// usable; see New.
type Objects struct {
	mu      sync.Mutex
	away    bool
	data    map[string]string // nil: there is no record
	version int               // of the record, and the source of all versions
	born    int               // version at which the record was created
	changed chan struct{}     // closed and replaced at every change of the record

	lease        *resourcelock.LeaderElectionRecord
	leaseVersion int
}

// New returns objects that do not exist yet.
func New() *Objects { return &Objects{changed: make(chan struct{})} }

// SetAway switches the API off and on.
func (o *Objects) SetAway(away bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = away
	o.notify()
}

// Data returns a copy of the record's data, nil if there is none.
func (o *Objects) Data() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.data)
}

// Put replaces the record's data as a human with kubectl would; nil deletes it.
func (o *Objects) Put(data map[string]string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.data == nil {
		o.born = o.version + 1
	}
	o.data = maps.Clone(data)
	o.version++
	o.notify()
}

// notify wakes all watches. o.mu is held.
func (o *Objects) notify() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// Load returns the record and its version, nil and "" if there is none.
func (o *Objects) Load(ctx context.Context) (*cluster.Record, string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec, err := o.read(ctx)
	if rec == nil {
		return nil, "", err
	}
	return rec, strconv.Itoa(o.version), nil
}

// read decodes the record. o.mu is held.
func (o *Objects) read(ctx context.Context) (*cluster.Record, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case o.away:
		return nil, ErrAway
	case o.data == nil:
		return nil, nil
	}
	rec, err := cluster.Decode(o.data)
	if err != nil {
		return nil, err
	}
	return &rec, nil
}

// Swap writes the record if its version is still prev; "" means none exists.
func (o *Objects) Swap(ctx context.Context, prev string, next cluster.Record) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := ""
	if o.data != nil {
		now = strconv.Itoa(o.version)
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case o.away:
		return "", ErrAway
	case now != prev:
		return "", fmt.Errorf("version %q is not the present %q: %w", prev, now, cluster.ErrConflict)
	}
	o.version++
	if o.data == nil {
		o.born = o.version
	}
	o.data = next.Encode()
	o.notify()
	return strconv.Itoa(o.version), nil
}

// Watch calls seen with the record as it is and after every change, until ctx
// ends: nil if there is none, and uid, which tells a record from one that was
// created after it was deleted. Changes that follow fast are seen as one. A
// record that cannot be read, and an API that is away, are passed over.
func (o *Objects) Watch(ctx context.Context, seen func(rec *cluster.Record, uid string)) {
	last := -1
	for ctx.Err() == nil {
		o.mu.Lock()
		rec, err := o.read(ctx)
		version, uid, changed := o.version, strconv.Itoa(o.born), o.changed
		o.mu.Unlock()
		if err == nil && version != last {
			last = version
			seen(rec, uid)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// Lock returns the lease as one controller sees it, for client-go's election.
func (o *Objects) Lock(identity string) resourcelock.Interface {
	return &lock{objects: o, identity: identity}
}

// LeaseHolder returns whom the lease names, "" for nobody.
func (o *Objects) LeaseHolder(context.Context) (string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.away:
		return "", ErrAway
	case o.lease == nil:
		return "", nil
	}
	return o.lease.HolderIdentity, nil
}

// lock is the lease for one identity. Like client-go's LeaseLock it remembers
// the version it has read, and it is used by one goroutine at a time.
type lock struct {
	objects  *Objects
	identity string
	read     int
}

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// Get returns the lease and its raw form, by which client-go sees changes.
func (l *lock) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	o := l.objects
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.away:
		return nil, nil, ErrAway
	case o.lease == nil:
		return nil, nil, apierrors.NewNotFound(leases, l.Describe())
	}
	l.read = o.leaseVersion
	rec := *o.lease
	raw, err := json.Marshal(rec)
	return &rec, raw, err
}

// Create makes the lease if there is none.
func (l *lock) Create(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	o := l.objects
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.away:
		return ErrAway
	case o.lease != nil:
		return apierrors.NewAlreadyExists(leases, l.Describe())
	}
	l.put(r)
	return nil
}

// Update replaces the lease if nobody has since it was read.
func (l *lock) Update(_ context.Context, r resourcelock.LeaderElectionRecord) error {
	o := l.objects
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.away:
		return ErrAway
	case o.lease == nil:
		return apierrors.NewNotFound(leases, l.Describe())
	case l.read != o.leaseVersion:
		return apierrors.NewConflict(leases, l.Describe(), errors.New("the lease has been modified"))
	}
	l.put(r)
	return nil
}

// put stores the lease. The objects' lock is held.
func (l *lock) put(r resourcelock.LeaderElectionRecord) {
	l.objects.lease = &r
	l.objects.leaseVersion++
	l.read = l.objects.leaseVersion
}

// RecordEvent does nothing: there is nobody to read Events.
func (l *lock) RecordEvent(string) {}

// Identity returns who this lock is for.
func (l *lock) Identity() string { return l.identity }

// Describe names the lease in messages.
func (l *lock) Describe() string { return "in memory" }
