package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"memgraph-controller/internal/sandbox/bench"
)

func TestHelpExplainsEveryFaultAndTheFigure(t *testing.T) {
	var out bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"bench", "failover", "--help"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, f := range bench.Faults() {
		if !strings.Contains(out.String(), "\n  "+string(f)+" ") {
			t.Errorf("help does not explain the fault %s", f)
		}
	}
	for _, want := range []string{"writes_resumed_ms is the time from", `"leader" it is the longest time`, "Exits with 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, out.String())
		}
	}
}

func TestUnknownFaultIsRefusedBeforeAnythingStarts(t *testing.T) {
	cmd := root()
	cmd.SetArgs([]string{"bench", "failover", "--fault", "rain"})
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "want crash, pause, leader or leader+main") {
		t.Errorf("fault rain: %v; want the faults there are", err)
	}
}

func TestResultIsPrintedAndABadOneIsAnError(t *testing.T) {
	broken := errors.New("not healed")
	for _, tt := range []struct {
		name   string
		r      bench.Report
		err    error
		want   error
		listed string
	}{
		{"good", bench.Report{Fault: bench.Crash, Runs: 1}, nil, nil, `{"fault":"crash","runs":1,`},
		{"lost", bench.Report{Fault: bench.Pause, Lost: 1}, nil, errFailed, `"lost":1`},
		{"refused, yet found", bench.Report{RefusedFound: 2}, nil, errFailed, `"refused_found":2`},
		{"ended early", bench.Report{Problem: "not healed"}, broken, broken, `"problem":"not healed"`},
	} {
		var out bytes.Buffer
		if err := report(&out, tt.r, tt.r.Passed(), tt.err); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v; want %v", tt.name, err, tt.want)
		}
		if line := out.String(); !strings.Contains(line, tt.listed) || strings.Count(line, "\n") != 1 {
			t.Errorf("%s: printed %q; want one line with %s", tt.name, line, tt.listed)
		}
	}
}
