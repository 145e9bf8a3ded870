package app

import (
	"sync/atomic"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Passes counts what the loop of this replica did while it led.
type Passes struct {
	Total, Failed uint64
	Last          time.Time     // when the last one ended; zero: there was none
	Took          time.Duration // the last one
	Err           error         // why the last one could not read or write the record
}

// meter counts passes and notes the causes of reigns, then tells another Meter.
type meter struct {
	passes  atomic.Pointer[Passes]
	journal *journal
	next    controller.Meter // nil: nobody else counts
}

// counted returns the passes so far.
func (m *meter) counted() Passes {
	if p := m.passes.Load(); p != nil {
		return *p
	}
	return Passes{}
}

// Passed implements controller.Meter.
func (m *meter) Passed(took time.Duration, err error) {
	p := m.counted() // terms follow each other, so one goroutine writes
	p.Total++
	if err != nil {
		p.Failed++
	}
	p.Last, p.Took, p.Err = time.Now(), took, err
	m.passes.Store(&p)
	if m.next != nil {
		m.next.Passed(took, err)
	}
}

// Recorded implements controller.Meter.
func (m *meter) Recorded() {
	if m.next != nil {
		m.next.Recorded()
	}
}

// Stepped implements controller.Meter.
func (m *meter) Stepped(k cluster.Kind, f cluster.Failure, took time.Duration) {
	if m.next != nil {
		m.next.Stepped(k, f, took)
	}
}

// Turned implements controller.Meter.
func (m *meter) Turned(t controller.Turn) {
	m.journal.turned(t)
	if m.next != nil {
		m.next.Turned(t)
	}
}
