package request

import (
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
)

// Progress follows one request from what the record's ConfigMap becomes. It does no
// I/O.
type Progress struct {
	plan    Plan
	began   time.Time
	last    state
	at      time.Time // of last
	granted bool
	target  cluster.Ordinal
}

// Follow begins to follow a request that was asked at a time.
func Follow(p Plan, at time.Time) *Progress {
	return &Progress{plan: p, began: at, at: at, last: p.state, target: p.node}
}

// Granted reports whether the leader has granted the request.
func (p *Progress) Granted() bool { return p.granted }

// See takes over the ConfigMap as it became at a time, nil if it is gone. It returns
// what is new, whether the request is at its end, and why it failed.
func (p *Progress) See(m *corev1.ConfigMap, at time.Time) (news []string, done bool, err error) {
	s := stateOf(m)
	if !s.exists {
		return nil, true, fmt.Errorf("the record's ConfigMap was deleted meanwhile: see %s", p.plan.Release.Command("status"))
	}
	before := p.last
	defer func() { p.last = s }()
	if !p.granted {
		done, err = p.answered(s)
		if p.granted {
			news = append(news, p.line(at, "granted: "+s.granted().Answer))
		}
		if done || err != nil {
			return news, true, err
		}
	}
	if text := p.step(before, s); text != "" {
		news = append(news, p.line(at, text))
	}
	if p.granted {
		done, err = p.arrived(s)
	}
	return news, done, err
}

// answered looks for the answer.
func (p *Progress) answered(s state) (done bool, err error) {
	text := p.plan.Text
	a := s.granted()
	switch {
	case a.ID == text && a != p.plan.state.granted():
		p.granted = true
		if s.rec.Switchover.Wanted() {
			p.target = s.rec.Switchover.Target
		}
		return false, nil
	case s.request == text:
		return false, nil
	case s.request != "":
		return true, fmt.Errorf("the request was replaced by another, %q, before it was answered", s.request)
	case s.answer == "":
		return true, errors.New("the request was taken back by somebody else before it was answered")
	}
	return true, errors.New(s.said(text))
}

// arrived reports whether what was granted has come about.
func (p *Progress) arrived(s state) (bool, error) {
	if s.rec == nil {
		return true, fmt.Errorf("the record is gone or cannot be read: see %s", p.plan.Release.Command("status"))
	}
	switch p.plan.ask {
	case cluster.AskSwitchover, cluster.AskPromote, cluster.AskAdopt:
		switch {
		case s.rec.Stage != cluster.Serving || s.rec.Switchover.Wanted():
			return false, nil
		case s.rec.Main == p.target:
			return true, nil
		}
		return true, fmt.Errorf("it was granted, but %s is MAIN: %s", p.plan.Release.NodeName(s.rec.Main), s.rec.Reason)
	case cluster.AskRebuild:
		_, asked := s.rec.Rebuild(p.target)
		return !asked, nil
	}
	return true, nil
}

// step says how the record has changed, or "".
func (p *Progress) step(before, s state) string {
	if s.rec == nil {
		return ""
	}
	name := p.plan.Release.NodeName
	if before.rec == nil {
		return fmt.Sprintf("recorded: epoch %d, %s, MAIN %s", s.rec.Epoch, s.rec.Stage, name(s.rec.Main))
	}
	a, b := before.rec, s.rec
	switch {
	case a.Epoch != b.Epoch || a.Main != b.Main:
		return fmt.Sprintf("%s → %s: epoch %d, MAIN %s", a.Stage, b.Stage, b.Epoch, name(b.Main))
	case a.Stage != b.Stage:
		return fmt.Sprintf("%s → %s: %s", a.Stage, b.Stage, b.Reason)
	case a.Seat != b.Seat:
		return fmt.Sprintf("standby: %s", name(b.Seat))
	case len(a.Promotable) != len(b.Promotable):
		return fmt.Sprintf("%d promotable", len(b.Promotable))
	case len(a.Rebuilds) != len(b.Rebuilds):
		return rebuilds(a, b, name)
	}
	return ""
}

// rebuilds says which rebuild has begun or ended from a to b.
func rebuilds(a, b *cluster.Record, name func(cluster.Ordinal) string) string {
	for _, r := range b.Rebuilds {
		if _, before := a.Rebuild(r.Node); !before {
			return name(r.Node) + " is being rebuilt"
		}
	}
	for _, r := range a.Rebuilds {
		if _, still := b.Rebuild(r.Node); !still {
			return name(r.Node) + " has been rebuilt"
		}
	}
	return ""
}

// line is one line of news: the time since the request, and since the last line.
func (p *Progress) line(at time.Time, text string) string {
	since, step := at.Sub(p.began), at.Sub(p.at)
	p.at = at
	return fmt.Sprintf("%8s  (+%s)  %s", since.Round(time.Millisecond), step.Round(time.Millisecond), text)
}
