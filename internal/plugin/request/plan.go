package request

import (
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/kube"
	"memgraph-controller/internal/plugin/problem"
	"memgraph-controller/internal/plugin/view"
)

// Want is what a human wants.
type Want struct {
	Ask            cluster.Ask
	Node           string // as typed; empty: none is named
	AcceptDataLoss bool   // promote
}

// Plan is what would be asked for, and of whom.
type Plan struct {
	Release  view.Release
	Text     string // of the request
	Now      string
	Does     string
	Costs    string
	Warnings []string

	ask    cluster.Ask
	node   cluster.Ordinal
	state  state  // of the ConfigMap, as planned on
	unread string // why the record could not be read; empty: it was
}

// Make plans what is wanted of a cluster whose record is in m, which is nil if there
// is no ConfigMap. Its error says what stands against asking at all, and what would be
// accepted instead.
func Make(v view.View, m *corev1.ConfigMap, w Want) (Plan, error) {
	p := Plan{Release: v.Release, ask: w.Ask, node: cluster.NoNode, state: stateOf(m), unread: v.Unread(view.RecordPart)}
	if w.Node != "" {
		n, err := v.Node(w.Node)
		if err != nil {
			return p, problem.Usage(err)
		}
		p.node = n
	}
	if err := answerable(v); err != nil {
		return p, err
	}
	if err := refusal(v, p.ask, p.node); err != nil {
		return p, err
	}
	if w.Ask == cluster.AskPromote && !w.AcceptDataLoss {
		return p, problem.Usage(errors.New("promote makes a node MAIN that may lack acknowledged writes: add --accept-data-loss if they may be lost; switchover loses nothing, if MAIN lives"))
	}
	p.Text = text(w, p.node)
	p.Now = now(v)
	p.Does, p.Costs = p.effect(v)
	p.Warnings = p.warnings(v)
	return p, nil
}

// answerable says why nobody would answer, nil if somebody may.
func answerable(v view.View) error {
	switch {
	case v.Request != "":
		return fmt.Errorf("the request %q waits for an answer already: wait for it, or take it back with %s",
			v.Request, v.Release.Kubectl(fmt.Sprintf("annotate configmap %s %s-", v.Release.Record, kube.RequestAnnotation)))
	case v.Release.Orphan:
		return fmt.Errorf("no release uses the record %s, so nobody would answer: install the chart with state.configMapName=%s, or name another with --release", v.Release.Record, v.Release.Record)
	case v.Leader == "" && v.Lease != nil:
		return fmt.Errorf("no controller of release %s leads, so nobody would answer: see %s and %s",
			v.Release.Name, v.Release.Kubectl(fmt.Sprintf("get pods -l %s=%s,%s=%s", view.InstanceLabel, v.Release.Name, view.ComponentLabel, view.ControllerComponent)), v.Release.Command("logs --all"))
	case v.Leader == "" && len(v.Missing) == 0:
		return fmt.Errorf("no controller of release %s has ever led, so nobody would answer: see %s",
			v.Release.Name, v.Release.Kubectl(fmt.Sprintf("get pods -l %s=%s", view.InstanceLabel, v.Release.Name)))
	}
	return nil
}

// text is the request in the words that the leader reads.
func text(w Want, n cluster.Ordinal) string {
	words := []string{w.Ask.String()}
	if n != cluster.NoNode {
		words = append(words, fmt.Sprint(int(n)))
	}
	if w.Ask == cluster.AskPromote {
		words = append(words, "--accept-data-loss")
	}
	return strings.Join(words, " ")
}

// now says who is MAIN.
func now(v view.View) string {
	r := v.Record
	switch {
	case r == nil && v.Unread(view.RecordPart) != "":
		return "the record could not be read"
	case r == nil:
		return "nobody is recorded as MAIN"
	}
	text := fmt.Sprintf("%s is MAIN in epoch %d, %s", r.Main, r.Epoch, r.Stage)
	if r.Standby != "" {
		return text + "; the standby is " + r.Standby
	}
	return text + "; there is no standby"
}

// effect says what is done, and what it costs.
func (p Plan) effect(v view.View) (does, costs string) {
	name, main, epoch := p.Release.NodeName(p.node), "nobody", uint64(0)
	if v.Record != nil {
		main, epoch = v.Record.Main, v.Record.Epoch
	}
	switch p.ask {
	case cluster.AskSwitchover:
		if p.node == cluster.NoNode {
			name = "the standby"
			if v.Record != nil && v.Record.Standby != "" {
				name = v.Record.Standby
			}
		}
		return fmt.Sprintf("%s takes over from %s, in epoch %d", name, main, epoch+1),
			"new work is held for some 30 ms, then open connections end and wait for the promotion; nothing is lost. Given up after 30 s"
	case cluster.AskPromote:
		return fmt.Sprintf("%s becomes MAIN whatever it lacks, in epoch %d or the next", name, epoch+1),
			fmt.Sprintf("ACKNOWLEDGED WRITES THAT %s DOES NOT HOLD ARE LOST; connections end; nodes that hold more are rebuilt", name)
	case cluster.AskAdopt:
		return fmt.Sprintf("%s becomes MAIN of a cluster without a record, whatever the others hold", name),
			"what only the others hold is not served; their data are moved aside, not deleted"
	case cluster.AskRebuild:
		return fmt.Sprintf("the data of %s are moved aside and it copies %s anew", name, main),
			"nothing for clients of MAIN; one copy of the data less until it has caught up, and room on its volume for both"
	case cluster.AskDiscard:
		return fmt.Sprintf("what was moved aside of %s is removed when its pod starts next: %s", name, aside(v, p.node)), "those copies are gone for good; the data in use are not touched"
	case cluster.AskPause:
		return "all decisions stop", "clients are served, but nobody fails over until resume"
	case cluster.AskResume:
		return "decisions go on", "nothing"
	}
	return "nothing that is known", "nothing"
}

// aside lists what is kept aside of node n.
func aside(v view.View, n cluster.Ordinal) string {
	node := named(v, n)
	if len(node.MovedAside) == 0 {
		return "none is known of"
	}
	var list []string
	for _, c := range node.MovedAside {
		list = append(list, fmt.Sprintf("%s (%d bytes)", c.Name, c.Bytes))
	}
	if more := node.MovedAsideMore; more > 0 {
		list = append(list, fmt.Sprintf("%d older", more))
	}
	return strings.Join(list, ", ")
}

// warnings says what the caller may not be aware of.
func (p Plan) warnings(v view.View) []string {
	var list []string
	for _, m := range v.Missing {
		text := m.Why
		if m.Need != nil {
			text = fmt.Sprintf("you may not %s", m.Need)
		}
		list = append(list, fmt.Sprintf("not known: %s (%s)", m.What, text))
	}
	if p.node == cluster.NoNode {
		return list
	}
	n := named(v, p.node)
	if p.ask == cluster.AskPromote && n.Promotable {
		list = append(list, fmt.Sprintf("%s is promotable: if MAIN lives, switchover %d loses nothing", n.Name, p.node))
	}
	if (p.ask == cluster.AskSwitchover || p.ask == cluster.AskPromote || p.ask == cluster.AskAdopt) && !n.Up() {
		list = append(list, fmt.Sprintf("%s is down, and the leader refuses that as long as it is: see %s", n.Name, p.Release.Command(fmt.Sprintf("explain %d", p.node))))
	}
	return list
}

// Write writes the plan for a human.
func (p Plan) Write(w io.Writer) {
	fmt.Fprintf(w, "%s of release %s in namespace %s\n", p.Text, p.Release.Name, p.Release.Namespace)
	fmt.Fprintf(w, "  now     %s\n", p.Now)
	fmt.Fprintf(w, "  does    %s\n", p.Does)
	fmt.Fprintf(w, "  costs   %s\n", p.Costs)
	for _, text := range p.Warnings {
		fmt.Fprintf(w, "  beware  %s\n", text)
	}
}
