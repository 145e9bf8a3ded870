package matrix

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/e2e/register"
)

func ms(n int) *time.Duration {
	d := time.Duration(n) * time.Millisecond
	return &d
}

func good(wait, healed *time.Duration) Sample {
	return Sample{Acked: 100, Refused: 1, Unknown: 2, Wait: wait, Healed: healed, Registers: register.Judgement{Linearizable: register.Yes}}
}

func killed(t *testing.T) Combination {
	t.Helper()
	chosen, err := Choose([]string{"kill"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return chosen[0]
}

func TestLine(t *testing.T) {
	var tally Tally
	tally.Add(good(ms(200), ms(4000)), nil)
	tally.Add(good(ms(300), ms(6000)), nil)
	tally.Add(good(ms(900), ms(5000)), nil)
	want := `{"fault":"kill","load":"write","runs":3,"acked":300,"lost":0,"unknown":6,"unavailable_ms":{"p50":300,"p99":900,"max":900},"healed_s":5,"diverged":0,"linearizable":"yes","refused":3,"unhealed":0,"errors":0}`
	if got := tally.Line(killed(t)).JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLineWithoutRuns(t *testing.T) {
	var tally Tally
	want := `{"fault":"kill","load":"write","runs":0,"acked":0,"lost":0,"unknown":0,"unavailable_ms":null,"healed_s":0,"diverged":0,"linearizable":"unknown","refused":0,"unhealed":0,"errors":0}`
	if got := tally.Line(killed(t)).JSON(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Each kind of finding is counted once a run, and what the harness failed to do is
// no run.
func TestTally(t *testing.T) {
	broken := errors.New("lab: no such pod")
	for name, c := range map[string]struct {
		sample Sample
		err    error
		says   string
		failed bool
	}{
		"good":            {good(ms(1), ms(1)), nil, "runs=1 lost=0 diverged=0 unhealed=0 nonlinear=0 errors=0", false},
		"harness":         {Sample{Acked: 5}, broken, "runs=0 lost=0 diverged=0 unhealed=0 nonlinear=0 errors=1", false},
		"lost":            {Sample{Lost: 3, Findings: []*finding{{lost, "x"}}}, nil, "runs=1 lost=3 diverged=0 unhealed=0 nonlinear=0 errors=0", true},
		"diverged":        {Sample{Findings: []*finding{{diverged, "x"}, {diverged, "y"}}}, nil, "runs=1 lost=0 diverged=1 unhealed=0 nonlinear=0 errors=0", true},
		"unhealed":        {Sample{Findings: []*finding{{unhealed, "x"}}}, nil, "runs=1 lost=0 diverged=0 unhealed=1 nonlinear=0 errors=0", true},
		"nonlinear":       {Sample{Findings: []*finding{{nonlinear, "x"}}}, nil, "runs=1 lost=0 diverged=0 unhealed=0 nonlinear=1 errors=0", true},
		"both are broken": {Sample{Findings: []*finding{{unhealed, "x"}}}, broken, "runs=1 lost=0 diverged=0 unhealed=1 nonlinear=0 errors=1", true},
	} {
		var s Summary
		s.Add("kill", c.sample, c.err)
		if got := s.String(); got != "faults=1 "+c.says || s.Failed() != c.failed {
			t.Errorf("%s: %s, failed %t", name, got, s.Failed())
		}
		if want := c.err != nil; s.Erred() != want {
			t.Errorf("%s: erred %t", name, s.Erred())
		}
	}
	var none Summary
	if none.Failed() || !none.Erred() {
		t.Error("no run at all proves something")
	}
}

func TestTable(t *testing.T) {
	var s Summary
	s.Add("kill", good(ms(210), ms(4000)), nil)
	s.Add("drain", good(ms(1500), nil), nil)
	s.Add("kill", good(nil, ms(8000)), nil)
	var b strings.Builder
	s.Table(&b)
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	want := []string{
		"fault runs acknowledged lost unknown no writes ms p50 p99 max whole after s p50 max diverged unhealed linearizable",
		"kill 2 200 0 4 210 210 210 4.0 8.0 0 0 yes",
		"drain 1 100 0 2 1500 1500 1500 0.0 0.0 0 0 yes",
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines:\n%s", len(lines), b.String())
	}
	for i := range want {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
		if len(lines[i]) != len(lines[0]) {
			t.Errorf("columns do not line up:\n%s", b.String())
		}
	}
}

func TestAccuse(t *testing.T) {
	for name, c := range map[string]struct {
		verdict bench.Verdict
		want    []kind
		says    string
	}{
		"clean":   {bench.Verdict{Acked: 9}, nil, ""},
		"lost":    {bench.Verdict{Lost: []int64{7, 8}}, []kind{lost}, "2 ids are acknowledged, and not on every node: [7 8]"},
		"unequal": {bench.Verdict{Unequal: []int64{7}}, []kind{diverged}, "not on all nodes alike: [7]"},
		"twice":   {bench.Verdict{Dup: []int64{7}}, []kind{diverged}, "twice: [7]"},
		"lied":    {bench.Verdict{Lies: []int64{7}}, []kind{diverged}, "refused, yet on a node: [7]"},
		"much":    {bench.Verdict{Lost: make([]int64, 1000)}, []kind{lost}, "1000 ids are acknowledged, and not on every node: [0 0 0 0 0 0 0 0 0 0]"},
		"two":     {bench.Verdict{Lost: []int64{7}, Unequal: []int64{7}}, []kind{lost, diverged}, "[7]"},
	} {
		var s Sample
		s.accuse(c.verdict)
		if s.Lost != len(c.verdict.Lost) || len(s.Findings) != len(c.want) {
			t.Errorf("%s: %d lost, findings %v", name, s.Lost, s.Findings)
			continue
		}
		for i, k := range c.want {
			if s.Findings[i].kind != k || !strings.Contains(s.Findings[i].Error(), c.says) {
				t.Errorf("%s: %s", name, s.Findings[i])
			}
		}
	}
}

// What the release did is told apart from what the harness could not do.
func TestFindingsAreNoErrors(t *testing.T) {
	var s Sample
	wrong := &finding{unhealed, "no writes"}
	if err := s.add(fmt.Errorf("in run 3: %w", errors.Join(wrong, nil))); err != nil || len(s.Findings) != 1 || s.Findings[0] != wrong {
		t.Errorf("a finding is taken for %v", err)
	}
	if err := s.add(errors.New("kubectl: not found")); err == nil || len(s.Findings) != 1 {
		t.Error("an error of the harness is taken for a finding")
	}
	if err := s.add(nil); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	if err := stuck(ended, errors.New("not whole")); s.add(err) != nil || len(s.Findings) != 2 {
		t.Errorf("%v is no finding", err)
	}
	cancel()
	if err := stuck(ended, errors.New("not whole")); s.add(err) == nil {
		t.Error("whoever was stopped has found something")
	}
}

func TestAnswers(t *testing.T) {
	for answer, want := range map[string]struct{ unknown, refused bool }{
		`2026-11-25T09:00:00Z switchover: request "switchover": want adopt N, promote N or pause`: {unknown: true},
		`2026-11-25T09:00:00Z rebuild 1: rebuild refused: memgraph-1 is MAIN`:                     {refused: true},
		`2026-11-25T09:00:00Z rebuild 2: memgraph-2 is rebuilt by request`:                        {},
	} {
		if unknownRequest(answer) != want.unknown || refusedRequest(answer) != want.refused {
			t.Errorf("%s: unknown %t, refused %t", answer, unknownRequest(answer), refusedRequest(answer))
		}
	}
	if got := ordinal("faults-memgraph-12"); got != "12" {
		t.Errorf("ordinal %s", got)
	}
}
