package request

import (
	"fmt"
	"slices"
	"strings"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/plugin/view"
)

// refusal says why the leader is sure to refuse what is wanted, and what it would
// take, nil if it may grant it. It goes by the record, and by the leader's own word
// where the record does not say: whether a node is fit is not for it to judge.
func refusal(v view.View, ask cluster.Ask, n cluster.Ordinal) error {
	why := against(v, ask, n)
	if why == "" {
		return nil
	}
	return fmt.Errorf("%s refused: %s", ask, why)
}

func against(v view.View, ask cluster.Ask, n cluster.Ordinal) string {
	r := v.Record
	switch {
	case r == nil && v.Phase == api.Unknown: // it could not be read
		return ""
	case r == nil && ask != cluster.AskAdopt:
		return "there is no record yet; " + accepted(v, cluster.AskAdopt, func(view.Node) bool { return true })
	case r == nil:
		return ""
	}
	switch ask {
	case cluster.AskAdopt:
		return fmt.Sprintf("there is a record, and %s is MAIN in it; %s makes another node MAIN", r.Main, v.Release.Command("switchover"))
	case cluster.AskPause:
		if r.Paused {
			return "decisions are paused already; accepted now: resume"
		}
	case cluster.AskResume:
		if !r.Paused {
			return "nothing is paused; accepted now: pause"
		}
	case cluster.AskSwitchover:
		return againstSwitchover(v, n)
	case cluster.AskPromote:
		if node := named(v, n); node.Main && r.Stage == cluster.Serving.String() && sound(v, node) {
			return fmt.Sprintf("%s is MAIN already and lives; %s", node.Name, accepted(v, cluster.AskPromote, replica))
		}
	case cluster.AskRebuild:
		return againstRebuild(v, named(v, n))
	case cluster.AskDiscard:
	}
	return ""
}

const paused = "decisions are paused; resume first"

func againstSwitchover(v view.View, n cluster.Ordinal) string {
	switch r := v.Record; {
	case r.Paused:
		return paused
	case r.Switchover != "":
		return fmt.Sprintf("%s is taking over already; ask again when that is over", r.Switchover)
	case n == cluster.NoNode && r.Standby == "":
		return "nobody has the standby seat; " + accepted(v, cluster.AskSwitchover, replica)
	case named(v, n).Main:
		return fmt.Sprintf("%s is MAIN already; %s", named(v, n).Name, accepted(v, cluster.AskSwitchover, replica))
	}
	return ""
}

func againstRebuild(v view.View, node view.Node) string {
	why := ""
	switch {
	case v.Record != nil && v.Record.Paused:
		return paused
	case node.Main:
		why = node.Name + " is MAIN, and its data are what the others copy"
	case node.Promotable:
		why = node.Name + " holds every acknowledged write and protects them; nothing is wrong with it"
	case node.Rebuilding:
		why = node.Name + " is being rebuilt already"
	default:
		return ""
	}
	return why + "; " + accepted(v, cluster.AskRebuild, func(n view.Node) bool {
		return replica(n) && !n.Promotable && !n.Rebuilding && n.Pod != nil
	})
}

// accepted lists the requests of a kind that may be granted now.
func accepted(v view.View, ask cluster.Ask, fit func(view.Node) bool) string {
	var list []string
	for _, n := range v.Nodes {
		if fit(n) {
			list = append(list, text(Want{Ask: ask}, cluster.Ordinal(n.Ordinal)))
		}
	}
	if len(list) == 0 {
		return fmt.Sprintf("no node would be accepted for %s now: %s says how each stands", ask, v.Release.Command("explain"))
	}
	return "accepted now: " + strings.Join(list, ", ")
}

// replica reports whether a node is none that is MAIN, and not known to be down.
func replica(n view.Node) bool { return !n.Main && n.Up() }

// sound reports whether the leader surely takes MAIN for one that lives: it may answer, and
// be lost all the same, as a replica or with other data.
func sound(v view.View, main view.Node) bool {
	alarm := func(c api.Condition) bool { return c.Severity == cluster.Alarm.String() }
	return answers(main) && main.Role == cluster.RoleMain.String() && !slices.ContainsFunc(v.Conditions, alarm)
}

// answers reports whether the leader sees a node answer.
func answers(n view.Node) bool { return n.Contact == cluster.Answered.String() && !n.Gone }

// named returns node n of the view, the zero value if it is not there.
func named(v view.View, n cluster.Ordinal) view.Node {
	if n < 0 || int(n) >= len(v.Nodes) {
		return view.Node{}
	}
	return v.Nodes[n]
}
