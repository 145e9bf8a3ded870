package view

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Paint says whether texts are coloured.
type Paint bool

// cell is a piece of text and what it looks like.
type cell struct{ text, code string }

func plain(text string) cell { return cell{text, ""} }

func (p Paint) with(code, text string) cell {
	if !p {
		code = ""
	}
	return cell{text, code}
}

func (p Paint) bold(text string) cell { return p.with("1", text) }
func (p Paint) good(text string) cell { return p.with("32", text) }
func (p Paint) warn(text string) cell { return p.with("33", text) }
func (p Paint) bad(text string) cell  { return p.with("31", text) }
func (p Paint) dim(text string) cell  { return p.with("2", text) }

// String returns the text with its colour.
func (c cell) String() string {
	if c.code == "" {
		return c.text
	}
	return "\x1b[" + c.code + "m" + c.text + "\x1b[0m"
}

// table writes cells in columns.
type table struct {
	head []string
	rows [][]cell
}

func (t *table) add(row ...cell) { t.rows = append(t.rows, row) }

// write writes the table.
func (t *table) write(w io.Writer) {
	for _, line := range t.lines() {
		fmt.Fprintln(w, line)
	}
}

// lines returns the table's lines. Columns of which all is empty are left out.
func (t *table) lines() []string {
	if len(t.rows) == 0 {
		return nil
	}
	rows := t.rows
	if t.head != nil {
		head := make([]cell, len(t.head))
		for i, h := range t.head {
			head[i] = plain(h)
		}
		rows = append([][]cell{head}, rows...)
	}
	widths := t.widths()
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			if widths[i] == 0 {
				continue
			}
			line.WriteString(c.String())
			line.WriteString(strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(c.text), 0)+2))
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

func (t *table) widths() []int {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for i, h := range t.head {
		if i < len(widths) && widths[i] > 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(h))
		}
	}
	return widths
}

// span writes a duration as kubectl does.
func span(d time.Duration) string { return duration.HumanDuration(d) }
