package metrics

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

// Options is what Metrics are made of. All fields are required.
type Options struct {
	Status   func() app.Status // of the replica; it must not wait. Not called before the first scrape
	Topology cluster.Topology
	Policy   cluster.Policy
	Log      *slog.Logger
}

// Metrics are those of one replica. They are the Meter of its loop.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	scraped  scrape

	passes, passesGood, passesBad, writes, moved prometheus.Counter
	passTime, holdTime                           prometheus.Observer
	errors, steps, turns                         *prometheus.CounterVec
	errorTime                                    *prometheus.GaugeVec
	answerTime                                   *prometheus.HistogramVec
	stepTime, turnTime, partTime, noticed        *prometheus.HistogramVec
	decisions                                    *prometheus.CounterVec
	probeTime                                    *prometheus.HistogramVec
	unprotected                                  prometheus.Counter

	requests      *prometheus.CounterVec
	requestTime   *prometheus.HistogramVec
	throttledTime prometheus.Counter
}

// The types of errors.
const (
	conflictError = "record_conflict"
	recordError   = "record"
	stepError     = "step"
)

// New returns the metrics of a replica that has done nothing yet.
func New(o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), log: o.Log, scraped: scrape{o}}
	m.passes, m.passesGood, m.passesBad = m.counter(passes), m.counter(passesGood), m.counter(passesBad)
	m.writes, m.moved, m.throttledTime = m.counter(recordWrites), m.counter(mainChanges), m.counter(apiThrottled)
	m.passTime, m.holdTime = m.histogram(passTime), m.histogram(holdTime)
	m.errors, m.steps, m.turns, m.requests = errorCount.counters(), steps.counters(), promotions.counters(), apiRequests.counters()
	m.errorTime = errorTime.gauges()
	m.stepTime, m.turnTime, m.requestTime = stepTime.histograms(), promotionTime.histograms(), apiTime.histograms()
	m.answerTime, m.probeTime = answerTime.histograms(), probeTime.histograms()
	m.partTime, m.noticed, m.decisions = promotionPart.histograms(), detectionDelay.histograms(), decisions.counters()
	m.unprotected = m.counter(unprotected)
	m.registry.MustRegister(
		m.errors, m.steps, m.turns, m.requests, m.errorTime, m.answerTime, m.stepTime, m.turnTime, m.requestTime,
		m.partTime, m.noticed, m.decisions, m.probeTime,
	)
	m.begin(o.Topology)
	m.registry.MustRegister(
		m.scraped, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// begin has the counters begin at zero that one may wait for.
func (m *Metrics) begin(nodes cluster.Topology) {
	// A counter that appears with its first event hides it from rate().
	for _, what := range []string{conflictError, recordError, stepError} {
		m.errors.WithLabelValues(what)
	}
	for k := cluster.Promote; k <= cluster.Restart; k++ {
		m.steps.WithLabelValues(k.String(), done)
	}
	for _, n := range nodes {
		m.probeTime.WithLabelValues(n.Name)
		m.answerTime.WithLabelValues(n.Name, gateway.ReadWrite.String())
		m.answerTime.WithLabelValues(n.Name, gateway.ReadOnly.String())
	}
	for _, c := range controller.Causes() {
		m.turns.WithLabelValues(c.String())
		if c != controller.Resumed { // nobody knows how long that took
			m.turnTime.WithLabelValues(c.String())
		}
	}
	for _, r := range cluster.Rules() {
		m.decisions.WithLabelValues(r.String(), controller.ToRecord.String())
	}
	for _, part := range controller.Parts() {
		m.partTime.WithLabelValues(controller.Failover.String(), part)
		m.partTime.WithLabelValues(controller.Switchover.String(), part)
	}
	for _, c := range []controller.Cause{controller.Failover, controller.Restart} {
		m.noticed.WithLabelValues(c.String())
	}
}

// counter registers the one counter of a family without labels.
func (m *Metrics) counter(f *family) prometheus.Counter {
	v := f.counters()
	m.registry.MustRegister(v)
	return v.WithLabelValues()
}

func (m *Metrics) histogram(f *family) prometheus.Observer {
	v := f.histograms()
	m.registry.MustRegister(v)
	return v.WithLabelValues()
}

// atOnce is how many scrapes are answered at a time.
const atOnce = 4

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.log.Handler(), slog.LevelError),
		MaxRequestsInFlight: atOnce,
		DisableCompression:  true, // a few kilobytes are not worth a compressor's memory
	})
}

// Passed counts a pass of the loop.
func (m *Metrics) Passed(took time.Duration, err error) {
	m.passes.Inc()
	m.passTime.Observe(took.Seconds())
	switch {
	case err == nil:
		m.passesGood.Inc()
		return
	case errors.Is(err, cluster.ErrConflict):
		m.failed(conflictError)
	default:
		m.failed(recordError)
	}
	m.passesBad.Inc()
}

// Recorded counts a record written.
func (m *Metrics) Recorded() { m.writes.Inc() }

// done is the result of a step that did not fail.
const done = "done"

// Stepped counts a step tried.
func (m *Metrics) Stepped(k cluster.Kind, f cluster.Failure, took time.Duration) {
	result := done
	if f != 0 {
		result = f.String()
		m.failed(stepError)
	}
	m.steps.WithLabelValues(k.String(), result).Inc()
	m.stepTime.WithLabelValues(k.String()).Observe(took.Seconds())
}

// Turned counts a new reign.
func (m *Metrics) Turned(t controller.Turn) {
	m.turns.WithLabelValues(t.Cause.String()).Inc()
	if t.Moved {
		m.moved.Inc()
	}
	if t.Took > 0 {
		m.turnTime.WithLabelValues(t.Cause.String()).Observe(t.Took.Seconds())
	}
	for _, p := range t.Parts {
		m.partTime.WithLabelValues(t.Cause.String(), p.Name).Observe(p.Took.Seconds())
	}
	if t.Noticed > 0 {
		m.noticed.WithLabelValues(t.Cause.String()).Observe(t.Noticed.Seconds())
	}
}

// Decided counts a decision.
func (m *Metrics) Decided(r cluster.Rule, o controller.Outcome) {
	m.decisions.WithLabelValues(r.String(), o.String()).Inc()
}

// Looked counts a look that was answered.
func (m *Metrics) Looked(n cluster.Ordinal, took time.Duration) {
	m.probeTime.WithLabelValues(m.scraped.Topology.Name(n)).Observe(took.Seconds())
}

// Unprotected counts time in which writes were on one node only.
func (m *Metrics) Unprotected(d time.Duration) { m.unprotected.Add(d.Seconds()) }

// Held counts a hold that has ended.
func (m *Metrics) Held(d time.Duration) { m.holdTime.Observe(d.Seconds()) }

// Answered counts how long a node took for its first answer to something.
func (m *Metrics) Answered(server string, door gateway.Door, took time.Duration) {
	m.answerTime.WithLabelValues(m.scraped.nodeAt(server), door.String()).Observe(took.Seconds())
}

func (m *Metrics) failed(what string) {
	m.errors.WithLabelValues(what).Inc()
	m.errorTime.WithLabelValues(what).SetToCurrentTime()
}
