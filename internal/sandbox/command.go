package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"memgraph-controller/internal/cluster"
)

// verb is what a command does.
type verb string

// The commands that break something or make it good. Each may be cut to its
// first letter, and so may quit.
const (
	kill   verb = "kill"
	pause  verb = "pause"
	resume verb = "resume"
	cut    verb = "cut"
	heal   verb = "heal"
	wipe   verb = "wipe"
	quit   verb = "quit"
)

// The commands that decide something. They are meant, so they are spelled out.
const (
	adopt   verb = "adopt"
	promote verb = "promote"
	forget  verb = "forget"
	change  verb = "switchover"
)

var (
	breakers = []verb{kill, pause, resume, cut, heal, wipe}
	deciders = []verb{adopt, promote, forget, change}
)

// target is whom a command is meant for.
type target struct {
	node   cluster.Ordinal // NoNode if it is one of the words below
	main   bool            // "main": whoever reigns
	leader bool            // "leader": the controller that leads
	all    bool            // "all" nodes
}

// command is one line a person has typed.
type command struct {
	verb   verb
	target target
	accept bool // promote: with accept-data-loss
}

// parse reads a command for a cluster of n nodes. Its error says what would do.
func parse(line string, n int) (command, error) {
	words := strings.Fields(strings.ToLower(line))
	if len(words) == 1 && len(words[0]) == 2 { // k0, kl
		words = []string{words[0][:1], words[0][1:]}
	}
	if len(words) == 0 {
		return command{}, errors.New("nothing was asked for; try help")
	}
	c := command{target: target{node: cluster.NoNode}}
	var ok bool
	if c.verb, ok = parseVerb(words[0]); !ok {
		return command{}, fmt.Errorf("%q is no command; try help", words[0])
	}
	words = c.flags(words[1:])
	switch {
	case c.verb == quit || c.verb == forget:
		if len(words) > 0 {
			return command{}, fmt.Errorf("%s stands alone", c.verb)
		}
		return c, nil
	case len(words) == 0 && c.verb == change: // to the standby
		return c, nil
	case len(words) == 0 && c.verb == adopt:
		return command{}, fmt.Errorf("adopt whom? a node from 0 to %d", n-1)
	case len(words) == 0:
		return command{}, fmt.Errorf("%s whom? a node from 0 to %d, or main", c.verb, n-1)
	case len(words) > 1:
		return command{}, fmt.Errorf("%s takes one thing at a time", c.verb)
	}
	var err error
	if c.target, err = parseTarget(c.verb, words[0], n); err != nil {
		return command{}, err
	}
	return c, nil
}

// flags takes note of the flags among words and returns the other words. What
// the controllers advise is understood as they write it: "adopt --main 1",
// "promote 1 --accept-data-loss".
func (c *command) flags(words []string) []string {
	var rest []string
	for i, w := range words {
		node, assigned := strings.CutPrefix(w, "--main=")
		switch {
		case c.verb == adopt && assigned:
			rest = append(rest, node)
		case c.verb == adopt && w == "--main" && i == 0:
		case c.verb == promote && strings.TrimPrefix(w, "--") == "accept-data-loss":
			c.accept = true
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

func parseVerb(word string) (verb, bool) {
	if word == "exit" {
		return quit, true
	}
	for _, v := range append(slices.Clone(breakers), quit) {
		if word == string(v) || word == string(v[0]) {
			return v, true
		}
	}
	return verb(word), slices.Contains(deciders, verb(word))
}

func parseTarget(v verb, word string, n int) (target, error) {
	t := target{node: cluster.NoNode}
	switch word {
	case "main", "m":
		if v == adopt || v == change {
			return t, fmt.Errorf("%s whom? a node from 0 to %d", v, n-1)
		}
		t.main = true
		return t, nil
	case "leader", "l":
		if v != kill {
			return t, errors.New("a controller can only be killed: kill leader")
		}
		t.leader = true
		return t, nil
	case "all", "a":
		if v == wipe || slices.Contains(deciders, v) {
			return t, fmt.Errorf("%s takes one node at a time", v)
		}
		t.all = true
		return t, nil
	}
	i, err := strconv.Atoi(strings.TrimPrefix(word, "memgraph-"))
	if err != nil || i < 0 || i >= n {
		return t, fmt.Errorf("there is no node %q; the nodes are 0 to %d", word, n-1)
	}
	t.node = cluster.Ordinal(i)
	return t, nil
}
