package view

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// column is one column of a table.
type column struct {
	title string
	wide  string // title where there is room
	least int    // width in cells
	right bool   // numbers
}

// table lays rows out in columns, with as much air as the width allows.
type table struct {
	theme   theme
	width   int
	columns []column
	rows    [][]string
	tones   []Tone
}

// row adds a row: its mark, and one cell for each column.
func (t *table) row(tone Tone, cells ...string) {
	t.rows = append(t.rows, cells)
	t.tones = append(t.tones, tone)
}

// lines returns the header and the rows.
func (t *table) lines() []string {
	widths, titles := make([]int, len(t.columns)), make([]string, len(t.columns))
	total := 2 // mark and one cell
	for i, c := range t.columns {
		widths[i], titles[i] = c.least, c.title
		for _, r := range t.rows {
			widths[i] = max(widths[i], min(lipgloss.Width(r[i+1]), 24))
		}
		total += widths[i]
	}
	for i, c := range t.columns {
		if grow := lipgloss.Width(c.wide) - widths[i]; c.wide != "" && total+grow+3*len(t.columns) < t.width {
			widths[i], titles[i] = widths[i]+grow, c.wide
			total += grow
		}
	}
	gap := min(max((t.width-total)/(len(t.columns)-1), 1), 3)
	lines := []string{t.theme.head.Render(t.line(" ", titles, widths, gap))}
	for i, r := range t.rows {
		lines = append(lines, t.styled(i, t.line(r[0], r[1:], widths, gap)))
	}
	return lines
}

// styled colours row i: MAIN's and the leader's marks in their own colour, the
// rest in the row's tone.
func (t *table) styled(i int, line string) string {
	tone := t.theme.tone(t.tones[i])
	if mark := t.rows[i][0]; strings.ContainsAny(mark, "●★") && strings.HasPrefix(line, mark) {
		return t.theme.star.Render(mark) + tone.Render(strings.TrimPrefix(line, mark))
	}
	return tone.Render(line)
}

func (t *table) line(mark string, cells []string, widths []int, gap int) string {
	var b strings.Builder
	b.WriteString(mark)
	for i, cell := range cells {
		air := gap
		if i == 0 {
			air = 1
		}
		b.WriteString(strings.Repeat(" ", air))
		cell = fit(cell, widths[i])
		space := strings.Repeat(" ", widths[i]-lipgloss.Width(cell))
		if t.columns[i].right {
			cell = space + cell
		} else {
			cell += space
		}
		b.WriteString(cell)
	}
	return fit(strings.TrimRight(b.String(), " "), t.width)
}
