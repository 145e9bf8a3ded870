package view

import (
	"cmp"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
)

// frame is all that goes into one drawing.
type frame struct {
	s             Snapshot
	log           []Event
	help          []string // shown instead of tables and log if not empty
	input         string   // the command line, already styled
	width, height int
	theme         theme
}

// hints is the last line of the screen.
const hints = "k kill  p pause  r resume  c cut  h heal  w wipe  ↹ complete  ? help  q quit"

// draw returns at most height lines, none wider than width. What fits least is
// left out first: air, then controllers, then the decision.
func (f frame) draw() string {
	top := f.top()
	bottom := []string{f.input, f.theme.dim.Render(fit(" "+hints, f.width))}
	if len(f.help) > 0 {
		lines := []string{""}
		for _, l := range f.help {
			lines = append(lines, fit(" "+l, f.width))
		}
		return f.stack(top, fill(lines, f.height-len(top)-len(bottom)), bottom)
	}
	nodes, controllers := f.nodes(), f.controllers()
	const least = 2 // lines of log worth having
	for _, body := range [][][]string{
		{air, nodes, air, controllers, air},
		{nodes, controllers},
		{nodes},
	} {
		lines := concat(body...)
		room := f.height - len(top) - len(lines) - len(bottom)
		if room >= least {
			return f.stack(top, lines, f.events(room), bottom)
		}
	}
	top = top[:min(len(top), 3)]
	return f.stack(top, fill(nodes, f.height-len(top)-len(bottom)), bottom)
}

var air = []string{""}

func concat(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// stack joins the parts and cuts what is too much in the middle: the command
// line is always there.
func (f frame) stack(parts ...[]string) string {
	bottom := parts[len(parts)-1]
	lines := concat(parts[:len(parts)-1]...)
	lines = lines[:min(len(lines), max(f.height-len(bottom), 0))]
	return strings.Join(append(lines, bottom...), "\n")
}

// fill makes lines exactly n lines long.
func fill(lines []string, n int) []string {
	n = max(n, 0)
	lines = lines[:min(len(lines), n)]
	return append(lines, make([]string, n-len(lines))...)
}

func (f frame) top() []string {
	title := " Memgraph sandbox"
	gap := max(f.width-lipgloss.Width(title)-lipgloss.Width(f.s.Product)-1, 1)
	bar := f.theme.bar.Render(pad(title+strings.Repeat(" ", gap)+f.s.Product, f.width))

	lines := []string{bar, f.addresses()}
	if f.height >= 22 {
		lines = append(lines, "")
	}
	tone := f.theme.tone(f.s.Tone)
	for i, l := range wrap(f.s.Sentence, f.width-3, f.lines()) {
		mark := "   "
		if i == 0 {
			mark = " ● "
		}
		lines = append(lines, tone.Render(fit(mark, f.width))+tone.Inherit(f.theme.sentence).Render(l))
	}
	if f.s.Decision != "" {
		for _, l := range wrap(f.s.Decision, f.width-3, f.lines()) {
			lines = append(lines, f.theme.dim.Render(fit("   "+l, f.width)))
		}
	}
	return lines
}

// addresses is the line a reader copies from.
func (f frame) addresses() string {
	line := f.theme.address.Render(fit(" "+f.s.Write, f.width))
	for _, more := range []struct{ dim, address string }{{" read/write", ""}, {" · ", f.s.Read}, {" read-only", ""}} {
		if lipgloss.Width(line)+lipgloss.Width(more.dim+more.address) > f.width {
			break
		}
		line += f.theme.dim.Render(more.dim) + f.theme.address.Render(more.address)
	}
	return line
}

// lines is how many lines a sentence may take.
func (f frame) lines() int {
	if f.height >= 22 {
		return 2
	}
	return 1
}

// events returns the newest events that fit into room lines, oldest first.
func (f frame) events(room int) []string {
	var lines []string
	for i := len(f.log) - 1; i >= 0; i-- {
		e := f.log[i]
		const indent = 10
		text := wrap(e.Text, f.width-indent-1, 2)
		if len(lines)+len(text) > room {
			break
		}
		for j := len(text) - 1; j >= 0; j-- {
			at := strings.Repeat(" ", indent)
			if j == 0 {
				at = " " + e.At.Format("15:04:05") + " "
			}
			lines = append(lines, f.theme.dim.Render(fit(at, f.width))+f.theme.tone(e.Tone).Render(text[j]))
		}
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return fill(lines, room)
}

func (f frame) nodes() []string {
	t := table{theme: f.theme, width: f.width, columns: []column{
		{title: "NODE", least: 10},
		{title: "ROLE", least: 7},
		{title: "STATE", least: 7},
		{title: "MODE", least: 11},
		{title: "STATUS", least: 11},
		{title: "LAG", least: 5, right: true},
		{title: "✓", wide: "PROMOTABLE", least: 1},
		{title: "↻", wide: "RESTARTS", least: 3, right: true},
		{title: "PID", least: 7, right: true},
		{title: "NOTE", least: 8},
	}}
	for _, n := range f.s.Nodes {
		check := " "
		if n.Promotable {
			check = "✓"
		}
		mark, role := " ", n.Role
		if n.Main {
			mark, role = "●", strings.ToUpper(n.Role)
		}
		lag := dash("")
		if n.Mode != "" {
			lag = strconv.FormatInt(n.Behind, 10)
		}
		pid := dash("")
		if n.PID != 0 {
			pid = strconv.Itoa(n.PID)
		}
		t.row(n.Tone, mark, n.Name, dash(role), dash(n.State), dash(n.Mode), dash(n.Status), lag, check,
			strconv.Itoa(n.Restarts), pid, n.Note)
	}
	return t.lines()
}

func (f frame) controllers() []string {
	t := table{theme: f.theme, width: f.width, columns: []column{
		{title: "CONTROLLER", least: 12},
		{title: "READ/WRITE", least: 15},
		{title: "READ-ONLY", least: 15},
		{title: "SESSIONS", least: 8, right: true},
		{title: "HELD", least: 4, right: true},
		{title: "STATE", least: 9},
	}}
	for _, c := range f.s.Controllers {
		mark := " "
		if c.Leads {
			mark = "★"
		}
		t.row(c.Tone, mark, c.Name, dash(c.Write), dash(c.Read), strconv.Itoa(c.Sessions), strconv.Itoa(c.Held), c.State)
	}
	return t.lines()
}

func dash(s string) string { return cmp.Or(s, "–") }
