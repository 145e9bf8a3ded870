package request

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/problem"
)

// Desk is where requests are handed in.
type Desk struct {
	API  kubernetes.Interface
	Host string
	Say  func(line string) // told of each step
}

const (
	requestTimeout = 5 * time.Second
	refresh        = time.Second            // how long a watch may be silent before the record is read
	poll           = 300 * time.Millisecond // between reads for those who may not watch
	tries          = 5                      // of a write that others come before
)

// Try has the API server check the request without keeping it.
func (d Desk) Try(ctx context.Context, p Plan) error {
	_, err := d.hand(ctx, p, metav1.DryRunAll)
	return err
}

// Ask hands in what p plans and follows it until it has come about, was refused, or
// ctx ends. Nobody's answer by then means that the request is taken back.
func (d Desk) Ask(ctx context.Context, p Plan) error {
	m, err := d.hand(ctx, p, "")
	if err != nil {
		return err
	}
	f := Follow(p, time.Now())
	done, err := d.follow(ctx, f, m)
	switch {
	case done || err != nil:
		return err
	case f.Granted():
		return late(ctx, p.underWay())
	}
	return d.withdraw(ctx, f)
}

// underWay is the end of a wait for what the leader has granted.
func (p Plan) underWay() error {
	return fmt.Errorf("%s was granted and goes on, but has not come about yet: see %s", p.Text, p.Release.Command("status"))
}

// late marks err as one of time, if it is time that ended ctx.
func late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.TimedOut(err)
	}
	return err
}

// hand writes the annotation, over the very version that was planned on or one that
// does not differ in what matters.
func (d Desk) hand(ctx context.Context, p Plan, dry string) (*corev1.ConfigMap, error) {
	switch {
	case !p.state.exists && p.unread != "":
		return nil, fmt.Errorf("nothing was asked: a request is an annotation of the record, which could not be read: %s", p.unread)
	case !p.state.exists:
		return d.create(ctx, p, dry)
	}
	version := p.state.version
	for try := 1; ; try++ {
		m, err := d.patch(ctx, p, version, p.Text, dry)
		if err == nil || !apierrors.IsConflict(err) || try == tries {
			return m, problem.Explain(err, d.act(p, "patch"), d.Host)
		}
		if m, err = d.get(ctx, p); err != nil {
			return nil, err
		}
		s := stateOf(m)
		if why := s.changed(p.state); why != "" {
			return nil, fmt.Errorf("nothing was asked: the cluster has changed since the plan was shown, %s; look at it again", why)
		}
		version = s.version
	}
}

// create makes an empty ConfigMap that carries the request: only adopt asks so.
func (d Desk) create(ctx context.Context, p Plan, dry string) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	o := metav1.CreateOptions{}
	if dry != "" {
		o.DryRun = []string{dry}
	}
	m, err := d.API.CoreV1().ConfigMaps(p.Release.Namespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: p.Release.Record, Annotations: map[string]string{kube.RequestAnnotation: p.Text}},
	}, o)
	act := d.act(p, "create")
	act.Name = ""
	return m, problem.Explain(err, act, d.Host)
}

// patch sets the annotation at a version of the ConfigMap, or takes it away if text
// is empty. An older answer goes, so that the next one is to this request.
func (d Desk) patch(ctx context.Context, p Plan, version, text, dry string) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	notes := map[string]any{kube.RequestAnnotation: nil}
	if text != "" {
		notes = map[string]any{kube.RequestAnnotation: text, kube.AnswerAnnotation: nil}
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": version, "annotations": notes}})
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	o := metav1.PatchOptions{}
	if dry != "" {
		o.DryRun = []string{dry}
	}
	return d.API.CoreV1().ConfigMaps(p.Release.Namespace).Patch(ctx, p.Release.Record, types.MergePatchType, body, o)
}

// get reads the ConfigMap, nil if there is none.
func (d Desk) get(ctx context.Context, p Plan) (*corev1.ConfigMap, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := d.API.CoreV1().ConfigMaps(p.Release.Namespace).Get(ctx, p.Release.Record, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, problem.Explain(err, d.act(p, "get"), d.Host)
	}
	return m, nil
}

func (d Desk) act(p Plan, verb string) problem.Act {
	return problem.Act{Verb: verb, Resource: "configmaps", Name: p.Release.Record, Namespace: p.Release.Namespace}
}

// withdraw takes a request back that nobody has answered. If somebody has, in the
// last moment, that is what it tells.
func (d Desk) withdraw(ctx context.Context, f *Progress) error {
	p := f.plan
	free := context.WithoutCancel(ctx)
	for range tries {
		m, err := d.get(free, p)
		if err != nil {
			return late(ctx, fmt.Errorf("nobody has answered, and whether the request still waits is not known: %w", err))
		}
		if m == nil || m.Annotations[kube.RequestAnnotation] != p.Text {
			news, done, err := f.See(m, time.Now())
			d.say(news)
			if done || err != nil {
				return err
			}
			return late(ctx, p.underWay())
		}
		_, err = d.patch(free, p, m.ResourceVersion, "", "")
		if err == nil {
			return late(ctx, fmt.Errorf("nobody has answered, so the request was taken back: %s says who leads, %s what controllers do", p.Release.Command("status"), p.Release.Command("logs --all")))
		}
		if !apierrors.IsConflict(err) {
			return late(ctx, fmt.Errorf("nobody has answered, and the request could not be taken back: %w", problem.Explain(err, d.act(p, "patch"), d.Host)))
		}
	}
	return late(ctx, fmt.Errorf("nobody has answered, and the request could not be taken back: others wrote the record %d times meanwhile", tries))
}

func (d Desk) say(news []string) {
	for _, line := range news {
		d.Say(line)
	}
}

// only selects the record's ConfigMap.
func only(p Plan) string {
	return fields.OneTermEqualSelector(metav1.ObjectNameField, p.Release.Record).String()
}
