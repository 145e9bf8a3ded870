package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"memgraph-controller/internal/api"
)

// WriteTree writes v as a tree; wide adds what is rarely looked at.
func WriteTree(w io.Writer, v View, p Paint, wide bool) {
	fmt.Fprintf(w, "%s  namespace %s  %s\n", p.bold(v.Release.Name), v.Release.Namespace, p.phase(v.Phase))
	sections := []section{v.recordSection(p, wide), v.nodeSection(p, wide), v.controllerSection(p, wide)}
	if len(v.Conditions) > 0 {
		sections = append(sections, v.conditionSection(p))
	}
	if v.Request != "" || v.Answer != "" {
		sections = append(sections, v.requestSection(p))
	}
	if len(v.Missing) > 0 {
		sections = append(sections, v.missingSection(p))
	}
	sections = append(sections, section{head: fmt.Sprintf("at risk: %s", p.risk(v.Risk))})
	for i, s := range sections {
		s.write(w, i == len(sections)-1)
	}
}

// section is one branch of the tree.
type section struct {
	head  string
	lines []string
}

func (s section) write(w io.Writer, last bool) {
	branch, trunk := "├─ ", "│  "
	if last {
		branch, trunk = "└─ ", "   "
	}
	fmt.Fprintln(w, branch+s.head)
	for i, line := range s.lines {
		twig := "├─ "
		if i == len(s.lines)-1 {
			twig = "└─ "
		}
		fmt.Fprintln(w, trunk+twig+line)
	}
}

func (p Paint) phase(phase string) cell {
	switch phase {
	case api.Operational:
		return p.good(phase)
	case api.Bootstrap:
		return p.warn(phase)
	}
	return p.bad(phase)
}

func (p Paint) risk(r Risk) cell {
	switch r.Level {
	case RiskNone:
		return p.good("nothing: " + r.Text)
	case RiskReduced, RiskUnknown:
		return p.warn(r.Text)
	}
	return p.bad(r.Text)
}

func (v View) recordSection(p Paint, wide bool) section {
	r := v.Record
	if r == nil {
		what := "none"
		if v.missing(RecordPart) {
			what = "not readable"
		}
		return section{head: fmt.Sprintf("record  ConfigMap %s: %s", v.Release.Record, p.warn(what))}
	}
	stage := p.good(r.Stage)
	if r.Stage != "serving" {
		stage = p.warn(r.Stage)
	}
	s := section{head: fmt.Sprintf("record  epoch %d, %s, MAIN is %s%s", r.Epoch, stage, p.bold(r.Main), v.reigning())}
	if r.Paused {
		s.lines = append(s.lines, p.bad("paused: nothing is decided until resume").String())
	}
	if r.Switchover != "" {
		s.lines = append(s.lines, p.warn("switchover to "+r.Switchover+" is under way").String())
	}
	if r.Reason != "" {
		s.lines = append(s.lines, "last: "+r.Reason)
	}
	if wide {
		s.lines = append(s.lines, fmt.Sprintf("ConfigMap %s, written %s by %s", r.Name, r.LastUpdated.UTC().Format(time.RFC3339), or(r.WrittenBy, "an unknown controller")))
	}
	return s
}

// reigning says for how long MAIN has been MAIN.
func (v View) reigning() string {
	if v.Record.Since.IsZero() {
		return ""
	}
	return " for " + span(v.At.Sub(v.Record.Since))
}

func (v View) nodeSection(p Paint, wide bool) section {
	t := table{}
	if wide {
		t.head = []string{"NODE", "ROLE", "MODE", "STATE", "LAG", "IN SYNC", "SEAT", "POD", "MEMGRAPH", "VERTICES", "EDGES", "RESTARTS", "MACHINE"}
	}
	for _, n := range v.Nodes {
		row := []cell{plain(n.Name), n.role(p), plain(n.Mode), n.state(p), n.lag(p), n.sync(p), n.seat(p), v.pod(n.Pod, p)}
		if wide {
			row = append(row, plain(n.Version), plain(strconv.FormatInt(n.Vertices, 10)), plain(strconv.FormatInt(n.Edges, 10)), plain(restarts(n.Pod)), plain(machine(n.Pod)))
		}
		t.add(row...)
	}
	return section{head: "nodes", lines: t.lines()}
}

func (n Node) role(p Paint) cell {
	switch {
	case n.Main && n.Role == "main":
		return p.good("MAIN")
	case n.Main && n.Role == unknown:
		return p.warn("MAIN?")
	case n.Main:
		return p.bad(n.Role + ", to be MAIN")
	case n.Role == "main":
		return p.bad("main, to be replica")
	}
	return plain(n.Role)
}

func (n Node) state(p Paint) cell {
	switch {
	case n.Leaving:
		return p.warn("leaving")
	case n.Gone:
		return p.bad("down")
	case n.Rebuilding:
		return p.warn("rebuilding")
	case n.Contact != "answered" && n.Contact != unknown:
		return p.bad(n.Contact)
	case n.State == "ready" || n.State == "replicating" || n.State == "":
		return plain(n.State)
	}
	return p.warn(n.State)
}

func (n Node) lag(p Paint) cell {
	switch {
	case n.Lag == nil || !n.Up(): // of a node that is down it is what it was
		return plain("")
	case *n.Lag < 0:
		return p.bad(fmt.Sprintf("%d ahead", -*n.Lag))
	}
	return plain(fmt.Sprintf("lag %d", *n.Lag))
}

func (n Node) sync(p Paint) cell {
	switch n.InSync {
	case yes:
		return p.good("in sync")
	case no:
		return p.warn("not in sync")
	}
	return p.dim("sync unknown")
}

func (n Node) seat(p Paint) cell {
	switch {
	case n.Standby && n.Promotable:
		return p.good("standby")
	case n.Standby:
		return p.warn("standby, not proven yet")
	case n.Promotable:
		return p.good("promotable")
	}
	return plain("")
}

func (v View) pod(pod *Pod, p Paint) cell {
	switch {
	case pod == nil && v.missing(PodsPart):
		return p.dim("pod unknown")
	case pod == nil:
		return p.bad("no pod")
	case pod.Phase == "":
		return p.dim("pod unknown")
	case pod.Phase != string(corev1.PodRunning):
		return p.bad("pod " + pod.Phase)
	case !pod.Ready:
		return p.warn("pod not ready")
	}
	return plain("pod ready")
}

func restarts(pod *Pod) string {
	if pod == nil {
		return ""
	}
	return strconv.Itoa(int(pod.Restarts))
}

func machine(pod *Pod) string {
	if pod == nil {
		return ""
	}
	return pod.Machine
}

func (v View) controllerSection(p Paint, wide bool) section {
	s := section{head: "controllers"}
	switch {
	case len(v.Controllers) == 0 && v.missing(PodsPart):
		s.head += ": not known"
	case len(v.Controllers) == 0:
		s.head += ": " + p.bad("none runs").String()
	case v.Leader == "" && !v.missing(LeasePart):
		s.head += ": " + p.bad("nobody leads").String()
	}
	t := table{}
	if wide {
		t.head = []string{"CONTROLLER", "ROLE", "POD", "GATEWAY", "CLIENTS", "VERSION", "RESTARTS", "MACHINE"}
	}
	for _, c := range v.Controllers {
		role := plain("")
		if c.Leading {
			role = p.good("leader")
		}
		row := []cell{plain(c.Pod.Name), role, v.pod(&c.Pod, p), c.gateway(p), plain(c.clients())}
		if wide {
			row = append(row, plain(c.Version), plain(restarts(&c.Pod)), plain(c.Pod.Machine))
		}
		t.add(row...)
	}
	s.lines = t.lines()
	return s
}

func (c Controller) gateway(p Paint) cell {
	switch {
	case c.Gateway == nil && c.Error != "":
		return p.warn("not asked: " + c.Error)
	case c.Gateway == nil:
		return plain("")
	case c.Gateway.State == "open":
		name, _, _ := strings.Cut(c.Gateway.Main, ".") // of <pod>.<service>.<namespace>.svc:port
		return plain("gateway open to " + name)
	}
	return p.warn("gateway " + c.Gateway.State)
}

func (c Controller) clients() string {
	if c.Gateway == nil {
		return ""
	}
	text := fmt.Sprintf("%d clients", c.Gateway.Clients)
	if c.Gateway.Held > 0 {
		text += fmt.Sprintf(", %d held", c.Gateway.Held)
	}
	return text
}

func (v View) conditionSection(p Paint) section {
	s := section{head: "conditions"}
	t := table{}
	for _, c := range v.Conditions {
		name := plain(c.Name)
		switch c.Severity {
		case "alarm":
			name = p.bad(c.Name)
		case "warning":
			name = p.warn(c.Name)
		}
		t.add(name, plain(c.Severity), plain(c.Message))
	}
	s.lines = t.lines()
	return s
}

func (v View) requestSection(p Paint) section {
	s := section{head: "request"}
	if v.Request != "" {
		s.lines = append(s.lines, p.warn("waits for an answer: "+v.Request).String())
	}
	if v.Answer != "" {
		s.lines = append(s.lines, "answered: "+v.Answer)
	}
	return s
}

func (v View) missingSection(p Paint) section {
	s := section{head: p.warn("missing").String()}
	for _, m := range v.Missing {
		text := m.What + ": " + m.Why
		if m.Need != nil {
			text = fmt.Sprintf("%s: you may not %s", m.What, m.Need)
		}
		s.lines = append(s.lines, strings.TrimSpace(text))
	}
	return s
}
