// Package faults makes TCP connections go wrong on purpose: refused, cut, slow, or cut after so
// many bytes, in one or both directions, for all peers or for one.
//
// A cut is a packet filter on the process's own sockets (a socket filter of the kernel, on Linux
// only): connections stay open but silent, the other side's data are not acknowledged, its
// connection attempts hang, and all goes on by retransmission once the cut is healed, exactly as
// with a firewall that drops. Only data this process sends cannot be dropped that way; during a cut
// they wait here, which looks the same from outside. Most kernels let anybody filter their own
// sockets; some (a 6.18 among them) want the capability CAP_NET_ADMIN for TCP sockets, and without
// it Set answers ErrNotPermitted.
//
// A Link without faults costs a map lookup per connection and nothing per byte but a lock.
package faults

import (
	"errors"
	"fmt"
	"time"
)

// Mode is what happens to the connections of a link.
type Mode string

// The modes.
const (
	Pass   Mode = ""       // nothing
	Refuse Mode = "refuse" // the port is closed, open connections are reset
	Cut    Mode = "cut"    // packets are dropped
)

// Direction of the packets concerned, as this process sees it.
type Direction string

// The directions.
const (
	Both Direction = ""
	In   Direction = "in"
	Out  Direction = "out"
)

// Fault is what is wrong with a link or with one peer of it. The zero value is nothing.
type Fault struct {
	Mode      Mode      `json:"mode,omitempty"`
	Direction Direction `json:"direction,omitempty"` // for Cut
	// DelayMS is how long each read and write takes longer, in milliseconds.
	DelayMS int64 `json:"delay_ms,omitempty"`
	// AfterBytes, if above 0, lets so many more bytes pass in the Direction before Mode applies.
	AfterBytes int64 `json:"after_bytes,omitempty"`
}

// ErrUnsupported is the error of Set where sockets cannot be filtered.
var ErrUnsupported = errors.New("cutting links needs Linux")

// ErrNotPermitted is the error of Set where the kernel lets only the privileged filter a TCP socket,
// and this process is not.
var ErrNotPermitted = errors.New("cutting links needs the capability CAP_NET_ADMIN on this kernel (run as root)")

func (f Fault) delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// Validate reports what is wrong with a fault that came from outside.
func (f Fault) Validate() error {
	switch f.Mode {
	case Pass, Refuse, Cut:
	default:
		return fmt.Errorf("unknown fault mode %q", f.Mode)
	}
	switch f.Direction {
	case Both, In, Out:
	default:
		return fmt.Errorf("unknown fault direction %q", f.Direction)
	}
	if f.DelayMS < 0 || f.AfterBytes < 0 {
		return errors.New("delay and bytes must not be negative")
	}
	return nil
}
