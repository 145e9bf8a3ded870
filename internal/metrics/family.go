package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// family is one metric by name: what is exported, and what docs/metrics.md says.
type family struct {
	name, help string
	labels     []string
	kind       string // gauge, counter or histogram
	buckets    []float64
	desc       *prometheus.Desc
}

func gauge(name, help string, labels ...string) *family {
	return newFamily("gauge", name, help, labels)
}

func counter(name, help string, labels ...string) *family {
	return newFamily("counter", name, help, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *family {
	f := newFamily("histogram", name, help, labels)
	f.buckets = buckets
	return f
}

func newFamily(kind, name, help string, labels []string) *family {
	return &family{kind: kind, name: name, help: help, labels: labels, desc: prometheus.NewDesc(name, help, labels, nil)}
}

// is returns the value of a gauge or counter that is computed at the scrape.
func (f *family) is(value float64, labels ...string) prometheus.Metric {
	kind := prometheus.GaugeValue
	if f.kind == "counter" {
		kind = prometheus.CounterValue
	}
	return prometheus.MustNewConstMetric(f.desc, kind, value, labels...)
}

func (f *family) counters() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.name, Help: f.help}, f.labels)
}

func (f *family) gauges() *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.name, Help: f.help}, f.labels)
}

func (f *family) histograms() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.name, Help: f.help, Buckets: f.buckets}, f.labels)
}

// group is a chapter of the metrics.
type group struct {
	title, about string
	families     []*family
}

// computed returns the families whose values are computed at the scrape.
func computed() []*family {
	return slices.Concat(replicaFamilies, recordFamilies, clusterFamilies, nodeFamilies, gatewayFamilies)
}

// groups are the chapters of docs/metrics.md. They name every family.
func groups() []group {
	return []group{
		{
			"The replica", "Every controller replica has these, about itself.",
			slices.Concat(replicaFamilies, loopFamilies, apiFamilies),
		},
		{
			"The record", "The durable record as this replica's watch last had it. Every replica has these, and all say the same " +
				"unless one has lost the API server: take the `max`, not the `sum`. Absent while there is no record.",
			recordFamilies,
		},
		{
			"The cluster", "Only the replica that leads has these gauges: `sum` over all replicas is the leader's value, and nothing " +
				"while nobody leads. Counters are of what this replica did as the leader; `sum` them.",
			slices.Concat(clusterFamilies, turnFamilies),
		},
		{
			"The nodes", "Only the replica that leads has these: Memgraph's nodes as it sees them. Label `node` is the node's name.",
			slices.Concat(nodeFamilies, probeFamilies),
		},
		{
			"The gateway", "Every replica has these, about its own two doors.",
			slices.Concat(gatewayFamilies, doorFamilies),
		},
	}
}
