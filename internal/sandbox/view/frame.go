package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
)

// frame is all that goes into one drawing.
type frame struct {
	s             Snapshot
	log           []Event
	answer        Event    // to the last command; zero if it need not be shown any more
	help          []string // shown instead of everything else if not empty
	input         string   // the command line, already styled
	width, height int
	theme         theme
}

// hints is the last line of the screen; more of it where there is room.
const (
	hints     = "k kill  p pause  r resume  c cut  h heal  w wipe  ↹ complete  ? help  q quit"
	moreHints = "  forget  adopt  promote"
)

// effort says how much of everything a drawing shows.
type effort struct {
	sentence, risks, decision, reign int // lines at most
	air                              int // of four empty lines between the parts, how many
	controllers                      bool
	log                              int // lines at least
}

// efforts are tried until one fits. What is left out first is what can be done
// without best: air, the reign, controllers.
var efforts = []effort{
	{sentence: 2, risks: 6, decision: 10, reign: 2, air: 4, controllers: true, log: 4},
	{sentence: 2, risks: 6, decision: 10, reign: 2, air: 3, controllers: true, log: 3},
	{sentence: 2, risks: 4, decision: 8, reign: 1, air: 2, controllers: true, log: 2},
	{sentence: 2, risks: 3, decision: 8, reign: 1, controllers: true, log: 2},
	{sentence: 2, risks: 3, decision: 4, controllers: true, log: 1},
	{sentence: 1, risks: 1, decision: 3, log: 2},
	{sentence: 1, risks: 1, decision: 1, log: 1},
}

// gap is the air before part i: state, nodes, controllers, log. It is kept
// longest where tables begin.
func (e effort) gap(i int) []string {
	if [...]int{2, 0, 1, 3}[i] < e.air {
		return []string{""}
	}
	return nil
}

// draw returns at most height lines, none wider than width.
func (f frame) draw() string {
	top, bottom := f.top(), f.bottom()
	if len(f.help) > 0 {
		lines := []string{""}
		for _, l := range f.help {
			lines = append(lines, fit(" "+l, f.width))
		}
		return f.stack(top, fill(lines, f.height-len(top)-len(bottom)), bottom)
	}
	nodes, controllers := f.nodes(), f.controllers()
	for _, e := range efforts {
		parts := [][]string{f.state(e), nodes}
		if e.controllers {
			parts = append(parts, controllers)
		}
		lines := slices.Clone(top)
		for i, p := range parts {
			lines = append(append(lines, e.gap(i)...), p...)
		}
		lines = append(lines, e.gap(3)...)
		if room := f.height - len(lines) - len(bottom); room >= e.log {
			return f.stack(lines, f.events(room), bottom)
		}
	}
	state := f.state(effort{sentence: 1})
	return f.stack(top, state, fill(nodes, f.height-len(top)-len(state)-len(bottom)), bottom)
}

// stack joins the parts and cuts what is too much in the middle: the command
// line is always there.
func (f frame) stack(parts ...[]string) string {
	bottom := parts[len(parts)-1]
	lines := slices.Concat(parts[:len(parts)-1]...)
	lines = lines[:min(len(lines), max(f.height-len(bottom), 0))]
	return strings.Join(append(lines, bottom...), "\n")
}

// fill makes lines exactly n lines long.
func fill(lines []string, n int) []string {
	n = max(n, 0)
	lines = lines[:min(len(lines), n)]
	return append(lines, make([]string, n-len(lines))...)
}

// top is the title and the line a reader copies from.
func (f frame) top() []string {
	title := " Memgraph sandbox"
	gap := max(f.width-lipgloss.Width(title)-lipgloss.Width(f.s.Product)-1, 1)
	bar := f.theme.bar.Render(pad(title+strings.Repeat(" ", gap)+f.s.Product, f.width))
	return []string{bar, f.addresses()}
}

// bottom is the command line and what can be typed there.
func (f frame) bottom() []string {
	line := " " + hints
	if lipgloss.Width(line)+lipgloss.Width(moreHints) <= f.width {
		line += moreHints
	}
	return []string{f.input, f.theme.dim.Render(fit(line, f.width))}
}

// addresses is the line a reader copies from.
func (f frame) addresses() string {
	line := f.theme.address.Render(fit(" "+f.s.Write, f.width))
	for _, more := range []struct{ dim, address string }{{" read/write", ""}, {" · ", f.s.Read}, {" read-only", ""}, {" · ", f.s.Page}, {" dashboard", ""}} {
		if lipgloss.Width(line)+lipgloss.Width(more.dim+more.address) > f.width {
			break
		}
		line += f.theme.dim.Render(more.dim) + f.theme.address.Render(more.address)
	}
	return line
}

// state is the sentence, what is at risk, and what the controller does about it.
func (f frame) state(e effort) []string {
	var lines []string
	add := func(mark, text string, style lipgloss.Style, most int) {
		if text == "" || most < 1 {
			return
		}
		for i, l := range wrap(text, f.width-3, most) {
			if i > 0 {
				mark = " "
			}
			lines = append(lines, style.Render(fit(" "+mark+" "+l, f.width)))
		}
	}
	add(f.s.Tone.mark(), f.s.Sentence, f.theme.tone(f.s.Tone).Inherit(f.theme.sentence), e.sentence)
	most := len(lines) + e.risks
	for i, r := range f.s.Risks {
		if left := most - len(lines); i < len(f.s.Risks)-1 && left == 1 {
			add(r.Tone.mark(), fmt.Sprintf("%d more things need attention; the log has them", len(f.s.Risks)-i), f.theme.tone(r.Tone), 1)
			break
		}
		add(r.Tone.mark(), r.Text, f.theme.tone(r.Tone), min(2, most-len(lines)))
	}
	add(" ", f.s.Decision, f.theme.text, e.decision)
	add(" ", f.s.Reign, f.theme.dim, e.reign)
	return lines
}

// mark tells a tone where there is no colour.
func (t Tone) mark() string {
	switch t {
	case Good:
		return "●"
	case Warn:
		return "!"
	case Bad:
		return "✗"
	default:
		return " "
	}
}

// events returns the newest events that fit into room lines, oldest first. The
// answer to the last command stays when others come.
func (f frame) events(room int) []string {
	lines, shown := f.newest(room)
	if f.answer.Text != "" && !slices.Contains(f.log[len(f.log)-shown:], f.answer) {
		answer := f.event(f.answer)
		answer = answer[:min(len(answer), room)]
		lines, _ = f.newest(room - len(answer))
		lines = append(lines, answer...)
	}
	return fill(lines, room)
}

// newest returns the newest events that fit into room lines, and how many.
func (f frame) newest(room int) (lines []string, shown int) {
	for _, e := range slices.Backward(f.log) {
		text := f.event(e)
		if len(lines)+len(text) > room {
			break
		}
		slices.Reverse(text)
		lines = append(lines, text...)
		shown++
	}
	slices.Reverse(lines)
	return lines, shown
}

// event returns the lines of one event.
func (f frame) event(e Event) []string {
	const indent = 12
	mark := e.Tone.mark()
	if e.Tone == Good {
		mark = " " // only what needs attention stands out
	}
	at := e.At.Format(" 15:04:05 ")
	var lines []string
	for _, l := range wrap(e.Text, f.width-indent-1, 2) {
		at = fit(at, f.width)
		lines = append(lines, f.theme.dim.Render(at)+f.theme.tone(e.Tone).Render(fit(mark+" "+l, f.width-lipgloss.Width(at))))
		at, mark = strings.Repeat(" ", indent-2), " "
	}
	return lines
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
		if n.Tone == Warn || n.Tone == Bad {
			mark = n.Tone.mark()
		}
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
		{title: "PAGE", least: 5},
		{title: "SESSIONS", least: 8, right: true},
		{title: "HELD", least: 4, right: true},
		{title: "STATE", least: 9},
	}}
	for _, c := range f.s.Controllers {
		mark := " "
		switch {
		case c.Leads:
			mark = "★"
		case c.Tone == Warn || c.Tone == Bad:
			mark = c.Tone.mark()
		}
		t.row(c.Tone, mark, c.Name, dash(c.Write), dash(c.Read), dash(c.Page), strconv.Itoa(c.Sessions), strconv.Itoa(c.Held), c.State)
	}
	return t.lines()
}

func dash(s string) string { return cmp.Or(s, "–") }
