package api

import (
	"slices"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
)

// History is the answer of /api/v1/history.
type History struct {
	Identity string  `json:"identity"` // the replica whose memory the steps are of
	Reigns   []Reign `json:"reigns"`   // as the record has them, the newest first
}

// Reign is the time one node was MAIN under one epoch. How it came about is known
// where this replica has seen it.
type Reign struct {
	Epoch  uint64    `json:"epoch"`
	Main   string    `json:"main"`
	Began  time.Time `json:"began"` // when it was recorded
	Ended  time.Time `json:"ended,omitzero"`
	Lasted float64   `json:"lastedSeconds,omitempty"`
	Reason string    `json:"reason"`
	Lost   bool      `json:"lost"` // it ended because its MAIN failed
	Cause  string    `json:"cause,omitempty"`
	Took   float64   `json:"tookSeconds,omitempty"`
	// Noticed is how long it took before that to notice that MAIN was lost; absent if it was
	// not, or this replica did not lead.
	Noticed float64 `json:"noticedSeconds,omitempty"`
	Parts   []Part  `json:"parts,omitempty"` // what the time was spent on, where this replica led
	Steps   []Step  `json:"steps,omitempty"` // the oldest first
}

// Part is what some of the time on the way to a reign was spent on.
type Part struct {
	Name string  `json:"name"` // a kind of step, or record, inform, look, wait
	Took float64 `json:"tookSeconds"`
}

// Step is one thing on the way to a reign.
type Step struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind"` // stage or step
	What   string    `json:"what"`
	Why    string    `json:"why,omitempty"`
	Failed bool      `json:"failed,omitempty"`
	After  float64   `json:"afterSeconds"` // since the first
	Took   float64   `json:"tookSeconds,omitempty"`
}

// historyOf shows the reigns of the record, with what is remembered of them.
func historyOf(v app.Status, t cluster.Topology) History {
	h := History{Identity: v.Identity, Reigns: []Reign{}}
	if v.Record == nil {
		return h
	}
	var next time.Time
	for _, r := range slices.Backward(v.Record.History) {
		shown := Reign{Epoch: uint64(r.Epoch), Main: t.Name(r.Main), Began: r.Began, Reason: r.Reason, Lost: r.Lost}
		if next.After(r.Began) { // clocks of two leaders may differ
			shown.Ended, shown.Lasted = next, next.Sub(r.Began).Seconds()
		}
		for _, c := range v.Comings {
			if c.Epoch == r.Epoch {
				shown = shown.came(c)
			}
		}
		h.Reigns = append(h.Reigns, shown)
		next = r.Began
	}
	return h
}

// came returns r with how it came about.
func (r Reign) came(c app.Coming) Reign {
	if c.Turn.Cause != 0 {
		r.Cause, r.Noticed = c.Turn.Cause.String(), c.Turn.Noticed.Seconds()
	}
	for _, p := range c.Turn.Parts {
		r.Parts = append(r.Parts, Part{Name: p.Name, Took: p.Took.Seconds()})
	}
	for _, m := range c.Moments {
		s := Step{At: m.At, Kind: "stage", What: m.What, Why: m.Why, Failed: m.Failed, Took: m.Took.Seconds()}
		if m.Step {
			s.Kind = "step"
		}
		s.After = m.At.Sub(c.Moments[0].At).Seconds()
		r.Steps = append(r.Steps, s)
	}
	if c.Served && len(r.Steps) > 1 {
		r.Took = r.Steps[len(r.Steps)-1].After
	}
	return r
}
