package controller

import (
	"log/slog"
	"slices"
	"time"

	"memgraph-controller/internal/cluster"
)

// news logs what changed, once, and nothing else: a promise when it is recorded,
// a step when it fails in a new way, trouble when it begins and when it ends.
type news struct {
	log      *slog.Logger
	topology cluster.Topology
	failing  map[cluster.Step]cluster.Failure
	alarms   []string
	err      string
}

// recorded tells of a new record. Writes that only keep the books are not news.
func (n *news) recorded(prev *cluster.Record, next cluster.Record, why string, since time.Time) {
	if prev != nil && prev.Stage == next.Stage && prev.Main == next.Main && prev.Epoch == next.Epoch &&
		prev.Seat == next.Seat && len(prev.Promotable) == len(next.Promotable) && len(prev.Rebuilds) == len(next.Rebuilds) &&
		prev.Paused == next.Paused && prev.Leader == next.Leader {
		n.log.Debug("record kept", "epoch", next.Epoch, "reason", why)
		return
	}
	args := []any{
		"epoch", next.Epoch, "stage", next.Stage.String(), "main", n.topology.Name(next.Main),
		"sync", n.topology.Name(next.Seat), "reason", why,
	}
	if prev != nil && prev.Stage == cluster.Promoting && next.Stage == cluster.Serving && !since.IsZero() {
		args = append(args, "took", time.Since(since).Round(time.Millisecond))
	}
	n.log.Info("record written", args...)
}

// stepped tells of a step that failed, when it first does and when it fails
// differently.
func (n *news) stepped(d cluster.Decision, a cluster.Attempt, err error, took time.Duration) {
	if n.failing == nil {
		n.failing = map[cluster.Step]cluster.Failure{}
	}
	was, failing := n.failing[d.Step]
	switch {
	case err == nil:
		delete(n.failing, d.Step)
		n.log.Debug("step taken", "step", d.Step.String(), "took", took, "reason", d.Why)
	case !failing || was != a.Failure:
		n.failing[d.Step] = a.Failure
		n.log.Warn("step failed", "step", d.Step.String(), "took", took.Round(time.Millisecond), "reason", d.Why, "err", err)
	}
}

// decided tells of alarms and doubts that began or ended.
func (n *news) decided(d cluster.Decision, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != n.err {
		if text != "" {
			n.log.Error("pass failed", "err", err)
		} else {
			n.log.Info("passes succeed again")
		}
		n.err = text
	}
	if err != nil {
		return // there may be no decision to tell of
	}
	var alarms []string
	for _, c := range d.Conditions {
		if c.Severity == cluster.Alarm {
			alarms = append(alarms, c.Name+": "+c.Message)
		}
	}
	for _, a := range alarms {
		if !slices.Contains(n.alarms, a) {
			n.log.Warn("alarm", "reason", a)
		}
	}
	for _, a := range n.alarms {
		if !slices.Contains(alarms, a) {
			n.log.Info("alarm over", "reason", a)
		}
	}
	n.alarms = alarms
}

// answered tells what became of a human's request.
func (n *news) answered(id, why string) {
	n.log.Info("request answered", "step", id, "reason", why)
}
