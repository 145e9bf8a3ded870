package view

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

const (
	logLength     = 500 // events kept; more than any terminal is high
	historyLength = 50  // commands kept

	answerFor = 30 * time.Second // how long an answer stays on the screen
)

// Options are what a view needs besides its Source.
type Options struct {
	Commands []string // offered to complete what is typed
	Help     []string // shown by "?"
}

// model is the screen, in Bubble Tea's sense.
type model struct {
	ctx    context.Context // of Run: ends commands that are under way
	source Source
	opts   Options
	now    func() time.Time

	snapshot Snapshot
	log      []Event
	answer   Event // to the last command
	help     bool
	input    textinput.Model
	history  []string
	recalled int // how far back in history; 0: not at all

	width, height int
	theme         theme
}

// The messages.
type (
	news   struct{ s Snapshot } // the Source says something new
	answer struct {             // a command has ended
		text string
		err  error
	}
)

func newModel(ctx context.Context, source Source, opts Options) model {
	input := textinput.New()
	input.Prompt = " ❯ "
	input.CharLimit = 80
	input.ShowSuggestions = true
	input.SetSuggestions(opts.Commands)
	input.SetVirtualCursor(false)
	input.Focus()
	m := model{ctx: ctx, source: source, opts: opts, now: time.Now, input: input, width: 80, height: 24}
	m.paint(true)
	return m
}

// paint sets the colours for a dark or a light terminal.
func (m *model) paint(dark bool) {
	m.theme = newTheme(dark)
	styles := textinput.DefaultStyles(dark)
	styles.Focused.Prompt = m.theme.star
	styles.Focused.Placeholder = m.theme.dim
	styles.Focused.Suggestion = m.theme.dim
	m.input.SetStyles(styles)
}

// Init asks the terminal for its background.
func (m model) Init() tea.Cmd { return tea.RequestBackgroundColor }

// Update takes in one message.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.input.SetWidth(max(msg.Width-6, 10))
		return m, nil
	case tea.BackgroundColorMsg:
		m.paint(msg.IsDark())
		return m, nil
	case news:
		m.note(Changes(m.snapshot, msg.s, m.now())...)
		m.snapshot = msg.s
		m.input.Placeholder = msg.s.Examples
		return m, nil
	case answer:
		return m.answered(msg)
	case tea.KeyPressMsg:
		return m.pressed(msg)
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(msg)
	return m, cmd
}

// pressed takes in a key.
func (m model) pressed(key tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	empty := m.input.Value() == ""
	switch k := key.String(); {
	case k == "ctrl+c", k == "ctrl+d" && empty:
		return m, tea.Quit
	case k == "enter":
		return m.enter()
	case k == "esc":
		m.help, m.recalled = false, 0
		m.input.Reset()
		return m, nil
	case k == "?" && empty:
		m.help = !m.help
		return m, nil
	case k == "up", k == "down":
		m.recall(k == "up")
		return m, nil
	}
	var cmd tea.Cmd
	m.input, cmd = m.input.Update(key)
	return m, cmd
}

// enter carries out what was typed.
func (m model) enter() (tea.Model, tea.Cmd) {
	line := strings.TrimSpace(m.input.Value())
	m.input.Reset()
	m.recalled = 0
	switch line {
	case "":
		return m, nil
	case "help", "?":
		m.help = true
		return m, nil
	}
	m.help = false
	if len(m.history) == 0 || m.history[len(m.history)-1] != line {
		m.history = append(m.history, line)
		m.history = m.history[max(len(m.history)-historyLength, 0):]
	}
	ctx, source := m.ctx, m.source
	return m, func() tea.Msg {
		text, err := source.Do(ctx, line)
		return answer{text, err}
	}
}

// answered shows what a command did.
func (m model) answered(a answer) (tea.Model, tea.Cmd) {
	switch {
	case errors.Is(a.err, ErrQuit):
		return m, tea.Quit
	case a.err != nil:
		m.answer = Event{At: m.now(), Text: a.err.Error(), Tone: Bad}
	case a.text != "":
		m.answer = Event{At: m.now(), Text: a.text}
	default:
		return m, nil
	}
	m.note(m.answer)
	return m, nil
}

// recall puts an earlier command on the line.
func (m *model) recall(earlier bool) {
	step := -1
	if earlier {
		step = 1
	}
	m.recalled = min(max(m.recalled+step, 0), len(m.history))
	if m.recalled == 0 {
		m.input.Reset()
		return
	}
	m.input.SetValue(m.history[len(m.history)-m.recalled])
	m.input.CursorEnd()
}

func (m *model) note(events ...Event) {
	m.log = slices.Concat(m.log, events) // a copy: an older model may still be drawn
	m.log = m.log[max(len(m.log)-logLength, 0):]
}

// View draws the screen.
func (m model) View() tea.View {
	f := frame{
		s: m.snapshot, log: m.log, input: m.input.View(),
		width: m.width, height: m.height, theme: m.theme,
	}
	if m.help {
		f.help = m.opts.Help
	}
	if m.now().Sub(m.answer.At) < answerFor {
		f.answer = m.answer
	}
	v := tea.NewView(f.draw())
	v.AltScreen = true
	v.WindowTitle = "Memgraph sandbox"
	if c := m.input.Cursor(); c != nil {
		c.Y = max(lipgloss.Height(v.Content)-2, 0)
		v.Cursor = c
	}
	return v
}
