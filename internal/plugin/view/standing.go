package view

import (
	"fmt"

	"memgraph-controller/internal/cluster"
)

// Standing says whether node n may be promoted by itself, why not, and what a human
// may do about it.
func Standing(v View, n cluster.Ordinal) string {
	node := v.Nodes[n]
	switch {
	case v.Record == nil && v.missing(RecordPart):
		return "not known: the record could not be read"
	case v.Record == nil:
		return "no: there is no record, so nobody is proven to hold anything"
	case node.Main:
		return "it is MAIN"
	case node.Promotable && !node.Up():
		return "no: by the record it holds every acknowledged write, but it is down" + v.whyDown(node)
	case node.Promotable:
		return "yes: it is proven to hold every acknowledged write"
	}
	return "no: " + v.unproven(node)
}

// unproven says why a replica is not promotable.
func (v View) unproven(node Node) string {
	switch told := v.about(node); {
	case node.Rebuilding:
		return fmt.Sprintf("its data are moved aside and it copies %s anew; it counts again when it has caught up", v.Record.Main)
	case !node.Up():
		return "it is down" + v.whyDown(node)
	case told != "":
		return told
	case node.Leaving:
		return "it was told to stop"
	case node.Standby:
		return "it has the standby seat, and no write was acknowledged through it yet; it counts with the first one"
	case v.told() && node.State == "":
		return fmt.Sprintf("%s does not list it among its replicas", v.Record.Main)
	case node.State != "" && node.State != "ready" && node.State != "replicating":
		return fmt.Sprintf("%s says of its replication: %s", v.Record.Main, node.State)
	case v.Record.Standby != "":
		return fmt.Sprintf("%s waits for the word of %s alone, which has the standby seat; what it has acknowledged may not be here yet. It takes the seat if %s fails, and %s has it take the seat and then be MAIN",
			v.Record.Main, v.Record.Standby, v.Record.Standby, v.command("switchover", node))
	}
	return fmt.Sprintf("nobody has the standby seat: %s acknowledges writes without waiting for anybody", v.Record.Main)
}

// about is what the leader says of a node that keeps it from following MAIN, with the
// way out where a human has one.
func (v View) about(node Node) string {
	for _, c := range v.Conditions {
		if c.Node != node.Name {
			continue
		}
		rebuild := fmt.Sprintf("%s moves its data aside, deletes nothing, and has it copy %s", v.command("rebuild", node), v.Record.Main)
		switch c.Name {
		case "Unusable":
			return c.Message
		case "Estranged", "Stranger":
			return c.Message + ". Next: " + rebuild
		case "Ahead":
			return fmt.Sprintf("%s. Next: choose: %s; %s --accept-data-loss makes it MAIN instead", c.Message, rebuild, v.command("promote", node))
		}
	}
	return ""
}

// whyDown says how a node that is down is seen, and where more is to be found.
func (v View) whyDown(node Node) string {
	why := node.Contact
	if node.Pod != nil && node.Pod.Phase != "Running" {
		why = "pod " + node.Pod.Phase
	}
	return fmt.Sprintf(" (%s). Next: %s, and %s", why, v.Release.Kubectl("describe pod "+node.Name), v.Release.Command("logs"))
}

// command is one of this program that names a node.
func (v View) command(what string, node Node) string {
	return v.Release.Command(fmt.Sprintf("%s %d", what, node.Ordinal))
}
