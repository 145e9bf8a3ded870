package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// unanswered reports whether err says that the API server was not reached, did not
// answer, or had no time: asking the same again makes sense.
func unanswered(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	// It is behind what was seen elsewhere: the same question would be refused again.
	if apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusInternalServerError || code == http.StatusTooManyRequests
}

// refusal reports whether err says that this controller may not.
func refusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// repeat is how often an outage or a refusal that goes on is told of.
const repeat = 5 * time.Minute

// outage tells of an API server that does not answer or refuses, once per kind of
// trouble and then rarely.
type outage struct {
	mu    sync.Mutex
	last  map[string]time.Time
	began time.Time // of an outage that was told of and is not over; zero: none
}

// silence is the kind of trouble that an unreachable API server is.
const silence = "silence"

func (o *outage) tell(c *Cluster, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsConflict(err) {
		return // ordinary answers
	}
	kind := err.Error()
	if unanswered(err) {
		kind = silence
	} else if _, right, ok := strings.Cut(kind, " cannot "); ok && refusal(err) {
		kind = right // the same right may be missing for many objects
	}
	o.mu.Lock()
	told, ok := o.last[kind]
	news := !ok || time.Since(told) > repeat
	if news {
		if o.last == nil {
			o.last = map[string]time.Time{}
		}
		o.last[kind] = time.Now()
		if kind == silence && o.began.IsZero() {
			o.began = time.Now()
		}
	}
	o.mu.Unlock()
	switch {
	case !news:
	case kind == silence:
		c.Log.Warn("API server does not answer; what it last said holds meanwhile", "err", err)
	default:
		c.Log.Error("API server refuses", "err", Explain(err))
	}
}

// over tells that an outage that was told of has ended.
func (o *outage) over(c *Cluster) {
	o.mu.Lock()
	began := o.began
	o.began = time.Time{}
	o.mu.Unlock()
	if !began.IsZero() {
		c.Log.Info("API server answers again", "took", time.Since(began).Round(time.Millisecond))
	}
}

// Explain adds the next step to an error of the API server that has one.
func Explain(err error) error {
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w; the Role of this controller lacks it: see `kubectl describe role`, the chart grants all that is needed", err)
	}
	return err
}

// pause waits for d and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
