package view

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Tone says how a reader should take something.
type Tone uint8

// The tones.
const (
	Plain Tone = iota
	Good       // as it should be
	Warn       // serving, but less safe than it should be
	Bad        // not serving, or refused
)

// Starts is the state of a node or controller that has not come up yet.
const Starts = "starts"

// Snapshot is everything there is to show at one moment.
type Snapshot struct {
	Product     string // what the nodes are, e.g. "stand-in 3.12.0"
	Write       string // address for drivers that write, e.g. "bolt://localhost:7687"
	Read        string // address for drivers that only read
	Page        string // URL of a dashboard
	Sentence    string // the state of the cluster in one sentence
	Tone        Tone   // of the sentence; Plain while the sandbox starts
	Risks       []Risk // what a reader should know besides, worst first
	Decision    string // the last decision and its reason
	Reign       string // since when and why MAIN is MAIN
	Examples    string // commands that make sense now, offered on the empty command line
	Nodes       []Node
	Controllers []Controller
}

// Risk is one thing that is not as it should be.
type Risk struct {
	Text string
	Tone Tone
}

// Node is one row of the table of nodes. Empty texts are shown as "–".
type Node struct {
	Name       string
	Role       string // main, replica, or "" while it has not said
	State      string // what the leader sees: starts, up, silent, down …
	Mode       string // how MAIN replicates to it: strict_sync, sync, async; "" for MAIN and strangers
	Status     string // what MAIN says of it: ready, recovery …
	Behind     int64  // transactions behind MAIN
	Promotable bool
	Main       bool // it reigns, by the record
	Restarts   int
	PID        int    // 0: no process
	Note       string // what was done to it: paused, cut off, killed
	Tone       Tone
}

// Controller is one row of the table of controllers.
type Controller struct {
	Name     string
	Leads    bool
	Write    string // host:port of its read/write gateway
	Read     string // host:port of its read-only gateway
	Page     string // :port of its dashboard
	Sessions int
	Held     int    // clients that wait for a MAIN
	State    string // what it is doing: starts, leads, stands by, crashed
	Tone     Tone
}

// Event is one line of the log.
type Event struct {
	At   time.Time
	Text string
	Tone Tone
}

// ErrQuit is what Source.Do returns to end the view.
var ErrQuit = errors.New("quit")

// Source is what a view shows and commands. Its methods may be called at any
// time from any goroutine.
type Source interface {
	Snapshot() Snapshot
	// Do carries out a command and says what it did. Its error is shown as it is;
	// ErrQuit ends the view.
	Do(ctx context.Context, command string) (string, error)
}

// same reports whether there is nothing new to draw.
func same(a, b Snapshot) bool { return reflect.DeepEqual(a, b) }

// Changes tells in words what is different in next, oldest cause first. It
// leaves out what flickers under load (lag, sessions, how far a replica is at this
// instant), and what is there from the beginning
// and asks for no attention.
func Changes(prev, next Snapshot, now time.Time) []Event {
	var events []Event
	add := func(t Tone, format string, args ...any) {
		events = append(events, Event{At: now, Tone: t, Text: fmt.Sprintf(format, args...)})
	}
	first := func(old string, t Tone) bool { return old == "" && t == Plain }
	for i, n := range next.Nodes {
		old := Node{}
		if i < len(prev.Nodes) {
			old = prev.Nodes[i]
		}
		if text := n.describe(); text != old.describe() && !first(old.Name, n.Tone) {
			add(n.Tone, "%s: %s", n.Name, text)
		}
	}
	for i, c := range next.Controllers {
		old := Controller{}
		if i < len(prev.Controllers) {
			old = prev.Controllers[i]
		}
		ready := old.State == Starts && c.Tone == Plain
		if c.State != old.State && !first(old.Name, c.Tone) && !ready {
			add(c.Tone, "%s: %s", c.Name, c.State)
		}
	}
	for _, r := range next.Risks {
		if !slices.Contains(prev.Risks, r) {
			add(r.Tone, "%s", r.Text)
		}
	}
	if next.Reign != prev.Reign && next.Reign != "" {
		add(Plain, "%s", next.Reign)
	}
	if next.Tone == Plain { // it starts
		return events
	}
	if next.Decision != "" && (next.Decision != prev.Decision || prev.Tone == Plain) {
		add(Plain, "decided: %s", next.Decision)
	}
	if next.Sentence != prev.Sentence && next.Sentence != "" {
		add(next.Tone, "%s", next.Sentence)
	}
	return events
}

// troubled reports whether what MAIN says of a replica is news. Under load one in
// the standby seat is ready and replicating in turn, and an ASYNC one anything.
func (n Node) troubled() bool {
	switch n.Status {
	case "", "ready", "replicating":
		return false
	case "diverged", "ghost":
		return true
	}
	return n.Mode != "async"
}

// describe says in a few words what a node is and how it fares. One that starts
// is only that: its process is told when it is up.
func (n Node) describe() string {
	switch {
	case n.Name == "":
		return ""
	case n.State == Starts:
		return Starts
	}
	words := []string{n.State}
	for _, w := range []string{n.Role, n.Mode} {
		if w != "" {
			words = append(words, w)
		}
	}
	if n.troubled() {
		words = append(words, n.Status)
	}
	if n.Promotable {
		words = append(words, "promotable")
	}
	if n.Note != "" && n.Note != n.State {
		words = append(words, n.Note)
	}
	text := strings.Join(words, ", ")
	if n.PID != 0 {
		text += fmt.Sprintf(" (pid %d)", n.PID)
	}
	return text
}
