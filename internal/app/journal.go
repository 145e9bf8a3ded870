package app

import (
	"slices"
	"strings"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Moment is one thing on the way to a reign: a stage that was recorded, or a step
// that was tried.
type Moment struct {
	At     time.Time     // when it was recorded or begun, by the leader's clock
	What   string        // the stage, or the step as cluster.Step writes it
	Why    string        // as the record or the leader said
	Step   bool          // it is a step
	Failed bool          // the step failed
	Took   time.Duration // of a step
}

// Coming is how a reign came about, as far as this replica saw it. It begins with
// what ended the reign before, or had new work held so that it could end.
type Coming struct {
	Epoch   cluster.Epoch
	Moments []Moment        // by time
	Served  bool            // it has come to serve; what came later is not kept
	Turn    controller.Turn // zero unless this replica led when it began to serve
}

// comings is how many a replica remembers: as many as the record has reigns.
const comings = 20

// journal remembers how reigns came about. Every replica hears of the stages by its
// watch of the record; the steps only the leader knows. The zero value is empty.
type journal struct {
	mu    sync.Mutex
	list  []Coming      // by epoch; the moments of one are never changed in place
	known cluster.Epoch // of the newest record
	main  cluster.Ordinal
}

// comings returns what is remembered, oldest first. Nobody may change it.
func (j *journal) comings() []Coming {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.list)
}

// recorded takes in a record. It may come twice, and late.
func (j *journal) recorded(r cluster.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Epoch >= j.known {
		j.known, j.main = r.Epoch, r.Main
	}
	m := Moment{At: r.LastUpdated, What: r.Stage.String(), Why: r.Reason}
	switch {
	case r.Stage == cluster.Promoting:
		if h := r.History; len(h) > 0 {
			m.Why = h[len(h)-1].Reason
		}
		j.add(j.at(r.Epoch, true), m)
	case r.Stage == cluster.Demoting, r.Stage == cluster.Quiescing && r.Target != cluster.NoNode:
		j.add(j.at(r.Epoch+1, true), m)
	case r.Stage == cluster.Serving:
		j.serves(r, m)
	}
}

// serves ends the coming of the reign of r; a handover that had begun is off.
func (j *journal) serves(r cluster.Record, m Moment) {
	if c := j.at(r.Epoch, false); c != nil && !c.Served {
		j.add(c, m)
		c.Served = true
		c.Moments = slices.DeleteFunc(slices.Clone(c.Moments), func(o Moment) bool { return o.At.After(m.At) })
	}
	if c := j.at(r.Epoch+1, false); c != nil && !c.Served && c.Moments[0].At.Before(r.LastUpdated) {
		j.list = slices.DeleteFunc(j.list, func(o Coming) bool { return o.Epoch == r.Epoch+1 })
	}
}

// told takes in what the loop of this replica tells.
func (j *journal) told(v controller.News) {
	if v.Record != nil {
		j.recorded(*v.Record)
	}
	if v.Step.Kind == cluster.NoStep {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s := v.Step
	of := s.Epoch
	if s.Kind == cluster.Demote && s.Node == j.main && s.Epoch == j.known {
		of++ // it ends this reign
	}
	c := j.at(of, of > j.known)
	if c == nil || c.Served {
		return
	}
	j.add(c, Moment{At: time.Now().Add(-v.Took), What: s.String(), Why: strings.TrimPrefix(v.Message, s.String()+": "), Step: true, Failed: v.Warning, Took: v.Took})
}

// turned takes in why the reign that serves now has begun.
func (j *journal) turned(t controller.Turn) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if c := j.at(j.known, false); c != nil {
		c.Turn = t
	}
}

// at returns the coming of a reign, a new one if it is to be made. j.mu is held; it
// is good until the next call.
func (j *journal) at(e cluster.Epoch, made bool) *Coming {
	i, found := slices.BinarySearchFunc(j.list, e, func(c Coming, e cluster.Epoch) int {
		return int(c.Epoch) - int(e)
	})
	switch {
	case found:
		return &j.list[i]
	case !made:
		return nil
	}
	j.list = slices.Insert(j.list, i, Coming{Epoch: e})
	if over := len(j.list) - comings; over > 0 {
		j.list = slices.Delete(j.list, 0, over)
		i -= over
	}
	if i < 0 {
		return nil
	}
	return &j.list[i]
}

// add puts a moment where it belongs in time. A stage counts from when it was
// first recorded.
func (j *journal) add(c *Coming, m Moment) {
	if c == nil || c.Served || !m.Step && slices.ContainsFunc(c.Moments, func(o Moment) bool { return !o.Step && o.What == m.What }) {
		return
	}
	i := len(c.Moments)
	for i > 0 && c.Moments[i-1].At.After(m.At) {
		i--
	}
	c.Moments = slices.Insert(slices.Clone(c.Moments), i, m)
}
