package preflight

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/view"
)

// oldestMinor is that of the oldest Kubernetes that the chart is for: 1.28.
const oldestMinor = 28

func asDenied(err error) (*problem.Denied, bool) {
	var d *problem.Denied
	return d, errors.As(err, &d)
}

// version compares the API server's version with what the chart needs.
func (c Cluster) version(context.Context, Values) ([]Result, error) {
	const check = "version"
	told, err := c.API.Discovery().ServerVersion()
	if err != nil {
		return c.unread(check, err, "get", "/version", "")
	}
	major, errMajor := strconv.Atoi(told.Major)
	minor, errMinor := strconv.Atoi(strings.TrimRight(told.Minor, "+"))
	switch {
	case errMajor != nil || errMinor != nil:
		return []Result{{check, Unchecked, fmt.Sprintf("Kubernetes calls itself %q, which is no version: want 1.%d or newer", told.GitVersion, oldestMinor)}}, nil
	case major < 1 || major == 1 && minor < oldestMinor:
		return []Result{{check, Fails, fmt.Sprintf("Kubernetes %s: the chart needs 1.%d or newer; upgrade the cluster", told.GitVersion, oldestMinor)}}, nil
	}
	return []Result{{check, OK, "Kubernetes " + told.GitVersion}}, nil
}

// defaultClass is the annotation of the StorageClass that claims without one get.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// storage looks for a class of volumes.
func (c Cluster) storage(ctx context.Context, v Values) ([]Result, error) {
	const check = "storage"
	if !v.Memgraph.Persistence.Enabled {
		return []Result{{check, Beware, "memgraph.persistence.enabled is false: data live as long as their pods do"}}, nil
	}
	list, err := c.API.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return c.unread(check, err, "list", "storageclasses.storage.k8s.io", "")
	}
	want := v.Memgraph.Persistence.StorageClass
	var names, defaults []string
	for i := range list.Items {
		s := &list.Items[i]
		names = append(names, s.Name)
		if s.Annotations[defaultClass] == "true" {
			defaults = append(defaults, s.Name)
		}
		if s.Name == want {
			return []Result{{check, OK, fmt.Sprintf("StorageClass %s", want)}}, nil
		}
	}
	there := "there is none"
	if len(names) > 0 {
		there = "there is " + strings.Join(names, ", ")
	}
	switch {
	case want != "":
		return []Result{{check, Fails, fmt.Sprintf("memgraph.persistence.storageClass: %s does not exist: %s", want, there)}}, nil
	case len(defaults) == 0:
		return []Result{{check, Fails, fmt.Sprintf("no StorageClass is the default, so volumes would wait for ever: set memgraph.persistence.storageClass; %s", there)}}, nil
	}
	return []Result{{check, OK, fmt.Sprintf("StorageClass %s is the default", strings.Join(defaults, ", "))}}, nil
}

// names looks for objects that another release has already.
func (c Cluster) names(ctx context.Context, v Values) ([]Result, error) {
	const check = "names"
	list, err := c.API.AppsV1().Deployments(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: view.NameLabel + "=" + view.Chart})
	if err != nil {
		return c.unread(check, err, "list", "deployments.apps", c.Namespace)
	}
	var results []Result
	for i := range list.Items {
		r := view.OfDeployment(&list.Items[i])
		switch {
		case r.Name == c.Release:
			results = append(results, Result{check, Beware, fmt.Sprintf("release %s is installed already: helm upgrade, or another name with --release", r.Name)})
		case r.Record == v.State.ConfigMapName || r.Lease == v.LeaderElection.LeaseName:
			results = append(results, Result{check, Fails, fmt.Sprintf("release %s uses ConfigMap %s and Lease %s already, and two clusters must not share them: set state.configMapName=%s-state and leaderElection.leaseName=%s-leader",
				r.Name, r.Record, r.Lease, c.Release, c.Release)})
		}
	}
	taken, err := c.taken(ctx, v)
	if err != nil || len(taken)+len(results) > 0 {
		return append(results, taken...), err
	}
	return []Result{{check, OK, fmt.Sprintf("nothing in namespace %s stands in the way of release %s", c.Namespace, c.Release)}}, nil
}

// taken looks for a StatefulSet of our name that is not ours, and a record that was
// left behind.
func (c Cluster) taken(ctx context.Context, v Values) ([]Result, error) {
	var results []Result
	name := c.fullname(v) + "-memgraph"
	set, err := c.API.AppsV1().StatefulSets(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		unread, err := c.unread("names", err, "get", "statefulsets.apps", c.Namespace)
		if err != nil {
			return nil, err
		}
		results = append(results, unread...)
	case set.Labels[view.InstanceLabel] != c.Release:
		results = append(results, Result{"names", Fails, fmt.Sprintf("StatefulSet %s exists and is not of release %s: use another release name, or fullnameOverride", name, c.Release)})
	}
	record, err := c.API.CoreV1().ConfigMaps(c.Namespace).Get(ctx, v.State.ConfigMapName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil:
		unread, err := c.unread("record", err, "get", "configmaps", c.Namespace)
		if err != nil {
			return nil, err
		}
		results = append(results, unread...)
	case len(record.Data) > 0:
		results = append(results, Result{"record", Beware, fmt.Sprintf("ConfigMap %s has a record: a release that runs here uses it, or one did. If none does, the cluster goes on where that left off, and waits for its MAIN; and if its volumes are gone as well, delete the record first", record.Name)})
	}
	return results, nil
}

func (c Cluster) fullname(v Values) string {
	if v.FullnameOverride != "" {
		return v.FullnameOverride
	}
	return c.Release
}

// machines compares how many machines there are with what shall be spread over them.
func (c Cluster) machines(ctx context.Context, v Values) ([]Result, error) {
	const check = "machines"
	list, err := c.API.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return c.unread(check, err, "list", "nodes", "")
	}
	free := 0
	for i := range list.Items {
		if !list.Items[i].Spec.Unschedulable {
			free++
		}
	}
	replicas := v.replicas()
	switch {
	case free < replicas && v.Memgraph.Spread == "hard":
		return []Result{{check, Fails, fmt.Sprintf("memgraph.spread is hard and memgraph.replicas %d, but %d machines take pods: some nodes would never run", replicas, free)}}, nil
	case free < replicas:
		return []Result{{check, Beware, fmt.Sprintf("%d machines take pods, for %d nodes: two nodes share a machine and would fail together", free, replicas)}}, nil
	}
	return []Result{{check, OK, fmt.Sprintf("%d machines take pods, for %d nodes (taints and room are not looked at)", free, replicas)}}, nil
}

// skewed and astray are how far clocks may be apart before it is told, and before it
// hurts: certificates and tokens are judged by the clock.
const (
	skewed = source.Coarse
	astray = time.Minute
)

// clock compares this machine's clock with the API server's.
func (c Cluster) clock() Result {
	const check = "clock"
	if c.Clock == nil {
		return Result{check, Unchecked, "the API server has not said what time it is"}
	}
	ahead, known := c.Clock.Ahead()
	how := "ahead of"
	if ahead < 0 {
		how = "behind"
	}
	text := fmt.Sprintf("this machine's clock is %s %s the API server's: set one of them by NTP", ahead.Abs().Round(time.Second), how)
	switch {
	case !known:
		return Result{check, Unchecked, "the API server has not said what time it is"}
	case ahead.Abs() >= astray:
		return Result{check, Fails, text + "; certificates and tokens may be refused meanwhile"}
	case ahead.Abs() >= skewed:
		return Result{check, Beware, text + "; until then times in logs do not compare"}
	}
	return Result{check, OK, "this machine's clock and the API server's agree within 2s"}
}
