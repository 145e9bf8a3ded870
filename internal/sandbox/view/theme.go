package view

import (
	"charm.land/lipgloss/v2"
)

// theme has one style for each kind of text.
type theme struct {
	bar      lipgloss.Style // the line on top
	address  lipgloss.Style // what a reader copies
	dim      lipgloss.Style // labels, hints
	head     lipgloss.Style // column names
	text     lipgloss.Style
	good     lipgloss.Style
	warn     lipgloss.Style
	bad      lipgloss.Style
	star     lipgloss.Style
	sentence lipgloss.Style // added to the tone
}

// newTheme returns the colours for a dark or a light terminal.
func newTheme(dark bool) theme {
	pick := lipgloss.LightDark(dark)
	fg := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	return theme{
		bar: lipgloss.NewStyle().Bold(true).
			Foreground(lipgloss.Color("#FFFFFF")).
			Background(pick(lipgloss.Color("#C2410C"), lipgloss.Color("#9A3412"))),
		address:  fg("#0E7490", "#67E8F9").Bold(true),
		dim:      fg("#6B7280", "#8B93A1"),
		head:     fg("#9A3412", "#FDBA74").Bold(true),
		text:     lipgloss.NewStyle(),
		good:     fg("#15803D", "#4ADE80"),
		warn:     fg("#A16207", "#FACC15"),
		bad:      fg("#B91C1C", "#F87171"),
		star:     fg("#C2410C", "#FB923C").Bold(true),
		sentence: lipgloss.NewStyle().Bold(true),
	}
}

// tone returns the style of a tone.
func (t theme) tone(of Tone) lipgloss.Style {
	switch of {
	case Good:
		return t.good
	case Warn:
		return t.warn
	case Bad:
		return t.bad
	default:
		return t.text
	}
}
