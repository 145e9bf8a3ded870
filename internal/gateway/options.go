package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"memgraph-controller/internal/tcp"
)

// Options are what a Gateway is made of. Zero durations and limits stand for
// their defaults; negative ones are refused.
type Options struct {
	ReadWrite net.Listener // clients of MAIN, see Listen; nil: this door does not exist
	ReadOnly  net.Listener // clients of replicas; nil: this door does not exist

	Confirmer Confirmer // asks a server whether it is MAIN; nil: the Route is trusted

	// Current is asked, after Confirmer, about a MAIN whose guard has broken: its error
	// says that the Route may not be the newest any more. A process that came back is
	// MAIN only of a newer one. It obeys ctx. nil: the Route is trusted.
	Current func(ctx context.Context) error

	HoldTimeout    time.Duration // longest wait of a client between arrival and hand-over; default 10 s
	HoldQueue      int           // clients held at a time, both doors; default 1000
	MaxPause       time.Duration // longest effect of a Paused route; default 1 s
	MaxConnections int           // clients at a time, both doors, held ones included; default 10000
	// Of one address (of IPv6, one network of 64 bits): how many connections at a time,
	// and how many new ones a second, after a burst. 0: no limit. Behind a proxy or a
	// Service that hides where clients come from, all of them have one address.
	MaxPerAddress   int
	RatePerAddress  float64
	BurstPerAddress int           // default: 1
	DialTimeout     time.Duration // one attempt to reach a server; default 2 s
	ConfirmTimeout  time.Duration // one question to MAIN; default 5 s
	// HandshakeTimeout is how long a client may take for its first bytes, and for its
	// login; default 10 s.
	HandshakeTimeout time.Duration
	RouteTTL         time.Duration // how long a driver may keep a routing table; default 5 s
	DrainTimeout     time.Duration // how long sessions may go on after Run's ctx has ended; default 0: not at all
	// IdleTimeout is how long a session in which nothing is open may ask nothing; default
	// 0: for ever. Up to a quarter more may pass.
	IdleTimeout time.Duration
	// StallTimeout is how long a client may take to receive what is written to it, 32 KiB
	// at most; default 5 min. Up to a quarter more may pass.
	StallTimeout   time.Duration
	NoReadFallback bool // read-only clients are held, not sent to MAIN, while no reader can be reached

	// TLS is how both doors speak to clients; nil: without.
	TLS *tls.Config
	// ServerTLS is how servers are spoken to; nil: without TLS. Without a ServerName that
	// of each is the host of its address.
	ServerTLS *tls.Config

	// Address returns where a server's host:port is reached now; nil: as it says.
	// It must not block.
	Address func(addr string) string
	// Dial reaches a server; nil: a net.Dialer with keep-alive.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Where a driver that asks for a routing table is told to write and to read,
	// host:port; empty: the host by which it has come, and the port listened at.
	AdvertisedReadWrite, AdvertisedReadOnly string
	// Held is told how long a client was held, when it no longer is; nil: nobody is
	// told. It must not block.
	Held func(time.Duration)
	// Answered is told how long a server took for its first answer to something; nil:
	// nobody is told. It must not block.
	Answered func(server string, door Door, took time.Duration)
	Log      *slog.Logger // nil: no log
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
		{"HandshakeTimeout", &o.HandshakeTimeout, 10 * time.Second},
		{"RouteTTL", &o.RouteTTL, 5 * time.Second},
		{"DrainTimeout", &o.DrainTimeout, 0},
		{"IdleTimeout", &o.IdleTimeout, 0},
		{"StallTimeout", &o.StallTimeout, 5 * time.Minute},
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
		{"MaxPerAddress", &o.MaxPerAddress, 0},
		{"BurstPerAddress", &o.BurstPerAddress, 1},
	} {
		if *n.v < 0 {
			return o, fmt.Errorf("gateway options: %s is negative: %d", n.name, *n.v)
		}
		if *n.v == 0 {
			*n.v = n.def
		}
	}
	if !(o.RatePerAddress >= 0) {
		return o, fmt.Errorf("gateway options: RatePerAddress is no rate: %v", o.RatePerAddress)
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAliveConfig: keepAlive, Control: tcp.UserTimeout(serverSilence)}).DialContext
	}
	if o.Address == nil {
		o.Address = func(addr string) string { return addr }
	}
	if o.Held == nil {
		o.Held = func(time.Duration) {}
	}
	if o.Answered == nil {
		o.Answered = func(string, Door, time.Duration) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// keepAlive finds a peer whose machine is gone within half a minute, also on
// a session that says nothing.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// Listen opens a door at host:port for Options. Clients whose machines are gone are
// noticed within half a minute there; a listener of another kind has its own ways.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	return tcp.Listen(ctx, addr, keepAlive)
}

// serverSilence is how long a server may leave unacknowledged what was sent to it, before
// its connection is given up, should nobody have taken its clients away by then.
const serverSilence = 30 * time.Second
