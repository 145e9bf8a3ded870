package view

import (
	"strings"
	"unicode"

	"charm.land/lipgloss/v2"
)

// clean takes out of unstyled text what could move the cursor or start an escape
// sequence: some of it comes from servers.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}

// pad makes unstyled text exactly width cells wide.
func pad(s string, width int) string {
	s = fit(s, width)
	return s + strings.Repeat(" ", max(width-lipgloss.Width(s), 0))
}

// fit cuts unstyled text that is wider than width cells.
func fit(s string, width int) string {
	s = clean(s)
	if lipgloss.Width(s) <= width {
		return s
	}
	var b strings.Builder
	room := max(width-1, 0)
	for _, r := range s {
		w := lipgloss.Width(string(r))
		if w > room {
			break
		}
		room -= w
		b.WriteRune(r)
	}
	if width > 0 {
		b.WriteRune('…')
	}
	return b.String()
}

// wrap breaks unstyled text between words into at most lines lines, at least
// one. Text that is longer loses its middle: its end says what to do.
func wrap(s string, width, lines int) []string {
	words := strings.Fields(clean(s))
	var out []string
	line := ""
	for _, w := range words {
		longer := strings.TrimSpace(line + " " + w)
		if line == "" || lipgloss.Width(longer) <= width {
			line = longer
			continue
		}
		out, line = append(out, fit(line, width)), w
	}
	out = append(out, fit(line, width))
	switch {
	case len(out) <= lines:
		return out
	case lines <= 1:
		return []string{fit(strings.Join(words, " "), width)}
	}
	return append(out[:lines-1], tail(words, width))
}

// tail returns as many of the last words as fit behind an ellipsis.
func tail(words []string, width int) string {
	text := ""
	for i := len(words) - 1; i >= 0; i-- {
		longer := strings.TrimSpace(words[i] + " " + text)
		if lipgloss.Width(longer)+2 > width {
			break
		}
		text = longer
	}
	return fit("… "+text, width)
}
