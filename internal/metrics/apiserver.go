package metrics

import (
	"context"
	"net/url"
	"time"

	clientgo "k8s.io/client-go/tools/metrics"
)

// CountRequests counts every request that client-go makes from now on in this
// process. client-go has one place for this: only the first call has an effect.
func (m *Metrics) CountRequests() {
	clientgo.Register(clientgo.RegisterOpts{RequestResult: m, RequestLatency: latency{m}, RateLimiterLatency: throttle{m}})
}

// Increment implements client-go's ResultMetric.
func (m *Metrics) Increment(_ context.Context, code, verb, _ string) {
	m.requests.WithLabelValues(verb, code).Inc()
}

// latency implements client-go's LatencyMetric for answers.
type latency struct{ m *Metrics }

func (l latency) Observe(_ context.Context, verb string, _ url.URL, took time.Duration) {
	l.m.requestTime.WithLabelValues(verb).Observe(took.Seconds())
}

// throttle implements client-go's LatencyMetric for its own limit.
type throttle struct{ m *Metrics }

func (t throttle) Observe(_ context.Context, _ string, _ url.URL, waited time.Duration) {
	t.m.throttledTime.Add(waited.Seconds())
}
