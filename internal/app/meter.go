package app

import (
	"sync/atomic"
	"time"

	"memgraph-controller/internal/controller"
)

// Passes counts what the loop of this replica did while it led.
type Passes struct {
	Total, Failed uint64
	Last          time.Time     // when the last one ended; zero: there was none
	Took          time.Duration // the last one
	Err           error         // why the last one could not read or write the record
}

// meter counts passes and notes how reigns came about, beside another Meter, which is
// told of all.
type meter struct {
	controller.Meter
	passes  atomic.Pointer[Passes]
	journal *journal
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
	m.Meter.Passed(took, err)
}

// Turned implements controller.Meter.
func (m *meter) Turned(t controller.Turn) {
	m.journal.turned(t)
	m.Meter.Turned(t)
}
