package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"
)

// Options are what a Gateway is made of. Zero durations and limits stand for
// their defaults; negative ones are refused.
type Options struct {
	ReadWrite net.Listener // clients of MAIN; nil: this door does not exist
	ReadOnly  net.Listener // clients of replicas; nil: this door does not exist

	Confirmer Confirmer // asks a server whether it is MAIN; nil: the Route is trusted

	HoldTimeout    time.Duration // longest wait of a client between arrival and hand-over; default 10 s
	HoldQueue      int           // clients held at a time, both doors; default 1000
	MaxPause       time.Duration // longest effect of a Paused route; default 1 s
	MaxConnections int           // clients at a time, both doors, held ones included; default 10000
	DialTimeout    time.Duration // one attempt to reach a server; default 2 s
	ConfirmTimeout time.Duration // one question to MAIN; default 5 s
	DrainTimeout   time.Duration // how long sessions may go on after Run's ctx has ended; default 0: not at all
	NoReadFallback bool          // read-only clients are held, not sent to MAIN, while no reader can be reached

	// Dial reaches a server; nil: a net.Dialer with keep-alive.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	Log  *slog.Logger // nil: no log
}

// withDefaults returns o with its zero fields filled, or an error that names
// the field that makes no sense.
func (o Options) withDefaults() (Options, error) {
	if o.ReadWrite == nil && o.ReadOnly == nil {
		return o, errors.New("gateway options: no listener")
	}
	for _, d := range []struct {
		name string
		v    *time.Duration
		def  time.Duration
	}{
		{"HoldTimeout", &o.HoldTimeout, 10 * time.Second},
		{"MaxPause", &o.MaxPause, time.Second},
		{"DialTimeout", &o.DialTimeout, 2 * time.Second},
		{"ConfirmTimeout", &o.ConfirmTimeout, 5 * time.Second},
		{"DrainTimeout", &o.DrainTimeout, 0},
	} {
		if *d.v < 0 {
			return o, fmt.Errorf("gateway options: %s is negative: %v", d.name, *d.v)
		}
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	for _, n := range []struct {
		name string
		v    *int
		def  int
	}{
		{"HoldQueue", &o.HoldQueue, 1000},
		{"MaxConnections", &o.MaxConnections, 10000},
	} {
		if *n.v < 0 {
			return o, fmt.Errorf("gateway options: %s is negative: %d", n.name, *n.v)
		}
		if *n.v == 0 {
			*n.v = n.def
		}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// keepAlive finds a peer whose machine is gone within half a minute, also on
// a session that says nothing.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
