package view

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden screens; read the difference before you keep it")

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func healthy() Snapshot {
	return Snapshot{
		Product: "stand-in 3.12.0", Write: "bolt://localhost:7687", Read: "bolt://localhost:7688", Page: "http://localhost:8080",
		Sentence: "MAIN is memgraph-0 · epoch 1 · protected by memgraph-1", Tone: Good,
		Decision: "memgraph-0 serves epoch 1, protected by memgraph-1",
		Reign:    "memgraph-0 reigns since 12:00:00: bootstrap: every node is empty",
		Examples: "kill main, pause 1 …",
		Nodes: []Node{
			{Name: "memgraph-0", Role: "main", State: "up", Main: true, PID: 41234, Tone: Good},
			{Name: "memgraph-1", Role: "replica", State: "up", Mode: "strict_sync", Status: "ready", Promotable: true, PID: 41235},
			{Name: "memgraph-2", Role: "replica", State: "up", Mode: "async", Status: "ready", PID: 41236},
		},
		Controllers: []Controller{
			{Name: "controller-0", Leads: true, Write: "127.0.0.1:7687", Read: "127.0.0.1:7688", Page: ":8080", Sessions: 3, State: "leads", Tone: Good},
			{Name: "controller-1", Write: "127.0.0.1:7689", Read: "127.0.0.1:7690", Page: ":8081", State: "stands by"},
			{Name: "controller-2", Write: "127.0.0.1:7691", Read: "127.0.0.1:7692", Page: ":8082", State: "stands by"},
		},
	}
}

func failing() Snapshot {
	s := healthy()
	s.Sentence, s.Tone = "UNPROTECTED: MAIN is memgraph-1 · epoch 2 · no replica holds every acknowledged write", Warn
	s.Decision = "node 0 refuses connections and node 1 holds every acknowledged write with the same database uuid, so node 1 was promoted; the standby seat is given to node 2 as soon as it has caught up with what was written meanwhile"
	s.Reign = "memgraph-1 reigns since 12:00:00: the process of MAIN memgraph-0 has ended"
	s.Risks = []Risk{{"memgraph-2 is 7 timestamps ahead of MAIN: MAIN may have lost writes; nothing is repaired automatically", Bad}}
	s.Nodes[0] = Node{Name: "memgraph-0", State: "down", Restarts: 12, Tone: Bad, Note: "killed"}
	s.Nodes[1] = Node{Name: "memgraph-1", Role: "main", State: "up", Main: true, PID: 41235, Tone: Good}
	s.Nodes[2] = Node{Name: "memgraph-2", Role: "replica", State: "silent", Mode: "async", Status: "replicating", Behind: -1042, PID: 4123456, Note: "cut off", Tone: Warn}
	s.Controllers[0].Leads, s.Controllers[0].State, s.Controllers[0].Tone = false, "crashed", Bad
	s.Controllers[2].Leads, s.Controllers[2].State, s.Controllers[2].Sessions, s.Controllers[2].Held = true, "leads", 1024, 17
	return s
}

// starting is the first thing there is to show.
func starting() Snapshot {
	s := healthy()
	s.Sentence, s.Tone, s.Decision, s.Reign = "STARTING: the controllers are agreeing on who leads", Plain, "", ""
	for i := range s.Nodes {
		s.Nodes[i] = Node{Name: s.Nodes[i].Name, State: Starts}
		s.Controllers[i].State, s.Controllers[i].Leads, s.Controllers[i].Tone, s.Controllers[i].Sessions = Starts, false, Plain, 0
	}
	return s
}

// refusing is a bootstrap with the longest of all reasons.
func refusing() Snapshot {
	s := healthy()
	s.Sentence, s.Tone, s.Reign = "BOOTSTRAP: nobody is recorded as MAIN", Warn, ""
	s.Decision = "bootstrap refused: more than one node holds data and it is not clear whose is the newest"
	for i := range s.Nodes {
		s.Nodes[i] = Node{Name: s.Nodes[i].Name, Role: "replica", State: "up", PID: 41234 + i}
		s.Decision += fmt.Sprintf("; memgraph-%d is replica with 1234 vertices and 567 edges of database e2b1c0de-0000-4000-8000-00000000000%d", i, i)
	}
	s.Decision += ". Look at them, then choose: adopt N"
	s.Examples = "adopt 1, if the controllers do not choose by themselves"
	return s
}

func TestScreens(t *testing.T) {
	events := Changes(healthy(), failing(), noon)
	for _, tt := range []struct {
		name string
		f    frame
	}{
		{"starting_80x24", frame{s: starting(), width: 80, height: 24, log: Changes(Snapshot{}, starting(), noon)}},
		{"healthy_80x24", frame{s: healthy(), width: 80, height: 24, log: Changes(starting(), healthy(), noon)}},
		{"refusing_80x24", frame{s: refusing(), width: 80, height: 24, log: Changes(healthy(), refusing(), noon)}},
		{"refusing_80x18", frame{s: refusing(), width: 80, height: 18, log: Changes(healthy(), refusing(), noon)}},
		{"failing_80x24", frame{s: failing(), width: 80, height: 24, log: events}},
		{"failing_120x40", frame{s: failing(), width: 120, height: 40, log: events}},
		{"failing_60x14", frame{s: failing(), width: 60, height: 14, log: events}},
		{"help_80x24", frame{s: healthy(), width: 80, height: 24, help: []string{"kill N      SIGKILL node N", "quit        end it"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.input = " ❯ kill 0"
			got := tt.f.draw() + "\n"
			path := filepath.Join("testdata", tt.name+".txt")
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("screen:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestScreenNeverLeavesTheTerminal(t *testing.T) {
	hostile := failing()
	hostile.Decision = "the server says:\x1b[31mred\x1b]0;title\a\r\n\tand more"
	hostile.Risks = append(hostile.Risks, Risk{hostile.Decision, Bad}, Risk{"one", Warn}, Risk{"two", Warn}, Risk{"three", Warn})
	for _, s := range []Snapshot{failing(), hostile, refusing()} {
		for _, th := range []theme{{}, newTheme(true)} {
			for width := 1; width < 130; width += 13 {
				for height := 1; height < 45; height += 3 {
					f := frame{s: s, answer: Event{At: noon, Text: hostile.Decision, Tone: Bad}, log: Changes(Snapshot{}, s, noon), input: ">", width: width, height: height, theme: th}
					inside(t, f)
				}
			}
		}
	}
}

// inside fails if a frame is drawn outside its terminal, or steers it.
func inside(t *testing.T, f frame) {
	t.Helper()
	lines := strings.Split(f.draw(), "\n")
	if len(lines) > max(f.height, 2) {
		t.Fatalf("%d×%d: %d lines", f.width, f.height, len(lines))
	}
	for _, l := range lines {
		if w := lipgloss.Width(l); w > f.width {
			t.Fatalf("%d×%d: a line is %d wide: %q", f.width, f.height, w, l)
		}
		if strings.Contains(l, "\x1b[31mred") || strings.ContainsAny(l, "\a\r\t") {
			t.Fatalf("%d×%d: a server's words reach the terminal as they are: %q", f.width, f.height, l)
		}
	}
}

func TestWithoutColourTheSentenceAndRowsSayHowBadItIs(t *testing.T) {
	text := "\n" + frame{s: failing(), width: 120, height: 30}.draw()
	for _, want := range []string{" ! UNPROTECTED", " ✗ memgraph-2 is 7 timestamps ahead", "\n✗ memgraph-0", "\n● memgraph-1", "\n! memgraph-2", "\n✗ controller-0", "\n★ controller-2"} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen without colours lacks %q:\n%s", want, text)
		}
	}
}

func TestAdviceAtTheEndOfALongReasonIsNotCut(t *testing.T) {
	for height := 16; height <= 50; height++ {
		text := frame{s: refusing(), width: 80, height: height}.draw()
		if !strings.Contains(strings.Join(strings.Fields(text), " "), "choose: adopt N") {
			t.Fatalf("80×%d: the screen does not say what to do:\n%s", height, text)
		}
	}
}

// fake is a Source that remembers what it was told to do.
type fake struct {
	mu   sync.Mutex
	s    Snapshot
	did  []string
	asks int
}

func (f *fake) Snapshot() Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks++
	return f.s
}

func (f *fake) Do(_ context.Context, command string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, command)
	switch command {
	case "quit":
		return "", ErrQuit
	case "fly":
		return "", errors.New("fly: no such command; try help")
	}
	return "did " + command, nil
}

// typed feeds keys to a model, runs the commands they cause, and returns the
// model and whether it quit.
func typed(t *testing.T, m tea.Model, keys ...string) (model, bool) {
	t.Helper()
	quit := false
	for _, k := range keys {
		press := tea.KeyPressMsg{Text: k}
		switch k {
		case "enter":
			press = tea.KeyPressMsg{Code: tea.KeyEnter}
		case "up":
			press = tea.KeyPressMsg{Code: tea.KeyUp}
		case "tab":
			press = tea.KeyPressMsg{Code: tea.KeyTab}
		case "esc":
			press = tea.KeyPressMsg{Code: tea.KeyEscape}
		case "ctrl+c":
			press = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		default:
			press.Code = []rune(k)[0]
		}
		var cmd tea.Cmd
		if m, cmd = m.Update(press); cmd == nil {
			continue
		}
		switch msg := cmd().(type) {
		case tea.QuitMsg:
			quit = true
		case answer:
			if m, cmd = m.Update(msg); cmd != nil {
				_, quit = cmd().(tea.QuitMsg)
			}
		}
	}
	return m.(model), quit
}

func TestCommandLine(t *testing.T) {
	source := &fake{}
	m := newModel(t.Context(), source, Options{Commands: []string{"kill 0", "kill leader"}, Help: []string{"the help"}})
	m.now = func() time.Time { return noon }
	m, _ = typed(t, m, "k", "i", "tab", "enter")
	m, _ = typed(t, m, "f", "l", "y", "enter", "up", "up", "enter")
	if got := strings.Join(source.did, ", "); got != "kill 0, fly, kill 0" {
		t.Errorf("commands carried out: %s; want kill 0 completed by tab, fly, and kill 0 from the history", got)
	}
	if last := m.log[1]; last.Text != "fly: no such command; try help" || last.Tone != Bad {
		t.Errorf("log after a refused command: %+v", last)
	}
	m, _ = typed(t, m, "?")
	if !strings.Contains(m.View().Content, "the help") {
		t.Error("? does not show the help")
	}
	m, _ = typed(t, m, "esc")
	if strings.Contains(m.View().Content, "the help") {
		t.Error("esc does not leave the help")
	}
	if _, quit := typed(t, m, "q", "u", "i", "t", "enter"); !quit {
		t.Error("quit does not quit")
	}
	if _, quit := typed(t, m, "ctrl+c"); !quit {
		t.Error("ctrl+c does not quit")
	}
}

func TestNewsAreLoggedOnceAndTheCursorStaysOnTheCommandLine(t *testing.T) {
	var m tea.Model = newModel(t.Context(), &fake{}, Options{})
	m, _ = m.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	m, _ = m.Update(news{healthy()})
	if got := m.(model).input.Placeholder; got != healthy().Examples {
		t.Errorf("the empty command line offers %q; want the source's examples", got)
	}
	first := len(m.(model).log)
	s := healthy()
	s.Nodes[2].Behind, s.Nodes[2].Status, s.Controllers[0].Sessions = -5, "recovery", 9
	m, _ = m.Update(news{s})
	if got := m.(model).log; len(got) != first {
		t.Errorf("lag, sessions and a recovering ASYNC replica were logged: %v", got[first:])
	}
	m, _ = m.Update(news{failing()})
	if got := m.(model).log; len(got) == first {
		t.Error("a failover was not logged")
	}
	v := m.View()
	if v.Cursor == nil || v.Cursor.Y != 28 || lipgloss.Height(v.Content) != 30 {
		t.Errorf("cursor %+v on a screen of %d lines; want it on the last but one of 30", v.Cursor, lipgloss.Height(v.Content))
	}
}

func TestAnswerStaysOnTheScreenWhenOtherNewsCome(t *testing.T) {
	source := &fake{}
	m := newModel(t.Context(), source, Options{})
	now := noon
	m.now = func() time.Time { return now }
	m, _ = typed(t, m, "f", "l", "y", "enter")
	for i := range 50 {
		m.note(Event{At: noon, Text: fmt.Sprintf("news %d", i)})
	}
	const said = "✗ fly: no such command; try help"
	if text := m.View().Content; strings.Count(text, "no such command") != 1 || !strings.Contains(text, "news 49") {
		t.Errorf("the screen lacks the answer %q or the news:\n%s", said, text)
	}
	now = noon.Add(time.Minute)
	if text := m.View().Content; strings.Contains(text, "no such command") {
		t.Errorf("an old answer stays:\n%s", text)
	}
	m, _ = typed(t, m, "f", "l", "y", "enter")
	if text := m.View().Content; strings.Count(text, "no such command") != 1 {
		t.Errorf("an answer that is the newest event is shown twice, or not at all:\n%s", text)
	}
}

// output is a log that can be read while it is written.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func TestLinesLogChangesAndTakeCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{s: starting()}
		in, typing := io.Pipe()
		var out output
		done := make(chan struct{})
		go func() {
			defer close(done)
			Lines(t.Context(), source, in, slog.New(slog.NewTextHandler(&out, nil)), Options{})
		}()
		time.Sleep(time.Second)
		if out.String() != "" {
			t.Errorf("what starts is logged as news:\n%s", out.String())
		}
		source.mu.Lock()
		source.s = healthy()
		source.mu.Unlock()
		time.Sleep(time.Second)
		before := strings.Count(out.String(), "\n")
		time.Sleep(time.Minute)
		if after := strings.Count(out.String(), "\n"); after != before {
			t.Errorf("%d lines were logged while nothing happened", after-before)
		}
		source.mu.Lock()
		source.s = failing()
		source.mu.Unlock()
		time.Sleep(time.Second)
		io.WriteString(typing, "fly\nkill 0\nquit\n")
		<-done
		typing.Close()
		for _, want := range []string{
			"level=INFO msg=\"sandbox changed\" news=\"MAIN is memgraph-0", "level=INFO msg=\"sandbox changed\" news=\"memgraph-1 reigns since", "level=WARN msg=\"sandbox changed\" news=\"UNPROTECTED: MAIN is memgraph-1", "level=ERROR msg=\"sandbox changed\" news=\"memgraph-0: down, killed\"",
			"msg=\"command refused\" command=fly", "msg=\"command done\" command=\"kill 0\" news=\"did kill 0\"",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, out.String())
			}
		}
	})
}
