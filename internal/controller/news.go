package controller

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// News is one thing that happened, for those who do not read the log.
type News struct {
	Topic   string          // one word in CamelCase, stable: a stage, a step, an alarm's name, …
	Node    cluster.Ordinal // whom it concerns; NoNode: the cluster
	Warning bool
	Message string

	Record *cluster.Record // what was recorded; nil if this is of something else. Not to be changed
	Step   cluster.Step    // what was tried; Kind NoStep if this is of something else
	Took   time.Duration   // how long Step took
}

// news tells what changed, once, and nothing else: a promise when it is recorded,
// a step when it fails in a new way, trouble when it begins and when it ends.
type news struct {
	log      *slog.Logger
	topology cluster.Topology
	tell     func(News) // nil: nobody listens
	failing  map[cluster.Step]cluster.Failure
	alarms   []cluster.Condition
	err      string
	doubt    string    // why nothing can be done, as of doubted
	doubted  time.Time // when doubt was first heard
	told     bool      // doubt was told
}

func (n *news) send(v News) {
	if n.tell != nil {
		n.tell(v)
	}
}

// title makes a topic of a word.
func title(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// recorded tells of a new record. Writes that only keep the books are not news.
func (n *news) recorded(prev *cluster.Record, next cluster.Record, why string, since time.Time) {
	if prev != nil && prev.Stage == next.Stage && prev.Main == next.Main && prev.Epoch == next.Epoch &&
		prev.Seat == next.Seat && len(prev.Promotable) == len(next.Promotable) && len(prev.Rebuilds) == len(next.Rebuilds) &&
		prev.Paused == next.Paused && prev.Switchover.ID == next.Switchover.ID && prev.Leader == next.Leader {
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
	v := News{Topic: title(next.Stage.String()), Node: cluster.NoNode, Message: fmt.Sprintf("epoch %d: %s", next.Epoch, why), Record: &next}
	n.send(v)
	if prev == nil || prev.Epoch != next.Epoch || prev.Stage != next.Stage {
		v.Node = next.Main
		n.send(v)
	}
}

// turned sums up how a reign came about: one line a turn.
func (n *news) turned(t Turn, rec cluster.Record) {
	args := []any{"epoch", rec.Epoch, "main", n.topology.Name(rec.Main), "reason", t.Cause.String()}
	if t.Noticed > 0 {
		args = append(args, "noticed", t.Noticed.Round(time.Millisecond))
	}
	if len(t.Parts) > 0 {
		var parts []string
		for _, p := range t.Parts {
			parts = append(parts, p.Name+"="+p.Took.Round(time.Millisecond).String())
		}
		args = append(args, "took", t.Took.Round(time.Millisecond), "parts", strings.Join(parts, " "))
	}
	n.log.Info("clients are let in to a new reign", args...)
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
		n.send(News{Topic: title(d.Step.Kind.String()), Node: d.Step.Node, Message: d.Step.String() + ": " + d.Why, Step: d.Step, Took: took})
	case !failing || was != a.Failure:
		n.failing[d.Step] = a.Failure
		n.log.Warn("step failed", "step", d.Step.String(), "took", took.Round(time.Millisecond), "reason", d.Why, "err", err)
		n.send(News{Topic: title(d.Step.Kind.String()) + "Failed", Node: d.Step.Node, Warning: true, Message: err.Error(), Step: d.Step, Took: took})
	}
}

// decided tells of alarms and doubts that began or ended.
func (n *news) decided(d cluster.Decision, err error) {
	n.failed(err)
	if err != nil {
		return // there may be no decision to tell of
	}
	n.doubts(d)
	var alarms []cluster.Condition
	for _, c := range d.Conditions {
		if c.Severity == cluster.Alarm {
			alarms = append(alarms, c)
		}
	}
	for _, a := range alarms {
		if !slices.Contains(n.alarms, a) {
			n.log.Warn("alarm", "reason", a.Name+": "+a.Message)
			n.send(News{Topic: a.Name, Node: a.Node, Warning: true, Message: a.Message})
		}
	}
	for _, a := range n.alarms {
		if !slices.Contains(alarms, a) {
			n.log.Info("alarm over", "reason", a.Name+": "+a.Message)
			n.send(News{Topic: a.Name + "Over", Node: a.Node, Message: "over: " + a.Message})
		}
	}
	n.alarms = alarms
}

// failed tells that the record cannot be read or written, and when it can again.
func (n *news) failed(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == n.err {
		return
	}
	n.err = text
	if text != "" {
		n.log.Error("pass failed", "err", err)
		n.send(News{Topic: "Stuck", Node: cluster.NoNode, Warning: true, Message: text})
	} else {
		n.log.Info("passes succeed again")
	}
}

// patience is how long a doubt must last to be news: most end by themselves.
const patience = time.Second

// doubts tells why nothing is happening, when something should.
func (n *news) doubts(d cluster.Decision) {
	doubt := d.Why
	if d.Settled {
		doubt = ""
	}
	switch {
	case doubt != n.doubt:
		n.doubt, n.doubted, n.told = doubt, time.Now(), false
	case doubt != "" && !n.told && time.Since(n.doubted) >= patience:
		n.told = true
		n.log.Info("waiting", "reason", doubt)
		n.send(News{Topic: "Waiting", Node: cluster.NoNode, Warning: true, Message: doubt})
	}
}

// answered tells what became of a human's request.
func (n *news) answered(id, why string) {
	n.log.Info("request answered", "step", id, "reason", why)
	n.send(News{Topic: "RequestAnswered", Node: cluster.NoNode, Message: why})
}
