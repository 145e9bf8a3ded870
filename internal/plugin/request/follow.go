package request

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// follow shows f what the ConfigMap becomes after m, until it says that it is done or
// ctx ends. An API server that is away for a moment is waited for.
func (d Desk) follow(ctx context.Context, f *Progress, m *corev1.ConfigMap) (done bool, err error) {
	see := func(m *corev1.ConfigMap) (bool, error) {
		news, done, err := f.See(m, time.Now())
		d.say(news)
		return done, err
	}
	for ctx.Err() == nil {
		version := ""
		if m != nil {
			version = m.ResourceVersion
		}
		if done, err = d.watch(ctx, f.plan, version, see); done || err != nil {
			return done, err
		}
		next, err := d.get(ctx, f.plan)
		if err != nil {
			if ctx.Err() != nil {
				return false, nil
			}
			d.Say("  (" + err.Error() + "; tried again)")
			pause(ctx, refresh)
			continue
		}
		m = next
		if done, err = see(m); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// watch shows what is seen of the ConfigMap after a version, for as long as that goes
// without a pause. Who may not watch is given a moment instead.
func (d Desk) watch(ctx context.Context, p Plan, version string, see func(*corev1.ConfigMap) (bool, error)) (bool, error) {
	w, err := d.API.CoreV1().ConfigMaps(p.Release.Namespace).Watch(ctx, metav1.ListOptions{FieldSelector: only(p), ResourceVersion: version})
	if err != nil {
		pause(ctx, poll)
		return false, nil
	}
	defer w.Stop()
	quiet := time.NewTimer(refresh)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-quiet.C:
			return false, nil
		case e, open := <-w.ResultChan():
			m, ours := e.Object.(*corev1.ConfigMap)
			switch {
			case !open || !ours:
				pause(ctx, poll) // the watch has ended
				return false, nil
			case m.Name != p.Release.Record:
				continue
			case e.Type == watch.Deleted:
				m = nil
			}
			if done, err := see(m); done || err != nil {
				return done, err
			}
			quiet.Reset(refresh)
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
