package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/source"
	"memgraph-controller/internal/plugin/view"
)

// Options say what is collected.
type Options struct {
	Since   time.Duration // of logs
	Version string        // of this program
}

// File is one file of a report.
type File struct {
	Name string
	Data []byte
}

// logBytes bounds one log.
const logBytes = 10 << 20

// requestTimeout bounds one request.
const requestTimeout = 30 * time.Second

// collector collects files by several goroutines.
type collector struct {
	source source.Source
	raw    view.Raw
	redact *Redactor

	mu      sync.Mutex
	files   []File
	missing []string
}

// Collect reads all there is of a release, and takes secrets out. It does not fail:
// what could not be read is listed in missing.txt.
func Collect(ctx context.Context, s source.Source, raw view.Raw, o Options) []File {
	c := &collector{source: s, raw: raw, redact: &Redactor{}}
	v := view.Of(raw)
	c.texts(v)
	c.objects(ctx) // first: it learns what must not be seen in logs
	var wg sync.WaitGroup
	wg.Go(func() { c.events(ctx) })
	wg.Go(func() { c.about(o) })
	for _, p := range raw.Pods {
		wg.Go(func() { c.logs(ctx, p, o) })
		if p.Labels[view.ComponentLabel] == view.ControllerComponent && p.Status.Phase == corev1.PodRunning {
			wg.Go(func() { c.told(ctx, p.Name) })
		}
	}
	wg.Wait()
	for _, m := range v.Missing {
		c.lack(m.What, fmt.Errorf("%s", m.Why))
	}
	if len(c.missing) > 0 {
		slices.Sort(c.missing)
		c.add("missing.txt", []byte(strings.Join(c.missing, "\n")+"\n"))
	}
	for i := range c.files {
		c.files[i].Data = c.redact.Text(c.files[i].Data)
	}
	slices.SortFunc(c.files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return c.files
}

func (c *collector) add(name string, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files = append(c.files, File{name, data})
}

func (c *collector) lack(what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missing = append(c.missing, what+": "+strings.ReplaceAll(err.Error(), "\n", " "))
}

// keep adds an object as YAML.
func (c *collector) keep(name string, v any) {
	raw, err := yaml.Marshal(v)
	if err != nil {
		c.lack(name, err)
		return
	}
	c.add(name, raw)
}

// texts are what the other commands would say.
func (c *collector) texts(v view.View) {
	for name, write := range map[string]func(io.Writer){
		"status.txt":  func(w io.Writer) { view.WriteTree(w, v, false, true) },
		"explain.txt": func(w io.Writer) { view.WriteExplanation(w, v, false, cluster.NoNode) },
		"history.txt": func(w io.Writer) { view.WriteHistory(w, v, false) },
	} {
		var b bytes.Buffer
		write(&b)
		c.add(name, b.Bytes())
	}
	if raw, err := json.MarshalIndent(v, "", "  "); err != nil {
		c.lack("status.json", err)
	} else {
		c.add("status.json", raw)
	}
}

// objects are the Kubernetes objects of the release. No Secret is among them.
func (c *collector) objects(ctx context.Context) {
	if m := c.raw.ConfigMap; m != nil {
		m = m.DeepCopy()
		c.redact.Meta(&m.ObjectMeta)
		c.keep("objects/record.yaml", m)
	}
	if l := c.raw.Lease; l != nil {
		l = l.DeepCopy()
		c.redact.Meta(&l.ObjectMeta)
		c.keep("objects/lease.yaml", l)
	}
	for i := range c.raw.Pods {
		p := c.raw.Pods[i].DeepCopy()
		c.redact.Meta(&p.ObjectMeta)
		c.redact.Env(&p.Spec)
		c.keep("objects/pod-"+p.Name+".yaml", p)
	}
	c.workloads(ctx)
	c.volumes(ctx)
}

func (c *collector) workloads(ctx context.Context) {
	apps := c.source.API.AppsV1()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	deployments, err := apps.Deployments(c.source.Namespace).List(ctx, c.ours())
	if err != nil {
		c.lack("Deployments", c.explain(err, "list", "deployments.apps"))
	} else {
		for i := range deployments.Items {
			d := &deployments.Items[i]
			c.redact.Meta(&d.ObjectMeta)
			c.redact.Env(&d.Spec.Template.Spec)
			c.keep("objects/deployment-"+d.Name+".yaml", d)
		}
	}
	sets, err := apps.StatefulSets(c.source.Namespace).List(ctx, c.ours())
	if err != nil {
		c.lack("StatefulSets", c.explain(err, "list", "statefulsets.apps"))
		return
	}
	for i := range sets.Items {
		s := &sets.Items[i]
		c.redact.Meta(&s.ObjectMeta)
		c.redact.Env(&s.Spec.Template.Spec)
		c.keep("objects/statefulset-"+s.Name+".yaml", s)
	}
}

func (c *collector) volumes(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	claims, err := c.source.API.CoreV1().PersistentVolumeClaims(c.source.Namespace).List(ctx, c.ours())
	if err != nil {
		c.lack("PersistentVolumeClaims", c.explain(err, "list", "persistentvolumeclaims"))
		return
	}
	for i := range claims.Items {
		c.redact.Meta(&claims.Items[i].ObjectMeta)
		c.keep("objects/claim-"+claims.Items[i].Name+".yaml", &claims.Items[i])
	}
}

// ours selects what belongs to the release.
func (c *collector) ours() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: view.NameLabel + "=" + view.Chart + "," + view.InstanceLabel + "=" + c.raw.Release.Name}
}

func (c *collector) explain(err error, verb, resource string) error {
	return problem.Explain(err, problem.Act{Verb: verb, Resource: resource, Namespace: c.source.Namespace}, c.source.Host)
}

// events are those about the release's objects, oldest first.
func (c *collector) events(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := c.source.API.CoreV1().Events(c.source.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		c.lack("Events", c.explain(err, "list", "events"))
		return
	}
	events := slices.DeleteFunc(list.Items, func(e corev1.Event) bool { return !c.concerns(e.InvolvedObject.Name) })
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return seen(a).Compare(seen(b)) })
	var b bytes.Buffer
	for _, e := range events {
		fmt.Fprintf(&b, "%s  %-7s  %s/%s  %s  x%d  %s\n", seen(e).UTC().Format(time.RFC3339), e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, max(e.Count, 1), e.Message)
	}
	c.add("events.txt", b.Bytes())
}

// concerns reports whether an object of that name is the release's: one of its pods
// may be gone by now.
func (c *collector) concerns(name string) bool {
	r := c.raw.Release
	switch {
	case name == r.Record, name == r.Lease:
		return true
	case r.StatefulSet != "" && strings.HasPrefix(strings.TrimPrefix(name, "data-"), r.StatefulSet):
		return true
	}
	return strings.HasPrefix(name, r.Name+"-controller")
}

func seen(e corev1.Event) time.Time {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return e.CreationTimestamp.Time
}

// logs are those of each container of a pod, and of its process before.
func (c *collector) logs(ctx context.Context, p corev1.Pod, o Options) {
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range list {
			c.log(ctx, p.Name, s.Name, o.Since, false)
			if s.RestartCount > 0 {
				c.log(ctx, p.Name, s.Name, 0, true)
			}
		}
	}
}

func (c *collector) log(ctx context.Context, pod, container string, since time.Duration, previous bool) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	limit := int64(logBytes)
	options := &corev1.PodLogOptions{Container: container, Previous: previous, Timestamps: true, LimitBytes: &limit}
	if since > 0 {
		seconds := max(int64(since/time.Second), 1)
		options.SinceSeconds = &seconds
	}
	name := pod + "-" + container
	if previous {
		name += "-previous"
	}
	raw, err := c.source.API.CoreV1().Pods(c.source.Namespace).GetLogs(pod, options).DoRaw(ctx)
	if err != nil {
		c.lack("log "+name, c.explain(err, "get", "pods/log"))
		return
	}
	c.add("logs/"+name+".log", raw)
}

// told is what a controller says of itself.
func (c *collector) told(ctx context.Context, pod string) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	for path, name := range map[string]string{"api/v1/status": "status/" + pod + ".json", "metrics": "metrics/" + pod + ".txt"} {
		raw, err := c.source.Proxy(ctx, c.raw.Release, pod, path)
		if err != nil {
			c.lack(path+" of "+pod, err)
			continue
		}
		c.add(name, raw)
	}
}

// about says what the report is of.
func (c *collector) about(o Options) {
	var b bytes.Buffer
	r := c.raw.Release
	fmt.Fprintf(&b, "release         %s\nnamespace       %s\ntaken           %s\nplugin          %s\n", r.Name, r.Namespace, c.raw.Now.UTC().Format(time.RFC3339), o.Version)
	if version, err := c.source.API.Discovery().ServerVersion(); err == nil {
		fmt.Fprintf(&b, "API server      %s\n", version.GitVersion)
	} else {
		c.lack("version of the API server", err)
	}
	if c.source.Clock != nil {
		if ahead, known := c.source.Clock.Ahead(); known {
			fmt.Fprintf(&b, "clock           this machine's is %s ahead of the API server's\n", ahead.Round(time.Second))
		}
	}
	fmt.Fprintf(&b, "logs            of the last %s; at most %d MiB each\n", o.Since, logBytes>>20)
	fmt.Fprintf(&b, "left out        Secrets; values of environment variables that the chart does not set; what looks like a password, key or token\n")
	c.add("about.txt", b.Bytes())
}
