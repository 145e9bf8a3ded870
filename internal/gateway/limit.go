package gateway

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

var (
	errTooMany        = errors.New("too many connections")
	errTooManyFromOne = errors.New("too many connections from one address")
	errTooFast        = errors.New("connections from one address come too fast")
)

// maxSources bounds how many addresses are remembered. Beyond it those that have no
// connection are forgotten, and with them how fast they came.
const maxSources = 16 << 10

// source is one address that clients come from.
type source struct {
	open int
	rate *rate.Limiter // nil: as fast as they like
}

// sources are the addresses that clients come from. Gateway.mu guards them.
type sources map[netip.Addr]*source

// origin returns the address that a client comes from, of IPv6 its network of 64 bits,
// and the zero Addr if it has none.
func origin(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		addr := tcp.AddrPort().Addr().Unmap()
		if addr.Is6() { // who has one address of a network has all of its
			if p, err := addr.Prefix(64); err == nil {
				return p.Addr()
			}
		}
		return addr
	}
	return netip.Addr{}
}

// enter counts a client in, or says which limit keeps it out. g.mu is held.
func (g *Gateway) enter(from netip.Addr) error {
	if g.clients >= g.opt.MaxConnections {
		return errTooMany
	}
	if g.opt.MaxPerAddress > 0 || g.opt.RatePerAddress > 0 {
		if err := g.sources.enter(from, g.opt); err != nil {
			return err
		}
	}
	g.clients++
	return nil
}

// exit counts a client out. g.mu is held.
func (g *Gateway) exit(from netip.Addr) {
	g.clients--
	if s := g.sources[from]; s != nil {
		s.open--
	}
}

func (l sources) enter(from netip.Addr, o Options) error {
	s := l[from]
	if s == nil {
		l.makeRoom()
		s = &source{}
		if o.RatePerAddress > 0 {
			s.rate = rate.NewLimiter(rate.Limit(o.RatePerAddress), max(1, o.BurstPerAddress))
		}
		l[from] = s
	}
	switch {
	case s.rate != nil && !s.rate.Allow():
		return errTooFast
	case o.MaxPerAddress > 0 && s.open >= o.MaxPerAddress:
		return errTooManyFromOne
	}
	s.open++
	return nil
}

// makeRoom forgets addresses if there are too many, those first that have their whole
// burst again.
func (l sources) makeRoom() {
	if len(l) < maxSources {
		return
	}
	for _, idle := range []func(*source) bool{
		func(s *source) bool { return s.rate == nil || s.rate.TokensAt(time.Now()) >= float64(s.rate.Burst()) },
		func(*source) bool { return true },
	} {
		for addr, s := range l {
			if s.open == 0 && idle(s) {
				delete(l, addr)
			}
		}
		if len(l) < maxSources {
			return
		}
	}
}
