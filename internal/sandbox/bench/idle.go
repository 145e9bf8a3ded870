package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"
)

// IdleBar is the most CPU that three controllers may use while nothing happens,
// in percent of one core.
const IdleBar = 3.0

// IdleReport is what the controllers cost while nothing happens; it prints as
// one line of JSON.
type IdleReport struct {
	Figure      string  `json:"figure"` // "idle_cpu_percent"
	Value       float64 `json:"value"`  // percent of one core, of this process: all controllers and gateways
	Bar         float64 `json:"bar"`
	Seconds     float64 `json:"seconds"`
	Controllers int     `json:"controllers"`
}

// Passed reports whether the bar was kept.
func (r IdleReport) Passed() bool { return r.Value < r.Bar }

// Idle waits until c is fully redundant and quiet, and measures the CPU time
// that this process uses over d.
func Idle(ctx context.Context, c Cluster, d time.Duration) (IdleReport, error) {
	h := &harness{c: c}
	if _, err := h.heal(ctx); err != nil {
		return IdleReport{}, err
	}
	pause(ctx, 2*time.Second) // what follows the last registration
	used, began := cpuTime(), time.Now()
	pause(ctx, d)
	used, took := cpuTime()-used, time.Since(began)
	if ctx.Err() != nil {
		return IdleReport{}, context.Cause(ctx)
	}
	if lacks := c.Lacks(); lacks != "" {
		return IdleReport{}, errors.New("it was not quiet: " + lacks)
	}
	percent := 100 * used.Seconds() / took.Seconds()
	return IdleReport{
		Figure: "idle_cpu_percent", Value: math.Round(percent*100) / 100, Bar: IdleBar,
		Seconds: math.Round(took.Seconds()*10) / 10, Controllers: len(c.Doors()),
	}, nil
}

// cpuTime is what this process has used so far, in user and kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage of this very process: %v", err)) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
