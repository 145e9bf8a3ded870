package source

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/view"
)

// found is what the first round trip brings.
type found struct {
	deployments []appsv1.Deployment
	pods        []corev1.Pod
	records     []corev1.ConfigMap
	denied      []*problem.Denied
}

// look reads everything of the chart in the namespace. What the caller may not read
// is left out and kept as denied; an API server that does not answer is an error.
func (s Source) look(ctx context.Context) (found, error) {
	var f found
	chart := view.NameLabel + "=" + view.Chart
	var wg sync.WaitGroup
	errs := make([]error, 3)
	wg.Go(func() {
		errs[0] = s.list(ctx, "deployments.apps", func(ctx context.Context) error {
			l, err := s.API.AppsV1().Deployments(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: chart + "," + view.ComponentLabel + "=" + view.ControllerComponent})
			if err == nil {
				f.deployments = l.Items
			}
			return err
		})
	})
	wg.Go(func() { errs[1] = s.listPods(ctx, &f) })
	wg.Go(func() {
		errs[2] = s.list(ctx, "configmaps", func(ctx context.Context) error {
			l, err := s.API.CoreV1().ConfigMaps(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: view.ManagedByLabel + "=" + view.ManagedBy})
			if err == nil {
				f.records = l.Items
			}
			return err
		})
	})
	wg.Wait()
	for _, err := range errs {
		if d := denied(err); d != nil {
			f.denied = append(f.denied, d)
		} else if err != nil {
			return found{}, err
		}
	}
	return f, nil
}

// listPods reads the pods of the chart.
func (s Source) listPods(ctx context.Context, f *found) error {
	return s.list(ctx, "pods", func(ctx context.Context) error {
		l, err := s.API.CoreV1().Pods(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: view.NameLabel + "=" + view.Chart})
		if err == nil {
			f.pods = l.Items
		}
		return err
	})
}

func (s Source) list(ctx context.Context, resource string, ask func(context.Context) error) error {
	return problem.Explain(within(ctx, ask), problem.Act{Verb: "list", Resource: resource, Namespace: s.Namespace}, s.Host)
}

// releases returns what was found, by name. What a Deployment says goes before what
// pods say, and a record is a release's own if one names it.
func (f found) releases() map[string]view.Release {
	all := map[string]view.Release{}
	add := func(r view.Release) {
		if _, known := all[r.Name]; !known && r.Name != "" {
			all[r.Name] = r
		}
	}
	for i := range f.deployments {
		add(view.OfDeployment(&f.deployments[i]))
	}
	for _, component := range []string{view.ControllerComponent, view.NodeComponent} {
		for i := range f.pods {
			if f.pods[i].Labels[view.ComponentLabel] == component {
				add(view.OfPod(&f.pods[i]))
			}
		}
	}
	used := map[string]bool{}
	for _, r := range all {
		used[r.Record] = true
	}
	for i := range f.records {
		if !used[f.records[i].Name] {
			add(view.OfRecord(&f.records[i]))
		}
	}
	return all
}

// choose returns the release that is called name, or the only one for "". A release
// goes by the name of its record's ConfigMap, too.
func (s Source) choose(f found, name string) (view.Release, error) {
	all := f.releases()
	names := slices.Sorted(maps.Keys(all))
	switch {
	case len(names) == 0 && len(f.denied) > 0:
		return view.Release{}, fmt.Errorf("which releases there are cannot be seen: %w", f.denied[0])
	case len(names) == 0:
		return view.Release{}, fmt.Errorf("no release of the chart %s is in namespace %s: name another with -n, see where there are any with %s, or install one with helm",
			view.Chart, s.Namespace, s.Caller.Kubectl(fmt.Sprintf("get deployments -A -l %s=%s", view.NameLabel, view.Chart)))
	case name != "":
		for _, n := range names {
			if n == name || all[n].Record == name {
				return all[n], nil
			}
		}
		return view.Release{}, problem.Usage(fmt.Errorf("no release %s is in namespace %s: there is %s", name, s.Namespace, strings.Join(names, ", ")))
	}
	if only, ok := single(all); ok {
		return only, nil
	}
	return view.Release{}, problem.Usage(fmt.Errorf("several releases are in namespace %s: say which with --release NAME, of %s", s.Namespace, strings.Join(names, ", ")))
}

// single returns the only release; records that nobody uses do not count beside one
// that lives.
func single(all map[string]view.Release) (view.Release, bool) {
	var living, orphans []view.Release
	for _, r := range all {
		if r.Orphan {
			orphans = append(orphans, r)
		} else {
			living = append(living, r)
		}
	}
	switch {
	case len(living) == 1:
		return living[0], true
	case len(living) == 0 && len(orphans) == 1:
		return orphans[0], true
	}
	return view.Release{}, false
}

// Releases returns the names of what is in the namespace, sorted.
func (s Source) Releases(ctx context.Context) ([]string, error) {
	f, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(f.releases())), nil
}
