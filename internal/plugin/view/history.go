package view

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"memgraph-controller/internal/cluster"
)

// Reign is one line of the record's history.
type Reign struct {
	Epoch  uint64    `json:"epoch"`
	Main   string    `json:"main"`
	Began  time.Time `json:"began"`
	Ended  time.Time `json:"ended,omitzero"` // zero: it goes on
	Reason string    `json:"reason"`
	Lost   bool      `json:"lost,omitempty"` // it ended because its MAIN failed
}

// reigns shows the record's history, oldest first. A reign ends when the next begins.
func reigns(history []cluster.Reign, r Release) []Reign {
	shown := make([]Reign, 0, len(history))
	for i, h := range history {
		reign := Reign{Epoch: uint64(h.Epoch), Main: r.NodeName(h.Main), Began: h.Began, Reason: h.Reason, Lost: h.Lost}
		if i+1 < len(history) {
			reign.Ended = history[i+1].Began
		}
		shown = append(shown, reign)
	}
	return shown
}

// WriteHistory writes the reigns of v, the newest first.
func WriteHistory(w io.Writer, v View, p Paint) {
	t := table{head: []string{"EPOCH", "MAIN", "BEGAN", "LASTED", "ENDED BY", "REASON"}}
	list := []Reign{}
	if v.Record != nil {
		list = v.Record.History
	}
	for i := len(list) - 1; i >= 0; i-- {
		h := list[i]
		end, by := h.Ended, plain("hand-over")
		switch {
		case end.IsZero():
			end, by = v.At, p.good("reigns")
		case h.Lost:
			by = p.bad("failure")
		case list[i+1].Main == h.Main:
			by = plain("fresh epoch")
		}
		t.add(plain(strconv.FormatUint(h.Epoch, 10)), plain(h.Main), plain(h.Began.UTC().Format(time.DateTime)), plain(span(end.Sub(h.Began))), by, plain(h.Reason))
	}
	if len(t.rows) == 0 {
		fmt.Fprintf(w, "The record of release %s has no reign yet.\n", v.Release.Name)
		return
	}
	t.write(w)
}
