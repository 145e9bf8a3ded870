package cluster

import (
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	for text, want := range map[string]Request{
		"adopt --main 1":                    {Ask: AskAdopt, Node: 1},
		"adopt --main=1":                    {Ask: AskAdopt, Node: 1},
		"adopt 0":                           {Ask: AskAdopt, Node: 0},
		"promote 1":                         {Ask: AskPromote, Node: 1},
		"promote ha-memgraph-2":             {Ask: AskPromote, Node: 2},
		" Promote  1   --accept-data-loss ": {Ask: AskPromote, Node: 1, AcceptDataLoss: true},
		"rebuild 2":                         {Ask: AskRebuild, Node: 2},
		"discard ha-memgraph-2":             {Ask: AskDiscard, Node: 2},
		"pause":                             {Ask: AskPause, Node: NoNode},
		"resume":                            {Ask: AskResume, Node: NoNode},
		"switchover":                        {Ask: AskSwitchover, Node: NoNode},
		"switchover 2":                      {Ask: AskSwitchover, Node: 2},
		"switchover ha-memgraph-0":          {Ask: AskSwitchover, Node: 0},
	} {
		want.ID = text
		if got, err := ParseRequest(text); err != nil || got != want {
			t.Errorf("ParseRequest(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "promote", "adopt --main", "pause 1", "resume --accept-data-loss", "rebuild 1 --accept-data-loss", "promote 1 2",
		"promote one", "switch 1", "adopt --accept-data-loss 1", "promote -", "promote --main=1x",
		"discard", "discard 1 --accept-data-loss", "switchover 1 2", "switchover now", "switchover --accept-data-loss", "switchover --main 1",
	} {
		if got, err := ParseRequest(text); err == nil || !strings.Contains(err.Error(), "want adopt N") {
			t.Errorf("ParseRequest(%q) = %+v, %v; want an error that shows what is accepted", text, got, err)
		}
	}
}

func TestLongRequestsAreCutShort(t *testing.T) {
	text := "pause" + strings.Repeat(" ", requestLength)
	if _, err := ParseRequest(text); err == nil || len(err.Error()) > 500 || !strings.Contains(err.Error(), "want at most 500") {
		t.Errorf("a request of %d bytes: error %v; want a short one that says how long it may be", len(text), err)
	}
	if _, err := ParseRequest(text[:requestLength]); err != nil {
		t.Errorf("a request of %d bytes: %v", requestLength, err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add("promote 1 --accept-data-loss")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRequest(text)
		if err == nil && (r.Ask < AskAdopt || r.Ask > AskDiscard || r.Node < NoNode) {
			t.Fatalf("ParseRequest(%q) = %+v without an error", text, r)
		}
	})
}
