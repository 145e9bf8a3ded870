package cluster

import (
	"errors"
	"fmt"
	"time"
)

// Durability says what happens when no replica can hold the standby seat.
type Durability uint8

// The two policies.
const (
	Available Durability = iota // acknowledge writes unprotected, and raise an alarm
	Strict                      // acknowledge nothing until the seat is filled again
)

// String returns the word configuration uses.
func (d Durability) String() string { return word(d, "available", "strict") }

// ParseDurability reads "available" or "strict".
func ParseDurability(s string) (Durability, error) {
	switch s {
	case "available":
		return Available, nil
	case "strict":
		return Strict, nil
	}
	return 0, fmt.Errorf("durability %q: want available or strict", s)
}

// Policy is what an operator may decide. The zero value is not usable; start
// from DefaultPolicy.
type Policy struct {
	// FailAfter is how long MAIN may stay silent before it counts as lost. A
	// refused connection or an ended process is not waited for.
	FailAfter time.Duration
	// StandbyGrace is how long the holder of the seat may be down or out of step
	// before another takes the seat. Writes are refused meanwhile.
	StandbyGrace time.Duration
	// SeatWait is how long a new MAIN stays closed to clients for the sake of
	// filling the seat first.
	SeatWait time.Duration
	// QuiesceFor bounds how long gateways hold new work while replicas of a
	// serving MAIN are registered again.
	QuiesceFor time.Duration
	// BootstrapTimeout is how long a bootstrap waits for nodes that do not
	// answer before it goes on without them, if nothing can be lost by it.
	BootstrapTimeout time.Duration
	// MaxLag is how many timestamps a replica may be behind and still be read
	// from through the read-only door.
	MaxLag int64
	// MaxLagTime is for how long MAIN may have had more than a replica that is still read
	// from; 0: for however long.
	MaxLagTime time.Duration
	Durability Durability
}

// DefaultPolicy returns the values that hold unless somebody turns them.
func DefaultPolicy() Policy {
	return Policy{
		FailAfter:        3 * time.Second,
		StandbyGrace:     200 * time.Millisecond,
		SeatWait:         300 * time.Millisecond,
		QuiesceFor:       400 * time.Millisecond,
		BootstrapTimeout: 2 * time.Minute,
		MaxLag:           1000,
		Durability:       Available,
	}
}

// Validate checks the values and their relations.
func (p Policy) Validate() error {
	var errs []error
	atLeast := func(name string, v, low time.Duration) {
		if v < low {
			errs = append(errs, fmt.Errorf("%s %s: want at least %s", name, v, low))
		}
	}
	atLeast("fail-after", p.FailAfter, 500*time.Millisecond)
	atLeast("standby-grace", p.StandbyGrace, 0)
	atLeast("seat-wait", p.SeatWait, 0)
	atLeast("quiesce-for", p.QuiesceFor, 50*time.Millisecond)
	atLeast("bootstrap-timeout", p.BootstrapTimeout, time.Second)
	atLeast("max-lag-time", p.MaxLagTime, 0)
	if p.SeatWait > p.FailAfter {
		errs = append(errs, fmt.Errorf("seat-wait %s: want at most fail-after, which is %s", p.SeatWait, p.FailAfter))
	}
	if p.MaxLag < 0 {
		errs = append(errs, fmt.Errorf("max-lag %d: want 0 or more", p.MaxLag))
	}
	if p.Durability > Strict {
		errs = append(errs, fmt.Errorf("durability %d: want available or strict", p.Durability))
	}
	return errors.Join(errs...)
}

// Times that nobody would turn: they follow from Memgraph's own pace.
const (
	// rest is how long a serving MAIN is left alone between two quiesces.
	rest = time.Second
	// retryBusy is the pause after the role lock was found taken while quiesced.
	retryBusy = 10 * time.Millisecond
	// watchSoon is when to look again while a registered replica catches up.
	watchSoon = 5 * time.Millisecond
	// healAfter is how long MAIN may call a replica invalid that answers all the
	// while, before it is registered anew; MAIN pings each second and heals by itself
	// if it can, also when the replica's pod was replaced.
	healAfter = 4 * time.Second
	// hungAfter is how long after MAIN counts as lost its process is restarted, if
	// nobody can follow it.
	hungAfter = 12 * time.Second
	// oftenFor is how often a replica that MAIN calls invalid must be seen to move, two looks
	// a second, to be read from or to be given the seat; followFor how often not to pass for
	// one that MAIN does not reach. Who is read from is so for twice that after it moved.
	oftenFor  = 1500 * time.Millisecond
	followFor = 2 * time.Second
	// nudgeEvery is how often in a quiesce MAIN is made to look at a replica that it calls
	// invalid: what it then lacks arrives within some milliseconds, or not soon.
	nudgeEvery = 100 * time.Millisecond
	// aheadFor is how long a replica must be ahead of MAIN before it is an alarm.
	aheadFor = 2 * time.Second
	// seatGap is how many timestamps an ASYNC replica may be behind under load
	// and still be worth a quiesce to give it the seat.
	seatGap = 1000
	// demoteFor bounds the attempt to make a serving MAIN step down.
	demoteFor = 5 * time.Second
	// refreshRest is the least time between the start of a reign and a refresh
	// of its epoch.
	refreshRest = 3 * time.Second
	// gatherFor is how long MAIN stays MAIN for replicas that catch up at the start of
	// its reign.
	gatherFor = 2 * time.Second
	// rebootFloor is less than a machine needs to go down and come up again with its
	// pods: one that has not been silent for so long has not rebooted.
	rebootFloor = 3 * time.Second
	// namedAfter is how long a platform may go on naming the process that ran before
	// a machine rebooted. A kubelet looks at its containers once a second and
	// reports at once.
	namedAfter = 2500 * time.Millisecond
	// askSoon is how soon the answer of a platform that is asked anew is looked for.
	askSoon = 100 * time.Millisecond
	// settleFor is how long after the write of a quiesce MAIN is looked at to see
	// whether its standby has everything. The record reaches the gateways by a watch
	// within milliseconds, and a statement they had forwarded takes one to six
	// (recorded on 3.6.2, one to four writers). All of it is part of the pause that
	// clients see, so it is no longer than that needs.
	settleFor = 30 * time.Millisecond
	// switchoverFor bounds a switchover by request, from the request to the moment
	// new work is held for it: its target may have to take the seat first, and the
	// epoch to be refreshed.
	switchoverFor = 30 * time.Second
	// flapWindow is how long a node's failures as MAIN are held against it, and
	// flapLimit how many it takes.
	flapWindow = 10 * time.Minute
	flapLimit  = 2
	// idle is how long a decision holds when nothing is pending.
	idle = time.Second
)
