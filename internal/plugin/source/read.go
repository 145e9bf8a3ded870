package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/view"
)

// Read returns what is known of a release: the one called name, or the only one.
func (s Source) Read(ctx context.Context, name string) (view.Raw, error) {
	f, err := s.look(ctx)
	if err != nil {
		return view.Raw{}, err
	}
	r, err := s.choose(f, name)
	if err != nil {
		return view.Raw{}, err
	}
	r.Caller = s.Caller
	raw := view.Raw{Release: r, Pods: f.podsOf(r), Missing: f.missing()}
	return raw, s.fill(ctx, &raw, f)
}

// podsOf returns the pods of a release: those labelled so, but for that of helm test.
func (f found) podsOf(r view.Release) []corev1.Pod {
	var list []corev1.Pod
	for _, p := range f.pods {
		if p.Labels[view.InstanceLabel] == r.Name {
			list = append(list, p)
		}
	}
	return list
}

// Pods lists the pods of a release as they are now.
func (s Source) Pods(ctx context.Context, r view.Release) ([]corev1.Pod, error) {
	var f found
	err := s.listPods(ctx, &f)
	return f.podsOf(r), err
}

// missing says which of what was looked for could not be read.
func (f found) missing() []view.Missing {
	var list []view.Missing
	for _, d := range f.denied {
		if d.Act.Resource == "pods" { // the others are only one of several ways to find a release
			list = append(list, view.Missing{What: view.PodsPart, Why: d.Error(), Need: &d.Act})
		}
	}
	return list
}

// fill reads the record, the lease and what the controllers say, at the same time.
func (s Source) fill(ctx context.Context, raw *view.Raw, f found) error {
	var wg sync.WaitGroup
	var record, lease error
	wg.Go(func() { raw.ConfigMap, record = s.record(ctx, raw.Release, f) })
	wg.Go(func() { raw.Lease, lease = s.lease(ctx, raw.Release) })
	told, proxy := s.ask(ctx, raw.Release, raw.Pods)
	wg.Wait()
	if holder := holder(raw.Lease); len(told) == 0 && holder != "" && len(raw.Missing) > 0 {
		told, proxy = s.askAll(ctx, raw.Release, []string{holder}) // pods could not be listed
	}
	raw.Told, raw.Now = told, s.Now()
	for _, part := range []struct {
		what string
		err  error
	}{{view.RecordPart, record}, {view.LeasePart, lease}} {
		d := denied(part.err)
		switch {
		case d != nil:
			raw.Missing = append(raw.Missing, view.Missing{What: part.what, Why: d.Error(), Need: &d.Act})
		case part.err != nil:
			return part.err
		}
	}
	raw.Missing = append(raw.Missing, unseen(raw.Release, told, proxy)...)
	return nil
}

// unseen says why it is not known what the leader sees, if so.
func unseen(r view.Release, told map[string]view.Told, proxy *problem.Denied) []view.Missing {
	const what = "what the leader sees"
	switch {
	case proxy != nil:
		return []view.Missing{{What: what, Why: proxy.Error(), Need: &proxy.Act}}
	case len(told) == 0:
		return []view.Missing{{What: what, Why: "no controller is known to run"}}
	case !answered(told):
		return []view.Missing{{What: what, Why: fmt.Sprintf("no controller that leads has answered; %s may say why", r.Command("logs --all"))}}
	}
	return nil
}

// holder returns whom a lease names.
func holder(l *coordinationv1.Lease) string {
	if l == nil || l.Spec.HolderIdentity == nil {
		return ""
	}
	return *l.Spec.HolderIdentity
}

// answered reports whether the leader is among those that told.
func answered(told map[string]view.Told) bool {
	for _, t := range told {
		if t.Status != nil && t.Status.Leading {
			return true
		}
	}
	return false
}

// denied returns the refusal that err is, nil if it is none.
func denied(err error) *problem.Denied {
	var d *problem.Denied
	if errors.As(err, &d) {
		return d
	}
	return nil
}

// record returns the record's ConfigMap, nil if there is none. The first look may
// have brought it.
func (s Source) record(ctx context.Context, r view.Release, f found) (*corev1.ConfigMap, error) {
	for i := range f.records {
		if f.records[i].Name == r.Record {
			return &f.records[i], nil
		}
	}
	return s.Record(ctx, r)
}

// Record reads the record's ConfigMap, nil if there is none.
func (s Source) Record(ctx context.Context, r view.Release) (*corev1.ConfigMap, error) {
	var m *corev1.ConfigMap
	err := within(ctx, func(ctx context.Context) (err error) {
		m, err = s.API.CoreV1().ConfigMaps(s.Namespace).Get(ctx, r.Record, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, problem.Explain(err, problem.Act{Verb: "get", Resource: "configmaps", Name: r.Record, Namespace: s.Namespace}, s.Host)
	}
	return m, nil
}

func (s Source) lease(ctx context.Context, r view.Release) (*coordinationv1.Lease, error) {
	var l *coordinationv1.Lease
	err := within(ctx, func(ctx context.Context) (err error) {
		l, err = s.API.CoordinationV1().Leases(s.Namespace).Get(ctx, r.Lease, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, problem.Explain(err, problem.Act{Verb: "get", Resource: "leases.coordination.k8s.io", Name: r.Lease, Namespace: s.Namespace}, s.Host)
	}
	return l, nil
}

// ask asks every controller that runs for its status.
func (s Source) ask(ctx context.Context, r view.Release, pods []corev1.Pod) (map[string]view.Told, *problem.Denied) {
	var names []string
	for _, p := range pods {
		if p.Labels[view.ComponentLabel] == view.ControllerComponent && p.Status.Phase == corev1.PodRunning {
			names = append(names, p.Name)
		}
	}
	return s.askAll(ctx, r, names)
}

// askAll asks controllers for their status. It returns the refusal if the caller may
// not use the pod proxy. Once the leader has answered the others have but
// a moment: one that hangs must not delay what is known.
func (s Source) askAll(ctx context.Context, r view.Release, pods []string) (map[string]view.Told, *problem.Denied) {
	type answer struct {
		pod  string
		told view.Told
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answers := make(chan answer)
	for _, pod := range pods {
		go func() {
			status, err := s.Status(ctx, r, pod)
			answers <- answer{pod, view.Told{Status: status, Err: err}}
		}()
	}
	told := map[string]view.Told{}
	var refusal *problem.Denied
	for range pods { // each goroutine is joined here: what is cancelled answers at once
		a := <-answers
		if d := denied(a.told.Err); d != nil {
			refusal, a.told.Err = d, nil
		}
		if errors.Is(a.told.Err, context.Canceled) || errors.Is(a.told.Err, context.DeadlineExceeded) {
			a.told.Err = errors.New("it did not answer in time")
		}
		told[a.pod] = a.told
		if a.told.Status != nil && a.told.Status.Leading {
			stop := time.AfterFunc(patience, cancel)
			defer stop.Stop()
		}
	}
	return told, refusal
}

// Status asks one controller through the API server.
func (s Source) Status(ctx context.Context, r view.Release, pod string) (*api.Status, error) {
	raw, err := s.Proxy(ctx, r, pod, "api/v1/status")
	if err != nil {
		return nil, err
	}
	var status api.Status
	if err := json.Unmarshal(raw, &status); err != nil {
		return nil, fmt.Errorf("its status cannot be read: %w", err)
	}
	return &status, nil
}

// Proxy reads a path of a controller's HTTP port through the API server.
func (s Source) Proxy(ctx context.Context, r view.Release, pod, path string) ([]byte, error) {
	raw, err := s.API.CoreV1().Pods(s.Namespace).ProxyGet("", pod, r.HTTPPort, path, nil).DoRaw(ctx)
	switch {
	case err == nil:
		return raw, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case apierrors.IsForbidden(err):
		return nil, &problem.Denied{Act: problem.Act{Verb: "get", Resource: "pods/proxy", Namespace: s.Namespace}, Err: err}
	}
	return nil, fmt.Errorf("no answer through the API server: %w", err)
}
