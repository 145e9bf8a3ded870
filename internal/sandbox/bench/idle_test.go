package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestIdlePassesOnlyBelowAPeerThatWasMeasured(t *testing.T) {
	for _, tt := range []struct {
		own, peer time.Duration
		ratio     float64
		passed    bool
	}{
		{own: 90 * time.Millisecond, peer: 100 * time.Millisecond, ratio: 0.9, passed: true},
		{own: 100 * time.Millisecond, peer: 100 * time.Millisecond, ratio: 1, passed: false},
		{own: 90 * time.Millisecond, peer: 0, ratio: 0, passed: false},
	} {
		r := idleReport(tt.own, tt.peer, 10*time.Second)
		if r.Ratio != tt.ratio || r.Passed() != tt.passed {
			t.Errorf("%v beside %v: ratio %v, passed %v; want %v, %v", tt.own, tt.peer, r.Ratio, r.Passed(), tt.ratio, tt.passed)
		}
	}
	if r := idleReport(90*time.Millisecond, 200*time.Millisecond, 10*time.Second); r.Value != 0.9 || r.Peer != 2 || r.Seconds != 10 {
		t.Errorf("90 ms beside 200 ms of 10 s = %+v; want 0.9 and 2 percent", r)
	}
}

// TestMain is the peer of TestSideBySide in a process of its own, if asked for.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_TEST_PEER") == "" {
		os.Exit(m.Run())
	}
	if err := RoundTrips(context.Background()); err != nil { //nolint:forbidigo // TestMain is given no context
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestSideBySideChargesEachWithItsOwn(t *testing.T) {
	peer := exec.Command(os.Args[0])
	peer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	peer.Env = append(os.Environ(), "BENCH_TEST_PEER=1")
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = peer.Process.Kill(), peer.Wait() }()
	for used := time.Duration(0); used < 300*time.Millisecond; used, _ = cpuTime(0) { // more than the peer ever has
	}
	quiet, err := sideBySide(t.Context(), time.Second, peer.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if quiet.Peer <= 0 {
		t.Errorf("a peer that went to and fro for a second used no CPU: %+v", quiet)
	}
	busy, end := context.WithCancel(t.Context())
	defer end()
	go func() {
		for busy.Err() == nil { // burn
		}
	}()
	loud, err := sideBySide(t.Context(), time.Second, peer.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if loud.Value < quiet.Value+5 || loud.Peer > loud.Value {
		t.Errorf("beside a goroutine that burns CPU: %+v, before: %+v; want this process charged with it, and it alone", loud, quiet)
	}
}

func TestAPeerThatHasEndedIsToldOf(t *testing.T) {
	peer := exec.Command("false")
	if err := peer.Start(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r, err := beside(t.Context(), time.Hour, peer)
	if err == nil || !strings.Contains(err.Error(), "has ended before them: exit status 1") {
		t.Errorf("beside a process that has ended = %+v, %v; want an error that says so", r, err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("that took %s", took)
	}
}
