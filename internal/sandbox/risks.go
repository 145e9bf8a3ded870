package sandbox

import (
	"cmp"
	"fmt"
	"slices"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/sandbox/view"
)

// told are conditions that the sentence or the table of nodes tells already.
var told = []string{"Unprotected", "WritesBlocked", "Paused", "Down", "Silent"}

// risks are the conditions a person should know of, alarms first. Several nodes
// in the same condition are one risk.
func (s scene) risks() []view.Risk {
	type group struct {
		cluster.Condition
		more int
	}
	var groups []group
	for _, c := range s.conditions {
		if c.Severity < cluster.Warning || slices.Contains(told, c.Name) {
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool { return g.Name == c.Name })
		if i < 0 {
			groups = append(groups, group{Condition: c})
			continue
		}
		groups[i].more++
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(b.Severity, a.Severity) })
	var list []view.Risk
	for _, g := range groups {
		risk := view.Risk{Text: g.Message, Tone: view.Warn}
		if g.Severity == cluster.Alarm {
			risk.Tone = view.Bad
		}
		if g.more > 0 {
			risk.Text = fmt.Sprintf("%s (and %d more)", risk.Text, g.more)
		}
		list = append(list, risk)
	}
	return list
}

// reign tells since when and why MAIN is MAIN.
func (s scene) reign() string {
	if s.record == nil || len(s.record.History) == 0 {
		return ""
	}
	r := s.record.History[len(s.record.History)-1]
	return fmt.Sprintf("%s reigns since %s: %s", s.topology.Name(r.Main), r.Began.Local().Format("15:04:05"), r.Reason)
}

// examples are commands that make sense now.
func (s scene) examples() string {
	switch {
	case s.young:
	case s.record == nil:
		return "adopt 1, if the controllers do not choose by themselves"
	case s.record.Stage == cluster.Serving && s.led() && !s.reigns():
		n := (int(s.record.Main) + 1) % len(s.topology)
		return fmt.Sprintf("promote %d accept-data-loss, if nobody is promoted by itself", n)
	}
	return "kill main, pause 1, cut 2, kill leader …"
}
