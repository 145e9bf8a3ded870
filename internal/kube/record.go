package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"memgraph-controller/internal/cluster"
)

// Records keeps the record in a ConfigMap. It belongs to nobody: no owner
// reference, so that deleting a release leaves it behind, and deleting it does no
// more than begin a new bootstrap.
type Records struct {
	c        *Cluster
	requests *Requests // told what the ConfigMap carries beside the record; nil: nobody is
}

// Records returns where the record of c is kept, and where requests are found.
func (c *Cluster) Records(requests *Requests) Records { return Records{c, requests} }

// decode reads the record of a ConfigMap, nil if it has no data at all: then it is
// as good as absent, and may carry a human's request.
func decode(m *corev1.ConfigMap) (*cluster.Record, error) {
	if len(m.Data) == 0 {
		return nil, nil
	}
	rec, err := cluster.Decode(m.Data)
	if err != nil {
		return nil, fmt.Errorf("ConfigMap %s/%s: %w", m.Namespace, m.Name, err)
	}
	return &rec, nil
}

// Load asks the API server, not a cache, for the record and its resourceVersion.
func (r Records) Load(ctx context.Context) (*cluster.Record, string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := r.c.api.CoreV1().ConfigMaps(r.c.Namespace).Get(ctx, r.c.Record, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", Explain(err)
	}
	rec, err := decode(m)
	if err != nil {
		return nil, "", err
	}
	r.requests.carried(m)
	return rec, m.ResourceVersion, nil
}

// Swap creates the ConfigMap, or changes our keys in it if its resourceVersion is
// still prev. Keys, labels and annotations of others are left as they are. A request
// that next grants is taken away, and answered, in the same write.
func (r Records) Swap(ctx context.Context, prev string, next cluster.Record) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client := r.c.api.CoreV1().ConfigMaps(r.c.Namespace)
	var m *corev1.ConfigMap
	var err error
	granted := r.requests.grants(prev, next.Request)
	if prev == "" {
		m, err = client.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: r.c.Record, Labels: map[string]string{"app.kubernetes.io/managed-by": "memgraph-controller"}},
			Data:       next.Encode(),
		}, metav1.CreateOptions{})
	} else {
		var patch []byte
		if patch, err = change(prev, next, granted); err != nil {
			return "", err
		}
		m, err = client.Patch(ctx, r.c.Record, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), prev != "" && apierrors.IsNotFound(err):
		return "", fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	case err != nil:
		return "", Explain(err)
	}
	r.requests.carried(m)
	if granted {
		r.requests.granted(next.Request.ID)
	}
	return m.ResourceVersion, nil
}

// change is the merge patch that makes next of the ConfigMap at version prev, and
// takes the request away that is granted with it.
func change(prev string, next cluster.Record, granted bool) ([]byte, error) {
	data := map[string]any{}
	for _, key := range cluster.Keys() {
		data[key] = nil // taken out unless it is set below
	}
	encoded := next.Encode()
	maps.DeleteFunc(encoded, func(key, _ string) bool { _, foreign := next.Foreign[key]; return foreign })
	for key, value := range encoded {
		data[key] = value
	}
	meta := map[string]any{"resourceVersion": prev}
	if granted {
		meta["annotations"] = map[string]any{RequestAnnotation: nil, AnswerAnnotation: said(next.Request.ID, next.Request.Answer)}
	}
	patch, err := json.Marshal(map[string]any{"metadata": meta, "data": data})
	if err != nil {
		return nil, fmt.Errorf("encode the record: %w", err)
	}
	return patch, nil
}

// Watch calls seen with the record as it is and after every change, until ctx
// ends: nil if there is none. While the API server is away it says nothing: the
// last word holds (P9). A record that cannot be read is told of in the log, once,
// and passed over.
func (r Records) Watch(ctx context.Context, seen func(rec *cluster.Record, uid string)) {
	told, complaint := false, ""
	say := func(m *corev1.ConfigMap) {
		told = true
		uid := string(m.UID)
		r.c.uid.Store(&uid)
		if r.requests != nil {
			r.requests.see(m)
		}
		rec, err := decode(m)
		if err == nil {
			complaint = ""
			seen(rec, uid)
		} else if err.Error() != complaint {
			complaint = err.Error()
			r.c.Log.Error("record cannot be read; the last one that could holds", "err", err)
		}
	}
	byName := fields.OneTermEqualSelector(metav1.ObjectNameField, r.c.Record)
	newMirror[*corev1.ConfigMap](r.c, r.c.api.CoreV1().ConfigMaps(r.c.Namespace), byName, nil).run(ctx, func(m *corev1.ConfigMap, gone bool) {
		switch {
		case m.Name != r.c.Record:
		case gone:
			say(&corev1.ConfigMap{})
		default:
			say(m)
		}
	}, func() {
		if !told {
			seen(nil, "")
		}
	})
}
