package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"syscall"
	"time"
)

// IdleBar is how many times the peer's CPU three controllers may use while nothing
// happens. An absolute bar would be broken by whoever else uses the machine: the peer,
// measured in turn, is charged for that alike.
const IdleBar = 1.0

// PeerRate is how many round trips a second the peer makes: one goroutine sends a
// byte through the loopback device, another sends it back.
const PeerRate = 50

// idleRounds is how often the two are measured in turn; the medians count.
const idleRounds = 3

// IdleReport is what the controllers cost while nothing happens; it prints as
// one line of JSON.
type IdleReport struct {
	Figure      string  `json:"figure"` // "idle_cpu_percent"
	Value       float64 `json:"value"`  // percent of one core, of this process: all controllers and gateways
	Peer        float64 `json:"peer"`   // the same of PeerRate bare round trips a second
	Ratio       float64 `json:"ratio"`  // Value/Peer; 0 if the peer was not measured
	Bar         float64 `json:"bar"`
	Seconds     float64 `json:"seconds"`
	Controllers int     `json:"controllers"`
}

// Passed reports whether the bar was kept. A report without a ratio has not passed.
func (r IdleReport) Passed() bool { return r.Ratio > 0 && r.Ratio < r.Bar }

// Idle waits until c is fully redundant and quiet, and measures for d the CPU time that
// this process uses, in turn with what the peer adds to that.
func Idle(ctx context.Context, c Cluster, d time.Duration) (IdleReport, error) {
	h := &harness{c: c}
	if _, err := h.heal(ctx); err != nil {
		return IdleReport{}, err
	}
	pause(ctx, 2*time.Second) // what follows the last registration
	began := time.Now()
	var own, peer []float64
	for range idleRounds {
		alone := cpuPercent(func() { pause(ctx, d/(2*idleRounds)) })
		var err error
		both := cpuPercent(func() { err = roundTrips(ctx, d/(2*idleRounds)) })
		if err != nil {
			return IdleReport{}, err
		}
		own, peer = append(own, alone), append(peer, both-alone)
	}
	if ctx.Err() != nil {
		return IdleReport{}, context.Cause(ctx)
	}
	if lacks := c.Lacks(); lacks != "" {
		return IdleReport{}, errors.New("it was not quiet: " + lacks)
	}
	r := IdleReport{
		Figure: "idle_cpu_percent", Value: hundredths(median(own)), Peer: hundredths(median(peer)), Bar: IdleBar,
		Seconds: math.Round(time.Since(began).Seconds()*10) / 10, Controllers: len(c.Doors()),
	}
	if r.Peer > 0 {
		r.Ratio = hundredths(r.Value / r.Peer)
	}
	return r, nil
}

// cpuPercent is the CPU time that this process uses while f runs, in percent of one core.
func cpuPercent(f func()) float64 {
	used, began := cpuTime(), time.Now()
	f()
	return 100 * (cpuTime() - used).Seconds() / time.Since(began).Seconds()
}

// roundTrips is the peer, for d or until ctx ends.
func roundTrips(ctx context.Context, d time.Duration) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the peer's round trips: %w", err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return // the listener is closed
		}
		defer conn.Close()
		for b := make([]byte, 1); err == nil; {
			if _, err = conn.Read(b); err == nil {
				_, err = conn.Write(b)
			}
		}
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return fmt.Errorf("dial for the peer's round trips: %w", err)
	}
	defer conn.Close()
	tick := time.NewTicker(time.Second / PeerRate)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; <-tick.C {
		b := []byte{1}
		if _, err := conn.Write(b); err != nil {
			return fmt.Errorf("a round trip of the peer: %w", err)
		}
		if _, err := conn.Read(b); err != nil {
			return fmt.Errorf("a round trip of the peer: %w", err)
		}
	}
	return nil
}

func median(figures []float64) float64 {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}

func hundredths(f float64) float64 { return math.Round(f*100) / 100 }

// cpuTime is what this process has used so far, in user and kernel.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage of this very process: %v", err)) // cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
