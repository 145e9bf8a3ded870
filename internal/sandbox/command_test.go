package sandbox

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"memgraph-controller/internal/cluster"
)

func TestCommandsAreReadOrExplained(t *testing.T) {
	for line, want := range map[string]command{
		"kill 0":                                {verb: kill, target: target{node: 0}},
		"KILL  Main":                            {verb: kill, target: target{node: cluster.NoNode, main: true}},
		"k2":                                    {verb: kill, target: target{node: 2}},
		"kl":                                    {verb: kill, target: target{node: cluster.NoNode, leader: true}},
		"kill leader":                           {verb: kill, target: target{node: cluster.NoNode, leader: true}},
		"p 1":                                   {verb: pause, target: target{node: 1}},
		"heal all":                              {verb: heal, target: target{node: cluster.NoNode, all: true}},
		"wipe memgraph-2":                       {verb: wipe, target: target{node: 2}},
		"q":                                     {verb: quit, target: target{node: cluster.NoNode}},
		"pa":                                    {verb: pause, target: target{node: cluster.NoNode, all: true}},
		"kill all":                              {verb: kill, target: target{node: cluster.NoNode, all: true}},
		"forget":                                {verb: forget, target: target{node: cluster.NoNode}},
		"switchover":                            {verb: change, target: target{node: cluster.NoNode}},
		"switchover 2":                          {verb: change, target: target{node: 2}},
		"adopt 1":                               {verb: adopt, target: target{node: 1}},
		"adopt --main 1":                        {verb: adopt, target: target{node: 1}},
		"adopt --main=1":                        {verb: adopt, target: target{node: 1}},
		"promote 1":                             {verb: promote, target: target{node: 1}},
		"promote 1 accept-data-loss":            {verb: promote, target: target{node: 1}, accept: true},
		"promote 1 --accept-data-loss":          {verb: promote, target: target{node: 1}, accept: true},
		"promote --accept-data-loss memgraph-1": {verb: promote, target: target{node: 1}, accept: true},
		"promote main --accept-data-loss":       {verb: promote, target: target{node: cluster.NoNode, main: true}, accept: true},
		"exit":                                  {verb: quit, target: target{node: cluster.NoNode}},
	} {
		if got, err := parse(line, 3); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":                           "nothing was asked for",
		"fly 1":                      `"fly" is no command; try help`,
		"kill":                       "kill whom? a node from 0 to 2, or main",
		"kill 3":                     `there is no node "3"; the nodes are 0 to 2`,
		"kill -1":                    "there is no node",
		"kill 0 1":                   "kill takes one thing at a time",
		"pause leader":               "a controller can only be killed",
		"wipe all":                   "wipe takes one node at a time",
		"a 1":                        `"a" is no command; try help`,
		"adopt":                      "adopt whom? a node from 0 to 2",
		"switchover main":            "switchover whom? a node from 0 to 2",
		"switchover all":             "switchover takes one node at a time",
		"switchover leader":          "a controller can only be killed",
		"adopt all":                  "adopt takes one node at a time",
		"adopt main":                 "adopt whom? a node from 0 to 2",
		"adopt --main":               "adopt whom? a node from 0 to 2",
		"adopt 1 2":                  "adopt takes one thing at a time",
		"promote --accept-data-loss": "promote whom? a node from 0 to 2, or main",
		"kill 1 --accept-data-loss":  "kill takes one thing at a time",
		"forget 1":                   "forget stands alone",
	} {
		if got, err := parse(line, 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q = %+v, %v; want an error that says %q", line, got, err, want)
		}
	}
	for _, s := range Suggestions(3) {
		if _, err := parse(s, 3); err != nil && s != "help" {
			t.Errorf("the suggestion %q is refused: %v", s, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range Suggestions(3) {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, line string, n int) {
		c, err := parse(line, n)
		if err == nil && c.target.node != cluster.NoNode && (c.target.node < 0 || int(c.target.node) >= n) {
			t.Errorf("%q for %d nodes = %+v: no such node", line, n, c)
		}
	})
}

func TestHelpFitsASmallScreen(t *testing.T) {
	const least, others = 24, 5 // lines: title, addresses, air, command line, hints
	lines := Help("/tmp/memgraph-sandbox-1234567890")
	if len(lines) > least-others {
		t.Errorf("help has %d lines; want at most %d", len(lines), least-others)
	}
	for _, l := range lines {
		if w := utf8.RuneCountInString(l); w > 78 {
			t.Errorf("%q is %d wide; want at most 78", l, w)
		}
	}
	text := strings.Join(lines, "\n")
	for _, v := range append(slices.Clone(breakers), deciders...) {
		if !strings.Contains(text, string(v)+" ") {
			t.Errorf("help does not explain %s", v)
		}
	}
}
