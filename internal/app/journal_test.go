package app

import (
	"errors"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// after is a record of a stage, some milliseconds after noon.
func after(ms int, e cluster.Epoch, stage cluster.Stage, target cluster.Ordinal) cluster.Record {
	return cluster.Record{
		Main: cluster.Ordinal(e % 3), Epoch: e, Stage: stage, Target: target, Seat: cluster.NoNode,
		LastUpdated: noon.Add(time.Duration(ms) * time.Millisecond), Reason: "because",
	}
}

// remembered says what a journal has of its newest reign.
func remembered(j *journal) (words []string, c Coming) {
	list := j.comings()
	if len(list) == 0 {
		return nil, Coming{}
	}
	c = list[len(list)-1]
	for _, m := range c.Moments {
		words = append(words, m.What)
	}
	return words, c
}

func TestJournalKeepsHowAReignCame(t *testing.T) {
	const none = cluster.NoNode
	serving, quiescing, demoting, promoting := cluster.Serving, cluster.Quiescing, cluster.Demoting, cluster.Promoting
	for name, tt := range map[string]struct {
		records []cluster.Record
		want    []string
		served  bool
	}{
		"a reign that was there before":     {[]cluster.Record{after(0, 4, serving, none)}, nil, false},
		"failover":                          {[]cluster.Record{after(0, 4, serving, none), after(5, 5, promoting, none), after(45, 5, serving, none)}, []string{"promoting", "serving"}, true},
		"under way":                         {[]cluster.Record{after(0, 4, serving, none), after(5, 5, promoting, none)}, []string{"promoting"}, false},
		"told twice":                        {[]cluster.Record{after(5, 5, promoting, none), after(5, 5, promoting, none), after(9, 5, promoting, none), after(45, 5, serving, none), after(45, 5, serving, none)}, []string{"promoting", "serving"}, true},
		"switchover":                        {[]cluster.Record{after(0, 4, quiescing, 2), after(30, 4, demoting, 2), after(40, 5, promoting, none), after(80, 5, serving, none)}, []string{"quiescing", "demoting", "promoting", "serving"}, true},
		"switchover given up":               {[]cluster.Record{after(0, 4, quiescing, 2), after(30, 4, serving, none)}, nil, false},
		"an old record, late":               {[]cluster.Record{after(5, 5, promoting, none), after(0, 4, serving, none)}, []string{"promoting"}, false},
		"what is registered anew, later":    {[]cluster.Record{after(5, 5, promoting, none), after(45, 5, serving, none), after(900, 5, quiescing, none), after(910, 5, serving, none)}, []string{"promoting", "serving"}, true},
		"the watch has skipped a promotion": {[]cluster.Record{after(0, 4, serving, none), after(45, 5, serving, none)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal
			for _, r := range tt.records {
				j.recorded(r)
			}
			got, c := remembered(&j)
			if len(got) != len(tt.want) || c.Served != tt.served {
				t.Fatalf("%q, served %v; want %q, %v", got, c.Served, tt.want, tt.served)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Fatalf("%q; want %q", got, tt.want)
				}
			}
		})
	}
}

// The steps of a reign are those until it serves, in the order they began.
func TestJournalKeepsTheLeadersSteps(t *testing.T) {
	var j journal
	promote := cluster.Step{Kind: cluster.Promote, Node: 2, Epoch: 5}
	began := time.Now()
	old, now := after(0, 4, cluster.Serving, cluster.NoNode), after(0, 5, cluster.Promoting, cluster.NoNode)
	now.LastUpdated = began.Add(-time.Second)
	j.recorded(old)
	j.told(controller.News{Step: cluster.Step{Kind: cluster.Register, Node: 1, Epoch: 4}, Message: "of the old reign"})
	j.told(controller.News{Step: promote, Message: "promote node 2: it follows", Took: 70 * time.Millisecond}) // before the watch tells
	j.told(controller.News{Step: cluster.Step{Kind: cluster.Mark, Node: 2, Epoch: 5, Proves: cluster.NoNode}, Message: "busy", Warning: true})
	j.told(controller.News{Record: &now, Message: "recorded"})
	end := now
	end.Stage, end.LastUpdated = cluster.Serving, time.Now().Add(time.Second)
	j.told(controller.News{Record: &end, Message: "recorded"})
	j.turned(controller.Turn{Cause: controller.Failover})
	j.told(controller.News{Step: cluster.Step{Kind: cluster.Register, Node: 2, Epoch: 5}, Message: "later"})
	got, c := remembered(&j)
	want := []string{"promoting", "promote node 2", "mark node 2", "serving"}
	if len(got) != len(want) {
		t.Fatalf("%q; want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%q; want %q", got, want)
		}
	}
	if m := c.Moments[1]; m.Why != "it follows" || m.Took != 70*time.Millisecond || m.Failed || !m.Step || m.At.After(began) {
		t.Errorf("promotion %+v", m)
	}
	if m := c.Moments[2]; !m.Failed || m.Why != "busy" {
		t.Errorf("failed step %+v", m)
	}
	if c.Turn.Cause != controller.Failover {
		t.Errorf("cause %s", c.Turn.Cause)
	}
}

// Stepping down belongs to the reign that comes of it.
func TestJournalKeepsTheHandover(t *testing.T) {
	var j journal
	j.recorded(after(0, 4, cluster.Serving, cluster.NoNode))
	j.recorded(after(1, 4, cluster.Demoting, 2))
	j.told(controller.News{Step: cluster.Step{Kind: cluster.Demote, Node: 1, Epoch: 4}, Message: "it steps down"})
	got, c := remembered(&j)
	if c.Epoch != 5 || len(got) != 2 || got[1] != "demote node 1" {
		t.Errorf("epoch %d came by %q; want 5, by demoting and then demote node 1", c.Epoch, got)
	}
}

func TestJournalForgetsTheOldest(t *testing.T) {
	var j journal
	for e := range cluster.Epoch(3 * comings) {
		j.recorded(after(int(e)*10, e+1, cluster.Promoting, cluster.NoNode))
		j.recorded(after(int(e)*10+5, e+1, cluster.Serving, cluster.NoNode))
	}
	list := j.comings()
	if len(list) != comings || list[0].Epoch != 2*comings+1 {
		t.Errorf("%d reigns from epoch %d on; want the last %d", len(list), list[0].Epoch, comings)
	}
}

func TestMeterCountsPassesAndTellsOn(t *testing.T) {
	var j journal
	next := &meter{journal: &journal{}, Meter: controller.Uncounted{}}
	m := meter{journal: &j, Meter: next}
	m.Passed(time.Second, nil)
	m.Passed(2*time.Second, ErrCrashed)
	for name, p := range map[string]Passes{"own": m.counted(), "next": next.counted()} {
		if p.Total != 2 || p.Failed != 1 || p.Took != 2*time.Second || !errors.Is(p.Err, ErrCrashed) || p.Last.IsZero() {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
