package kube

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// object is what a mirror holds.
type object interface {
	metav1.Object
	runtime.Object
	comparable
}

// resource is a typed client of one kind of object, whose lists are of type L.
type resource[L runtime.Object] interface {
	List(ctx context.Context, o metav1.ListOptions) (L, error)
	Watch(ctx context.Context, o metav1.ListOptions) (watch.Interface, error)
}

// mirror holds the objects of the cluster's namespace that match, as the API
// server last told, for as long as run runs and after. It is client-go's reflector
// without the informer around it, because an informer waits for up to 30 s once
// the API server is back.
type mirror[T object] struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)

	// Set by run.
	changed func(o T, gone bool)
	synced  func()

	telling sync.Mutex // changed is told of one object at a time

	mu      sync.RWMutex
	objects map[string]T // by name
	ready   bool
}

// newMirror returns a mirror that has seen nothing. Of the selectors nil selects all.
func newMirror[T object, L runtime.Object](c *Cluster, from resource[L], f fields.Selector, l labels.Selector) *mirror[T] {
	narrow := func(o *metav1.ListOptions) {
		if f != nil {
			o.FieldSelector = f.String()
		}
		if l != nil {
			o.LabelSelector = l.String()
		}
	}
	m := &mirror[T]{objects: map[string]T{}}
	listing, watching := patience{c: c}, patience{c: c} // the right to one is not the right to the other
	m.list = func(ctx context.Context, o metav1.ListOptions) (list runtime.Object, err error) {
		narrow(&o)
		err = listing.patiently(ctx, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, requestTimeout)
			defer cancel()
			list, err = from.List(ctx, o)
			return err
		})
		return list, err
	}
	m.watch = func(ctx context.Context, o metav1.ListOptions) (w watch.Interface, err error) {
		narrow(&o)
		err = watching.patiently(ctx, func(ctx context.Context) error {
			w, err = from.Watch(ctx, o)
			return err
		})
		return w, err
	}
	return m
}

// listed says that a mirror lists before it watches. Streamed lists are for kinds
// with thousands of objects; without them there is one way to begin, not two.
type listed struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is how client-go asks.
func (listed) IsWatchListSemanticsUnSupported() bool { return true }

// run keeps the mirror up to date until ctx ends. It calls changed for every object
// that appears, changes or goes, and synced (nil: nobody) once when all that were
// there at the start have been told; never two at a time, and they must not block.
func (m *mirror[T]) run(ctx context.Context, changed func(o T, gone bool), synced func()) {
	m.changed, m.synced = changed, synced
	var kind T
	from := listed{&cache.ListWatch{ListWithContextFunc: m.list, WatchFuncWithContext: m.watch}}
	cache.NewReflectorWithOptions(from, kind, m, cache.ReflectorOptions{
		Name:    "memgraph-controller",
		Backoff: &wait.Backoff{Duration: retryEvery, Jitter: retryJitter}, // between a watch that broke and the next list
	}).RunWithContext(ctx)
}

// get returns the object of that name. The zero T if there is none.
func (m *mirror[T]) get(name string) T {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.objects[name]
}

// all returns all objects, in no order.
func (m *mirror[T]) all() []T {
	m.mu.RLock()
	defer m.mu.RUnlock()
	list := make([]T, 0, len(m.objects))
	for _, o := range m.objects {
		list = append(list, o)
	}
	return list
}

// known reports whether the API server has told all there was once.
func (m *mirror[T]) known() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.ready
}

// Add implements cache.ReflectorStore, as the methods below do.
func (m *mirror[T]) Add(v any) error {
	if o, ok := v.(T); ok {
		m.put(o)
	}
	return nil
}

// Update takes over a changed object.
func (m *mirror[T]) Update(v any) error { return m.Add(v) }

// Delete takes an object out.
func (m *mirror[T]) Delete(v any) error {
	if o, ok := v.(T); ok {
		m.drop(o)
	}
	return nil
}

// Replace takes over a whole list: at the start, and when a watch was interrupted
// for too long to be resumed.
func (m *mirror[T]) Replace(list []any, version string) error {
	there := map[string]bool{}
	for _, v := range list {
		if o, ok := v.(T); ok {
			there[o.GetName()] = true
			if old := m.get(o.GetName()); !same(old, o) {
				m.put(o)
			}
		}
	}
	for _, o := range m.all() {
		if !there[o.GetName()] && !newer(o.GetResourceVersion(), version) {
			m.drop(o)
		}
	}
	m.mu.Lock()
	first := !m.ready
	m.ready = true
	m.mu.Unlock()
	if first && m.synced != nil {
		m.synced()
	}
	return nil
}

// Resync does nothing: the loop looks at everything from time to time by itself.
func (m *mirror[T]) Resync() error { return nil }

// put takes over o, unless something newer of that name was read before: a watch may
// be behind of what somebody has asked for.
func (m *mirror[T]) put(o T) {
	o.SetManagedFields(nil) // nobody here reads them, and every pod has many
	m.telling.Lock()
	defer m.telling.Unlock()
	if m.supersede(o, func() { m.objects[o.GetName()] = o }) {
		m.changed(o, false)
	}
}

func (m *mirror[T]) drop(o T) {
	m.telling.Lock()
	defer m.telling.Unlock()
	if m.supersede(o, func() { delete(m.objects, o.GetName()) }) {
		m.changed(o, true)
	}
}

// supersede makes a change that o is the reason of, and reports false if what is
// known of that name is newer than o.
func (m *mirror[T]) supersede(o T, change func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, known := m.objects[o.GetName()]; known && newer(old.GetResourceVersion(), o.GetResourceVersion()) {
		return false
	}
	change()
	return true
}

// newer reports whether resource version a is known to be newer than b of the same
// kind of object (they can be compared since Kubernetes 1.35, and could before).
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// same reports whether two objects are the same version of one.
func same[T object](a, b T) bool {
	var none T
	return a != none && b != none && a.GetUID() == b.GetUID() && a.GetResourceVersion() == b.GetResourceVersion()
}

// How long is waited before an API server that did not answer is asked again.
const (
	retryEvery  = 600 * time.Millisecond
	retryJitter = 0.5 // of retryEvery, added at random
)

// The longest pause after a refusal: a right that is missing stays missing until a
// human grants it, but an API server that has just started may refuse for a moment.
const refusalPause = 16 * time.Second

// patience asks again what the API server did not answer, for as long as it takes.
// It is used by one goroutine at a time.
type patience struct {
	c       *Cluster
	refused int // refusals in a row
}

// patiently asks until there is an answer, which may be that it is refused, or ctx ends.
func (p *patience) patiently(ctx context.Context, ask func(context.Context) error) error {
	for {
		err := ask(ctx)
		switch {
		case err == nil:
			p.refused = 0
			p.c.outage.over(p.c)
			return nil
		case ctx.Err() != nil:
			return err
		}
		p.c.outage.tell(p.c, err)
		if !unanswered(err) {
			if refusal(err) {
				pause(ctx, min(time.Second<<p.refused, refusalPause))
				p.refused = min(p.refused+1, 10)
			}
			return err
		}
		if !pause(ctx, wait.Jitter(retryEvery, retryJitter)) {
			return err
		}
	}
}
