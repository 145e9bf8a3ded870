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

// newTheme returns the colours for a dark or a light terminal. All are among the
// 256 that every terminal has.
func newTheme(dark bool) theme {
	pick := lipgloss.LightDark(dark)
	fg := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	return theme{
		bar: lipgloss.NewStyle().Bold(true).
			Foreground(lipgloss.Color("#FFFFFF")).
			Background(pick(lipgloss.Color("#AF5F00"), lipgloss.Color("#875F00"))),
		address:  fg("#005F87", "#5FD7FF").Bold(true),
		dim:      fg("#6C6C6C", "#8A8A8A"),
		head:     fg("#6C6C6C", "#8A8A8A").Bold(true),
		text:     lipgloss.NewStyle(),
		good:     fg("#008700", "#5FD787"),
		warn:     fg("#875F00", "#FFD700"),
		bad:      fg("#AF0000", "#FF5F5F"),
		star:     fg("#D75F00", "#FF8700").Bold(true),
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
