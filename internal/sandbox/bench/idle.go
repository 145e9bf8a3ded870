package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// IdleBar is how many times the peer's CPU three controllers may use while nothing
// happens. An absolute bar would be broken by whoever else uses the machine: the peer,
// measured at the same time, is charged for that alike.
const IdleBar = 1.0

// IdleReport is what the controllers cost while nothing happens; it prints as
// one line of JSON.
type IdleReport struct {
	Figure      string  `json:"figure"` // "idle_cpu_percent"
	Value       float64 `json:"value"`  // percent of one core, of this process: all controllers and gateways
	Peer        float64 `json:"peer"`   // the same of a process that does nothing but RoundTrips
	Ratio       float64 `json:"ratio"`  // Value/Peer; 0 if the peer was not measured
	Bar         float64 `json:"bar"`
	Seconds     float64 `json:"seconds"`
	Controllers int     `json:"controllers"`
}

// Passed reports whether the bar was kept. A report without a ratio has not passed.
func (r IdleReport) Passed() bool { return r.Ratio > 0 && r.Ratio < r.Bar }

// Idle waits until c is fully redundant and quiet, starts peer, a command that runs
// RoundTrips and has not been started, and measures for d the CPU time of this process
// and of the peer side by side. It returns when the peer has ended.
func Idle(ctx context.Context, c Cluster, d time.Duration, peer *exec.Cmd) (IdleReport, error) {
	h := &harness{c: c}
	if _, err := h.heal(ctx); err != nil {
		return IdleReport{}, err
	}
	peer.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	peer.Stderr = os.Stderr
	if err := peer.Start(); err != nil {
		return IdleReport{}, fmt.Errorf("start the peer of the idle controllers: %w", err)
	}
	r, err := beside(ctx, d, peer)
	if err != nil {
		return IdleReport{}, err
	}
	if lacks := c.Lacks(); lacks != "" {
		return IdleReport{}, errors.New("it was not quiet: " + lacks)
	}
	r.Controllers = len(c.Doors())
	return r, nil
}

// beside measures this process for d beside peer, which was started, and ends that.
func beside(ctx context.Context, d time.Duration, peer *exec.Cmd) (IdleReport, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = peer.Wait()
		end(fmt.Errorf("the peer of the idle controllers has ended before them: %s", peer.ProcessState))
	}()
	defer func() {
		_ = peer.Process.Kill() // it has ended already, or does now
		<-gone
	}()
	pause(ctx, 2*time.Second) // what follows the last registration, and the peer's own start
	return sideBySide(ctx, d, peer.Process.Pid)
}

// sideBySide measures this process and the one with the id peer for d.
func sideBySide(ctx context.Context, d time.Duration, peer int) (IdleReport, error) {
	const self = 0
	began := time.Now()
	own, ownErr := cpuTime(self)
	other, otherErr := cpuTime(peer)
	pause(ctx, d)
	if ctx.Err() != nil {
		return IdleReport{}, context.Cause(ctx)
	}
	ownEnd, ownEndErr := cpuTime(self)
	otherEnd, otherEndErr := cpuTime(peer)
	if err := errors.Join(ownErr, otherErr, ownEndErr, otherEndErr); err != nil {
		return IdleReport{}, err
	}
	took := time.Since(began)
	return idleReport(ownEnd-own, otherEnd-other, took), nil
}

// idleReport is what own and peer, times of CPU, come to within took.
func idleReport(own, peer, took time.Duration) IdleReport {
	r := IdleReport{
		Figure: "idle_cpu_percent", Bar: IdleBar,
		Value:   hundredths(100 * own.Seconds() / took.Seconds()),
		Peer:    hundredths(100 * peer.Seconds() / took.Seconds()),
		Seconds: math.Round(took.Seconds()*10) / 10,
	}
	if peer > 0 {
		r.Ratio = hundredths(own.Seconds() / peer.Seconds())
	}
	return r
}

func hundredths(f float64) float64 { return math.Round(f*100) / 100 }

// cpuTime is what the process with the id pid, or this one if that is 0, has used so
// far, in user and kernel. How a clock is named by a process: clock_getcpuclockid(3)
// and include/linux/posix-timers.h of Linux.
func cpuTime(pid int) (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED: to the nanosecond
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduled), &t); err != nil { // a pid has 22 bits at most
		return 0, fmt.Errorf("read the CPU time of process %d: %w; has it ended?", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
