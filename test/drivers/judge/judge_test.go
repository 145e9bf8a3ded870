package judge

import (
	"maps"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

// at is a moment in milliseconds.
func at(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

// What drivers are told.
var (
	lost      = Failure{Code: "Memgraph.TransientError.Failover.TransactionLost", Text: "nothing of it was committed", Retriable: true}
	noMain    = Failure{Code: "Memgraph.TransientError.Failover.NoMain", Text: "There is no MAIN to lead to at the moment.", Retriable: true}
	doubt     = Failure{Code: "Memgraph.ClientError.Failover.CommitOutcomeUnknown", Text: "committed as a whole, or not at all"}
	ended     = Failure{Code: "ServiceUnavailable", Text: "connection closed by server", Retriable: true}
	gone      = Failure{Code: "ConnectivityError", Text: "EOF"}
	forbidden = Failure{Code: "Memgraph.ClientError.MemgraphError.MemgraphError", Text: "Write queries are forbidden on the replica instance"}
)

func failed(f Failure, sent int) Op {
	return Op{Client: 1, ID: 7, Begin: at(100), End: at(110), Tries: max(sent, 1), Sent: sent, Failure: &f}
}

func read(f Failure) Op {
	o := failed(f, 1)
	o.ID = 0
	return o
}

func TestWhatMayHaveBeenCommittedIsUnknownWhateverTheDriverSays(t *testing.T) {
	for _, tt := range []struct {
		name    string
		op      Op
		outcome bench.Outcome
		class   Class
	}{
		{"acknowledged", Op{ID: 7}, bench.Acked, Done},
		{"COMMIT was not to follow yet", failed(ended, 0), bench.Refused, Retriable},
		{"the connection ended after COMMIT", failed(ended, 1), bench.Unknown, Unknown},
		{"the gateway's word for that", failed(doubt, 1), bench.Unknown, Unknown},
		{"nothing was committed", failed(lost, 1), bench.Refused, Retriable},
		{"nobody to lead to", failed(noMain, 1), bench.Refused, Retriable},
		{"nothing of the last try, but what of the first?", failed(lost, 2), bench.Unknown, Unknown},
		{"a replica", failed(forbidden, 1), bench.Refused, Final},
		{"a read is never unknown", read(ended), bench.Unknown, Retriable},
		{"a read that is not to be tried again", read(forbidden), bench.Refused, Final},
		{"COMMIT of a read", read(doubt), bench.Unknown, Unknown},
		{"COMMIT of a read, by a driver that takes the end of its connection so", read(gone), bench.Unknown, Unknown},
	} {
		if got := tt.op.Outcome(); got != tt.outcome {
			t.Errorf("%s: outcome %d; want %d", tt.name, got, tt.outcome)
		}
		if got := tt.op.Class(); got != tt.class {
			t.Errorf("%s: class %d; want %d", tt.name, got, tt.class)
		}
	}
}

// Each error in each event and mode: "" or a part of why it breaks a promise.
func TestEveryEventHasItsRule(t *testing.T) {
	inFlight, before := failed(ended, 1), failed(ended, 1)
	before.Begin, before.End = at(10), at(20)
	late := failed(noMain, 1)
	late.Begin, late.End = at(2000), at(12000)
	for _, tt := range []struct {
		event Event
		mode  Mode
		op    Op
		want  string
	}{
		{None, Auto, Op{ID: 7}, ""},
		{None, Auto, inFlight, "nothing happened"},
		{None, Explicit, failed(lost, 0), "nothing happened"},

		{Switchover, Auto, inFlight, "planned"},
		{Switchover, Auto, read(ended), "planned"},
		{Switchover, Managed, failed(doubt, 1), "planned"},
		{RollingRestart, Managed, failed(lost, 0), "planned"},
		{RollingRestart, Explicit, failed(lost, 0), ""},
		{RollingRestart, Explicit, failed(doubt, 1), ""},
		{RollingRestart, Explicit, failed(forbidden, 1), "may not be tried again"},

		{MainCrash, Managed, failed(doubt, 1), ""},
		{MainCrash, Managed, failed(lost, 0), "not its COMMIT's"},
		{MainCrash, Managed, failed(forbidden, 1), "not its COMMIT's"},
		{MainCrash, Managed, read(ended), "not its COMMIT's"},
		{MainCrash, Managed, read(doubt), ""},
		{MainCrash, Auto, inFlight, ""},
		{MainCrash, Auto, read(lost), ""},
		{MainCrash, Auto, before, "not in flight"},
		{MainCrash, Auto, late, "not in flight"},
		{MainCrash, Explicit, late, ""},
		{MainCrash, Explicit, failed(forbidden, 1), "may not be tried again"},

		{LeaderCrash, Managed, failed(ended, 1), ""},
		{LeaderCrash, Managed, read(ended), "not its COMMIT's"},
		{LeaderCrash, Auto, inFlight, ""},
		{GatewayRollout, Auto, late, ""},
		{GatewayRollout, Auto, failed(forbidden, 1), "may not be tried again"},
	} {
		r := rule{cell: Cell{Event: tt.event, Mode: tt.mode}, strikes: []Strike{{at(105), at(106)}}, spent: map[[2]int]bool{}}
		got := r.broken(tt.op)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s, %s, %+v: %q; want %q", tt.event, tt.mode, tt.op, got, tt.want)
		}
	}
}

func TestAClientHasOneStatementInFlightAtACrash(t *testing.T) {
	r := rule{cell: Cell{Event: MainCrash, Mode: Auto}, strikes: []Strike{{at(105), at(106)}, {at(900), at(901)}}, spent: map[[2]int]bool{}}
	first, second := failed(ended, 1), failed(ended, 1)
	second.Begin, second.End = at(150), at(160)
	again, other := second, second
	again.Begin, again.End = at(899), at(950)
	other.Client = 2
	for i, tt := range []struct {
		op   Op
		want string
	}{{first, ""}, {second, "a second error of one client at crash 1"}, {again, ""}, {other, ""}} {
		if got := r.broken(tt.op); got != tt.want {
			t.Errorf("error %d: %q; want %q", i+1, got, tt.want)
		}
	}
}

func TestGapIsOfOneClientAndCountsTheSilenceAtTheEnd(t *testing.T) {
	ok := func(client, id, end int) Op {
		return Op{Client: client, ID: int64(id), Begin: at(end - 5), End: at(end)}
	}
	bad := failed(ended, 1)
	bad.End = at(700)
	l := NewLine(Cell{URI: Bolt, Mode: Auto, Event: Switchover})
	l.Add(Load{Ops: []Op{ok(1, 1, 100), ok(1, 2, 300), bad, ok(1, 3, 1000), ok(2, 0, 150), ok(2, 0, 200), ok(2, 0, 1050)}, Stopped: at(1040)})
	if l.Write.MaxGap != 700 || l.Read.MaxGap != 850 || l.MaxGap != 850 {
		t.Errorf("gaps %v, %v, %v; want 700 from 300 to 1000, 850 from 200 to 1050", l.Write.MaxGap, l.Read.MaxGap, l.MaxGap)
	}
	if l.Late() {
		t.Error("850 ms is late; want over a second")
	}
	l.Add(Load{Ops: []Op{ok(1, 4, 100)}, Stopped: at(1200)})
	if l.MaxGap != 1100 || !l.Late() || !strings.Contains(l.Verdict(), "BROKEN") {
		t.Errorf("gap %v, late %t, %s; want 1100 until the end, told beside what is broken", l.MaxGap, l.Late(), l.Verdict())
	}
	l.Event = MainCrash
	if l.Late() {
		t.Error("a wait is late in an event that was not planned")
	}
}

func TestEveryKindOfWrongIsBroken(t *testing.T) {
	acked := func(id int64, sent int) Op { return Op{Client: 1, ID: id, Tries: sent, Sent: sent} }
	refused := failed(lost, 0)
	refused.ID = 4
	unknown := failed(doubt, 1)
	unknown.ID = 5
	ops := []Op{acked(1, 1), acked(2, 1), acked(3, 2), refused, unknown}
	for _, tt := range []struct {
		name string
		held []map[int64]int
		want map[string]int
	}{
		{"all is well", []map[int64]int{{1: 1, 2: 1, 3: 1}, {1: 1, 2: 1, 3: 1}}, map[string]int{}},
		{"what is unknown is there", []map[int64]int{{1: 1, 2: 1, 3: 1, 5: 1}, {1: 1, 2: 1, 3: 1, 5: 1}}, map[string]int{}},
		{"lost", []map[int64]int{{1: 1, 2: 1, 3: 1}, {1: 1, 3: 1}}, map[string]int{"acknowledged and not on every node": 1, "not on all nodes alike": 1}},
		{"a lie", []map[int64]int{{1: 1, 2: 1, 3: 1, 4: 1}, {1: 1, 2: 1, 3: 1, 4: 1}}, map[string]int{"refused and on a node": 1}},
		{"twice, by the driver", []map[int64]int{{1: 1, 2: 1, 3: 2}, {1: 1, 2: 1, 3: 2}}, map[string]int{duplicate(true): 1}},
		{"twice, by us", []map[int64]int{{1: 2, 2: 1, 3: 1}, {1: 2, 2: 1, 3: 1}}, map[string]int{duplicate(false): 1}},
	} {
		l := NewLine(Cell{Driver: Go, URI: Bolt, Mode: Managed, Event: MainCrash})
		l.verify(Load{Ops: ops, Held: tt.held})
		if !maps.Equal(l.Broken, tt.want) {
			t.Errorf("%s: broken %v; want %v", tt.name, l.Broken, tt.want)
		}
		if l.Failed() != (len(tt.want) > 0) {
			t.Errorf("%s: failed %t", tt.name, l.Failed())
		}
	}
}

func TestOnlyTheJavaScriptDriverMayWriteTwiceAndOnlyWhereNobodyCouldTellIt(t *testing.T) {
	load := Load{Ops: []Op{{Client: 1, ID: 3, Tries: 2, Sent: 2}}, Held: []map[int64]int{{3: 2}}}
	for _, tt := range []struct {
		cell Cell
		sent int
		own  int
	}{
		{Cell{Driver: JavaScript, Mode: Managed, Event: LeaderCrash}, 2, 1},
		{Cell{Driver: JavaScript, Mode: Managed, Event: LeaderCrash}, 1, 0},
		{Cell{Driver: JavaScript, Mode: Managed, Event: MainCrash}, 2, 0},
		{Cell{Driver: JavaScript, Mode: Managed, Event: GatewayRollout}, 2, 0},
		{Cell{Driver: Go, Mode: Managed, Event: LeaderCrash}, 2, 0},
	} {
		load.Ops[0].Sent = tt.sent
		l := NewLine(tt.cell)
		l.verify(load)
		if l.Dup != 1 || l.DupByDriver != tt.own || l.Failed() != (tt.own == 0) {
			t.Errorf("%+v, sent %d times: %d, by the driver %d, broken %v", tt.cell, tt.sent, l.Dup, l.DupByDriver, l.Broken)
		}
	}
}

func TestReadsOfARoutingTableGoToTheReadOnlyDoor(t *testing.T) {
	ops := []Op{{Client: 1, Door: "write:1"}}
	l := NewLine(Cell{URI: Neo4j, Event: None})
	l.Add(Load{Ops: ops, ReadDoor: "read:1"})
	if !l.Failed() {
		t.Error("reads at the read/write door are as promised")
	}
	l = NewLine(Cell{URI: Bolt, Event: None})
	l.Add(Load{Ops: ops, ReadDoor: "read:1"})
	if l.Failed() {
		t.Errorf("reads by bolt:// at its one door: %v", l.Broken)
	}
	l = NewLine(Cell{URI: Neo4j, Event: None})
	l.Add(Load{Ops: []Op{{Client: 1, Door: "read:1"}}, ReadDoor: "read:1"})
	if l.Failed() || l.Read.AtReadDoor != 1 {
		t.Errorf("reads at the read-only door: %v, %d there", l.Broken, l.Read.AtReadDoor)
	}
}

func TestTableAndSummaryTellWhatIsBroken(t *testing.T) {
	bad := NewLine(Cell{Driver: JavaScript, URI: Bolt, Mode: Managed, Event: Switchover})
	bad.Broken["an error in a planned event: X"] = 3
	slow := NewLine(Cell{Driver: JavaScript, URI: Neo4j, Mode: Auto, Event: Switchover})
	slow.Ops, slow.MaxGap = 5, 1400
	s := Summary{Lines: []*Line{bad, slow}}
	if got := s.String(); !strings.HasPrefix(got, "drivers=1 cells=2 failed=1 late=1 ops=5 ") {
		t.Errorf("summary %q", got)
	}
	var out strings.Builder
	if err := Table(&out, s.Lines); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"BROKEN: 3× an error in a planned event: X", "kept; gap over 1000 ms"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

func TestChooseKeepsTheOrderAndNamesWhatItDoesNotKnow(t *testing.T) {
	got, err := Choose("mode", "explicit,auto", Modes)
	if err != nil || len(got) != 2 || got[0] != Auto || got[1] != Explicit {
		t.Errorf("chosen %v, %v; want auto and explicit", got, err)
	}
	if all, err := Choose("mode", "", Modes); err != nil || len(all) != len(Modes) {
		t.Errorf("chosen %v, %v; want all", all, err)
	}
	if _, err := Choose("mode", "auto,autp", Modes); err == nil || !strings.Contains(err.Error(), "auto, managed, explicit") {
		t.Errorf("error %v; want what is accepted", err)
	}
}
