package main

import (
	"testing"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

func TestSilenceIsWhatNobodyWasAcknowledgedIn(t *testing.T) {
	began := time.Now()
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	blow := bench.Blow{Before: at(1000), After: at(1010)}
	var attempts []bench.Attempt
	for _, ms := range []int{100, 900, 990, 1500, 1600, 2000} {
		attempts = append(attempts, bench.Attempt{End: at(ms), Outcome: bench.Acked})
	}
	attempts = append(attempts,
		bench.Attempt{End: at(1200), Outcome: bench.Unknown},
		bench.Attempt{End: at(9000), Outcome: bench.Acked}, // of a client that was stuck at the end
	)
	// 990 to 1500, 1600 to 2000, 2000 to the end; the gap before the blow does not count.
	if got, want := silent(attempts, blow, at(2300)), 1210*time.Millisecond; got != want {
		t.Errorf("silent for %s, want %s", got, want)
	}
}

func TestBetweenReadsTheLogsOwnClock(t *testing.T) {
	log := "time=2026-11-25T06:24:42.001Z level=INFO msg=started app=x\nnoise\ntime=2026-11-25T06:24:42.071Z level=INFO msg=\"term began\" app=x\n"
	if d, err := between(log, "msg=started", `msg="term began"`); err != nil || d != 70*time.Millisecond {
		t.Errorf("between = %s, %v; want 70ms", d, err)
	}
	if _, err := between("time=now msg=started\n", "msg=started", "msg=x"); err == nil {
		t.Error("a log without both lines has a time between them")
	}
}
