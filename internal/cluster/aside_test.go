package cluster

import (
	"slices"
	"strings"
	"testing"
)

func TestCopiesThatAreNamed(t *testing.T) {
	var a Aside
	if got := a.Copies(); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for i := range a.Newest {
		a.Newest[i].Name = "x"
		if got := a.Copies(); len(got) != i+1 {
			t.Errorf("%d copies are %v", i+1, got)
		}
	}
}

// What the platform says is not carried over from an earlier look.
func TestAsideIsAsTheLastLookSaid(t *testing.T) {
	kept := Aside{More: 1}
	if got := (Sighting{Contact: Silent}).After(Sighting{Contact: Answered, Aside: kept}); got.Aside != (Aside{}) {
		t.Errorf("kept aside %+v; the platform says nothing of it any more", got.Aside)
	}
	if got := (Sighting{Contact: Silent, Aside: kept}).After(Sighting{}); got.Aside != kept {
		t.Errorf("kept aside %+v; want %+v", got.Aside, kept)
	}
}

// A server that restarts within its pod has no init container that could have
// discarded anything.
func TestADiscardLastsUntilTheNextPodRuns(t *testing.T) {
	d := Discard{Process: Process{ID: "pod-1/aa"}}
	for id, over := range map[string]bool{"pod-1/aa": false, "pod-1/bb": false, "": false, "pod-2/aa": true, "pod-11/aa": true, "1": true} {
		in := Input{Observation: Observation{Nodes: []Sighting{{Process: Process{ID: id}}}}}
		if got := in.discarded(d); got != over {
			t.Errorf("while %q runs it is over: %t", id, got)
		}
	}
}

func TestDiscardIsAskedForWhatRuns(t *testing.T) {
	w := newWorld(3)
	w.rec = &Record{Main: 0, Epoch: 1, Stage: Serving, Target: NoNode, Seat: NoNode}
	in := w.input()
	in.Nodes[2].Process, in.Nodes[2].Gone = Process{}, true
	in.Requests = []Request{{ID: "r", Ask: AskDiscard, Node: 2}}
	d := Decide(in)
	if d.Record != nil || !strings.Contains(d.Why, "memgraph-2 does not run") || !strings.Contains(d.Why, "accepted now: discard 0, discard 1") {
		t.Errorf("answer %q", d.Why)
	}
	// One that is over but still written down is in nobody's way.
	w.rec.Discards = []Discard{{Node: 1, Process: Process{ID: "before"}}}
	in = w.input()
	in.Requests = []Request{{ID: "r", Ask: AskDiscard, Node: 1}}
	d = Decide(in)
	if want := []Discard{{Node: 1, Process: in.Nodes[1].Process}}; d.Record == nil || !slices.Equal(d.Record.Discards, want) {
		t.Errorf("answer %q, record %+v", d.Why, d.Record)
	}
	if w.rec.Discards[0].Process.ID != "before" {
		t.Error("the record that others see was changed")
	}
}
