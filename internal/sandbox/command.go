package sandbox

import (
	"fmt"
	"strconv"
	"strings"

	"memgraph-controller/internal/cluster"
)

// verb is what a command does.
type verb string

// The commands. Each may be cut to its first letter.
const (
	kill   verb = "kill"
	pause  verb = "pause"
	resume verb = "resume"
	cut    verb = "cut"
	heal   verb = "heal"
	wipe   verb = "wipe"
	quit   verb = "quit"
)

var verbs = []verb{kill, pause, resume, cut, heal, wipe, quit}

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
}

// Help explains the commands, one a line.
func Help() []string {
	return []string{
		"kill 0       end node 0 with SIGKILL; it is started again like by a kubelet",
		"pause 1      stop node 1 with SIGSTOP: it keeps its connections, and is mute",
		"resume 1     let it go on",
		"cut 2        cut node 2 off the network, as a firewall that drops would",
		"heal 2       let it back",
		"wipe 2       start node 2 with an empty disk; its data are kept aside",
		"kill leader  the controller that leads dies without giving up its lease",
		"quit         end all of it",
		"",
		"A node is a number, or main; resume and heal also take all. Words may be cut",
		"to their first letter: k0 kills node 0, kl the leader.",
		"",
		"✓ promotable: this node holds every acknowledged write   ↻ restarts   ★ leader",
		"LAG is in transactions behind MAIN. HELD clients wait for a MAIN.",
		"",
		"Connect with any Neo4j driver or mgconsole to the address on top, and break",
		"what you like meanwhile.",
	}
}

// Suggestions are complete commands for a cluster of n nodes.
func Suggestions(n int) []string {
	var list []string
	for _, v := range []verb{kill, pause, resume, cut, heal, wipe} {
		for i := range n {
			list = append(list, fmt.Sprintf("%s %d", v, i))
		}
		list = append(list, string(v)+" main")
	}
	return append(list, "kill leader", "resume all", "heal all", "help", "quit")
}

// parse reads a command for a cluster of n nodes. Its error says what would do.
func parse(line string, n int) (command, error) {
	words := strings.Fields(strings.ToLower(line))
	if len(words) == 1 && len(words[0]) == 2 { // k0, kl
		words = []string{words[0][:1], words[0][1:]}
	}
	if len(words) == 0 {
		return command{}, fmt.Errorf("nothing was asked for; try help")
	}
	v, ok := parseVerb(words[0])
	if !ok {
		return command{}, fmt.Errorf("%q is no command; try help", words[0])
	}
	switch {
	case v == quit && len(words) == 1:
		return command{verb: quit, target: target{node: cluster.NoNode}}, nil
	case len(words) == 1:
		return command{}, fmt.Errorf("%s whom? a node from 0 to %d, or main", v, n-1)
	case len(words) > 2:
		return command{}, fmt.Errorf("%s takes one thing at a time", v)
	}
	t, err := parseTarget(v, words[1], n)
	if err != nil {
		return command{}, err
	}
	return command{v, t}, nil
}

func parseVerb(word string) (verb, bool) {
	if word == "exit" {
		return quit, true
	}
	for _, v := range verbs {
		if word == string(v) || word == string(v[0]) {
			return v, true
		}
	}
	return "", false
}

func parseTarget(v verb, word string, n int) (target, error) {
	t := target{node: cluster.NoNode}
	switch word {
	case "main", "m":
		t.main = true
		return t, nil
	case "leader", "l":
		if v != kill {
			return t, fmt.Errorf("a controller can only be killed: kill leader")
		}
		t.leader = true
		return t, nil
	case "all", "a":
		if v != resume && v != heal {
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
