package view

import (
	"fmt"
	"io"
	"time"

	"memgraph-controller/internal/cluster"
)

// WriteExplanation writes why this is MAIN, what is done or waited for, who may be
// promoted and why others may not, and what would happen if a node died now: of one
// node, or of all for cluster.NoNode.
func WriteExplanation(w io.Writer, v View, p Paint, of cluster.Ordinal) {
	fmt.Fprintln(w, p.bold(v.whyMainHead()))
	for _, line := range v.whyMain() {
		fmt.Fprintln(w, "  "+line)
	}
	fmt.Fprintf(w, "\n%s\n", p.bold("What happens now"))
	for _, line := range v.now() {
		fmt.Fprintln(w, "  "+line)
	}
	fmt.Fprintf(w, "\n%s\n", p.bold("Who may be promoted"))
	for _, n := range v.Nodes {
		if of == cluster.NoNode || of == cluster.Ordinal(n.Ordinal) {
			fmt.Fprintf(w, "  %s: %s.\n", p.bold(n.Name), Standing(v, cluster.Ordinal(n.Ordinal)))
		}
	}
	fmt.Fprintf(w, "\n%s\n", p.bold("If one died now"))
	for _, n := range v.Nodes {
		if of == cluster.NoNode || of == cluster.Ordinal(n.Ordinal) {
			fmt.Fprintf(w, "  %s%s: %s.\n", p.bold(n.Name), n.office(), Fate(v, cluster.Ordinal(n.Ordinal)))
		}
	}
	if of == cluster.NoNode {
		fmt.Fprintf(w, "  %s: %s.\n", p.bold("the leading controller"), ControllerFate(v))
	}
	fmt.Fprintf(w, "\n%s\n  %s.\n", p.bold("At risk"), p.risk(v.Risk))
}

// office is what the record makes of a node, in brackets.
func (n Node) office() string {
	switch {
	case n.Main:
		return " (MAIN)"
	case n.Standby:
		return " (standby)"
	}
	return ""
}

func (v View) whyMainHead() string {
	if v.Record == nil {
		return "Why there is no MAIN"
	}
	return "Why " + v.Record.Main + " is MAIN"
}

func (v View) whyMain() []string {
	r := v.Record
	switch {
	case r == nil && v.missing(RecordPart):
		return []string{"It is not known: the record could not be read."}
	case r == nil:
		return []string{fmt.Sprintf("ConfigMap %s has no record: the nodes are asked who is MAIN.", v.Release.Record)}
	case len(r.History) == 0:
		return []string{fmt.Sprintf("The record says so (masterIndex %d), and has no history.", r.MasterIndex)}
	}
	last := r.History[len(r.History)-1]
	lines := []string{fmt.Sprintf("Epoch %d began %s (%s ago): %s.", last.Epoch, last.Began.UTC().Format(time.DateTime+"Z"), span(v.At.Sub(last.Began)), last.Reason)}
	if len(r.History) > 1 {
		lines = append(lines, v.before(r.History[len(r.History)-2], last))
	}
	if r.Stage != "serving" {
		lines = append(lines, fmt.Sprintf("The reign is %s.", r.Stage))
	}
	return lines
}

func (v View) before(h, next Reign) string {
	how := "it handed over"
	switch {
	case h.Lost:
		how = "it failed"
	case h.Main == next.Main:
		how = "it took a fresh epoch"
	}
	return fmt.Sprintf("Before, %s was MAIN in epoch %d for %s; %s.", h.Main, h.Epoch, span(h.Ended.Sub(h.Began)), how)
}

// now says what is done, and why nothing is.
func (v View) now() []string {
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if v.Record != nil && v.Record.Paused {
		add("Nothing: decisions are paused by request. Next: %s.", v.Release.Command("resume"))
	}
	switch {
	case v.Leader == "" && v.missing(LeasePart):
		add("Whether a controller leads is not known: the lease could not be read.")
	case v.Leader == "" && len(v.Controllers) == 0:
		add("Nothing: no controller runs. Next: %s.", v.Release.Kubectl(fmt.Sprintf("get deployments -l %s=%s", InstanceLabel, v.Release.Name)))
	case v.Leader == "":
		add("Nothing: no controller holds the lease %s. Next: %s.", v.Release.Lease, v.Release.Command("logs --all"))
	case v.Decision != "":
		add("%s leads and says: %s.", v.Leader, v.Decision)
	case v.told():
		add("%s leads and has nothing to do.", v.Leader)
	default:
		add("%s leads; what it decides is not known, because it could not be asked.", v.Leader)
	}
	if v.Error != "" {
		add("It has trouble: %s.", v.Error)
	}
	if v.Record != nil && v.Record.Switchover != "" {
		add("A switchover to %s was asked for and has not come about yet.", v.Record.Switchover)
	}
	if v.Request != "" {
		add("The request %q waits for an answer.", v.Request)
	}
	for _, c := range v.Conditions {
		add("%s (%s): %s.", c.Name, c.Severity, c.Message)
	}
	return append(lines, v.gaps()...)
}

func (v View) gaps() []string {
	var lines []string
	for _, m := range v.Missing {
		text := m.Why
		if m.Need != nil {
			text = fmt.Sprintf("you may not %s", m.Need)
		}
		lines = append(lines, fmt.Sprintf("Not known: %s (%s).", m.What, text))
	}
	return lines
}
