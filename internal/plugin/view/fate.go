package view

import (
	"fmt"
	"strings"

	"memgraph-controller/internal/cluster"
)

// Fate says what would happen if node n died now.
func Fate(v View, n cluster.Ordinal) string {
	if v.Record == nil && v.missing(RecordPart) {
		return "not known: the record could not be read"
	}
	if v.Record == nil {
		return "there is no record: nobody is MAIN, and the bootstrap would go on without it as far as nothing can be lost by that"
	}
	node := v.Nodes[n]
	if !node.Up() && v.told() {
		return "it is down already"
	}
	var text string
	switch {
	case node.Main:
		text = v.fateOfMain(node)
	case node.Standby:
		text = v.fateOfStandby(node)
	default:
		text = "clients of MAIN would notice nothing; sessions that read from it would go on at another replica"
	}
	return text + v.attended(node)
}

// attended says that nobody would act, if that is so.
func (v View) attended(node Node) string {
	switch {
	case !node.Main:
		return ""
	case v.Record.Paused:
		return "; but decisions are paused: nothing of this would happen before resume"
	case v.Leader == "" && !v.missing(LeasePart):
		return "; but no controller leads: nothing of this would happen before one does"
	}
	return ""
}

func (v View) fateOfMain(main Node) string {
	if w := v.Record.Switchover; w != "" {
		return fmt.Sprintf("the switchover to %s is under way; %s", w, v.successor(main))
	}
	return v.successor(main)
}

func (v View) successor(main Node) string {
	for _, heir := range v.Nodes {
		if !heir.Promotable || !heir.Up() {
			continue
		}
		text := fmt.Sprintf("%s holds every acknowledged write and would be promoted in epoch %d; clients would be held meanwhile, and answers to writes in flight would be unknown", heir.Name, v.Record.Epoch+1)
		if rest := v.others(main, heir); len(rest) > 0 {
			return text + fmt.Sprintf("; then %s would take the standby seat", either(rest))
		}
		return text + "; then writes would be on it alone until another node is back"
	}
	if len(v.Nodes) == 1 {
		return "service would stop until it is back: it is the only node"
	}
	return fmt.Sprintf("nobody is promotable, so service would stop until it is back; if its data were gone, promote NODE --accept-data-loss would be the way, and what only %s holds would be lost", main.Name)
}

func (v View) fateOfStandby(standby Node) string {
	main := v.main()
	switch {
	case main == nil:
		return "the record names a MAIN that is no node of this release"
	case v.told() && !main.Up():
		return fmt.Sprintf("MAIN %s is down, and with it there would be one more copy less", main.Name)
	case v.Record.Paused:
		return "writes would be refused until it is back: decisions are paused, so nobody else takes the seat before resume"
	case v.Leader == "" && !v.missing(LeasePart):
		return "writes would be refused until it is back: no controller leads, so nobody else takes the seat before one does"
	}
	if rest := v.others(*main, standby); len(rest) > 0 {
		return fmt.Sprintf("writes would be refused until %s has the standby seat, usually well under a second; none would be lost", either(rest))
	}
	switch v.Release.Durability {
	case "strict":
		return "nobody else can take the seat, so writes would wait until it is back (durability: strict)"
	case "available":
		return fmt.Sprintf("nobody else can take the seat: after a moment %s would go on unprotected, and writes would be on it alone (durability: available)", main.Name)
	}
	return "nobody else can take the seat: with durability available MAIN would go on unprotected, with strict writes would wait"
}

// others returns the nodes that are up, but for two.
func (v View) others(a, b Node) []string {
	var rest []string
	for _, n := range v.Nodes {
		if n.Ordinal != a.Ordinal && n.Ordinal != b.Ordinal && n.Up() && !n.Rebuilding && !n.Leaving {
			rest = append(rest, n.Name)
		}
	}
	return rest
}

// ControllerFate says what would happen if the leader died now.
func ControllerFate(v View) string {
	ready := 0
	for _, c := range v.Controllers {
		if c.Pod.Ready && !c.Leading {
			ready++
		}
	}
	switch {
	case len(v.Controllers) == 0 && v.missing(PodsPart):
		return "not known: pods could not be read"
	case len(v.Controllers) == 0:
		return "no controller is known to run: clients have no gateway, and nobody would fail over"
	case ready == 0:
		return "it is the only one that is ready: clients would have no gateway and nobody would fail over until it is back; MAIN itself would live on"
	}
	text := "connections through it would end, others notice nothing; another takes the lease"
	if v.Lease != nil && v.Lease.Lasts > 0 {
		text += fmt.Sprintf(" within about %s, and until then nobody fails over", v.Lease.Lasts)
	}
	return strings.TrimSpace(text)
}
