package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"memgraph-controller/internal/cluster"
)

// The annotations of the record's ConfigMap by which a human asks for something.
// The API server authenticates, authorises and audits whoever writes the first;
// the leader takes it away when it has been answered, and writes the second.
const (
	RequestAnnotation = "memgraph-controller/request"
	AnswerAnnotation  = "memgraph-controller/answer"
)

// Requests hands what humans ask for to the leader and writes its answers. What is
// granted is granted once: the write of the record that grants it also takes the
// request away, so that the next leader finds both or neither. A refusal is at least
// once: a leader that dies before its answer leaves the request to the next. The
// same words written again after an answer are another request.
type Requests struct {
	c      *Cluster
	submit func(cluster.Request) error
	wake   chan struct{}

	mu      sync.Mutex
	version string    // the newest seen of the ConfigMap
	asked   string    // as the ConfigMap has it; "" if nothing is
	given   string    // the one that was handed over and is not answered yet
	term    time.Time // when the term began that it was handed over to
	answers []answer
	carries carried // of the ConfigMap as the loop last read or wrote it
	said    string  // the request whose answer went with the record, until Answer is told of it
}

// carried is what the ConfigMap carries beside the record's own truth at a version.
type carried struct{ version, request, granted string }

type answer struct{ request, text string }

// NewRequests returns requests for submit, which must not block and whose error
// says that this replica does not lead or is busy: then the request waits.
func NewRequests(c *Cluster, submit func(cluster.Request) error) *Requests {
	return &Requests{c: c, submit: submit, wake: make(chan struct{}, 1)}
}

// see takes over what the ConfigMap carries. The watch may bring versions that are
// older than what the loop has read or written.
func (r *Requests) see(m *corev1.ConfigMap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if older(m.ResourceVersion, r.version) {
		return
	}
	r.version, r.asked = m.ResourceVersion, m.Annotations[RequestAnnotation]
	if r.asked == "" {
		r.given = ""
	}
}

// carried notes what the ConfigMap carries as the loop reads or writes it. It may be
// called on nil: then nobody asks for anything.
func (r *Requests) carried(m *corev1.ConfigMap) {
	if r == nil {
		return
	}
	r.see(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.carries = carried{m.ResourceVersion, m.Annotations[RequestAnnotation], m.Data[cluster.RequestKey]}
}

// grants reports whether a write over version prev is the one that grants the
// request that the ConfigMap carries at that version.
func (r *Requests) grants(prev string, a cluster.Accepted) bool {
	if r == nil || prev == "" || a.ID == "" {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.carries.version == prev && r.carries.request == a.ID && r.carries.granted != a.String()
}

// granted notes that a request was taken away and answered with the record.
func (r *Requests) granted(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = id
}

// older reports whether resourceVersion a is from before b.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// Offer hands a request over that waits to the leader whose term began then. It does
// not block. What an earlier term was given and has not answered is given again.
func (r *Requests) Offer(term time.Time) {
	r.mu.Lock()
	asked := r.asked
	fresh := asked != "" && (asked != r.given || !term.Equal(r.term)) &&
		!slices.ContainsFunc(r.answers, func(a answer) bool { return a.request == asked })
	r.mu.Unlock()
	if !fresh {
		return
	}
	q, err := cluster.ParseRequest(asked)
	if err == nil && r.submit(q) != nil {
		return // offered again with the next snapshot
	}
	r.mu.Lock()
	r.given, r.term = asked, term
	if r.said == asked {
		r.said = "" // this is another one, in the same words
	}
	r.mu.Unlock()
	if err != nil {
		r.Answer(asked, err.Error())
	}
}

// Answer says what became of a request. It does not block.
func (r *Requests) Answer(id, why string) {
	r.mu.Lock()
	done := r.said == id
	if done {
		r.said = ""
	} else {
		r.answers = append(r.answers, answer{id, why})
	}
	r.mu.Unlock()
	if done {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes answers until ctx ends. One that cannot be written is tried again.
func (r *Requests) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		for wait := firstRetry; ; {
			a, ok := r.first()
			if !ok {
				break
			}
			err := r.write(ctx, a)
			if err == nil || apierrors.IsNotFound(err) { // the ConfigMap is gone, and the request with it
				r.written()
				wait = firstRetry
				continue
			}
			r.c.outage.tell(r.c, err)
			if !pause(ctx, wait) {
				return
			}
			if !unanswered(err) && !apierrors.IsConflict(err) {
				wait = min(2*wait, lastRetry)
			}
		}
	}
}

// first returns the answer that is to be written next.
func (r *Requests) first() (answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) == 0 {
		return answer{}, false
	}
	return r.answers[0], true
}

// written forgets the first answer.
func (r *Requests) written() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = r.answers[1:]
}

// said is how an answer is written.
func said(request, text string) string {
	return fmt.Sprintf("%s %s: %s", time.Now().UTC().Format(time.RFC3339), clip(request), clip(text))
}

// write takes the request away and leaves its answer, unless something else is
// asked for by now.
func (r *Requests) write(ctx context.Context, a answer) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	client := r.c.api.CoreV1().ConfigMaps(r.c.Namespace)
	m, err := client.Get(ctx, r.c.Record, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("answer the request %q: %w", a.request, err)
	}
	notes := map[string]any{AnswerAnnotation: said(a.request, a.text)}
	if m.Annotations[RequestAnnotation] == a.request {
		notes[RequestAnnotation] = nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": m.ResourceVersion, "annotations": notes}})
	if err != nil {
		return fmt.Errorf("answer the request %q: %w", a.request, err)
	}
	if _, err = client.Patch(ctx, r.c.Record, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("answer the request %q: %w", a.request, err)
	}
	return nil
}
