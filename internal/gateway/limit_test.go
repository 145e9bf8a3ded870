package gateway

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func at(t *testing.T, text string) netip.Addr {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(text, "1"))
	if err != nil {
		t.Fatal(err)
	}
	return origin(remote{addr})
}

// remote is a connection that comes from somewhere.
type remote struct{ from net.Addr }

func (remote) Read([]byte) (int, error)         { return 0, net.ErrClosed }
func (remote) Write([]byte) (int, error)        { return 0, net.ErrClosed }
func (remote) Close() error                     { return nil }
func (remote) LocalAddr() net.Addr              { return nil }
func (r remote) RemoteAddr() net.Addr           { return r.from }
func (remote) SetDeadline(time.Time) error      { return nil }
func (remote) SetReadDeadline(time.Time) error  { return nil }
func (remote) SetWriteDeadline(time.Time) error { return nil }

func TestOriginOfAClient(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::",
		"2001:db8:1:3:3:4:5:6": "2001:db8:1:3::",
	} {
		if got := at(t, from).String(); got != want {
			t.Errorf("%s comes from %s, want %s", from, got, want)
		}
	}
	if got := origin(remote{&net.UnixAddr{Name: "x"}}); got.IsValid() {
		t.Errorf("a client without an address comes from %s", got)
	}
}

func TestLimitsOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sources{}
		o := Options{MaxPerAddress: 3, RatePerAddress: 2, BurstPerAddress: 4}
		a, b := at(t, "192.0.2.1"), at(t, "192.0.2.2")
		enter := func(from netip.Addr, want error) {
			t.Helper()
			if err := l.enter(from, o); !errors.Is(err, want) {
				t.Errorf("one more from %s: %v, want %v", from, err, want)
			}
		}
		for range 3 {
			enter(a, nil)
		}
		enter(a, errTooManyFromOne)
		enter(a, errTooFast) // the one that was too many has used up the burst
		enter(b, nil)
		l[a].open = 0
		enter(a, errTooFast)
		time.Sleep(time.Second)
		enter(a, nil)
		enter(a, nil)
		enter(a, errTooFast)
	})
}

// Addresses that nobody comes from any more are forgotten, so that nobody fills the
// memory with them; those that are still open, or wait for their burst, last.
func TestAddressesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sources{}
		o := Options{MaxPerAddress: 2, RatePerAddress: 1, BurstPerAddress: 2}
		first := at(t, "192.0.2.1")
		if err := l.enter(first, o); err != nil {
			t.Fatal(err)
		}
		from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
		for i := range 3 * maxSources {
			addr := from(i)
			if err := l.enter(addr, o); err != nil {
				t.Fatal(addr, err)
			}
			l[addr].open--
			if len(l) > maxSources {
				t.Fatalf("%d addresses are remembered, want %d at most", len(l), maxSources)
			}
		}
		if l[first] == nil {
			t.Error("an address with an open connection was forgotten")
		}
	})
}

func TestClientsBeyondALimitAreClosedAtOnce(t *testing.T) {
	a := newServer(t, "a")
	g := start(t, Options{MaxPerAddress: 2})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	one, two := connect(t, g.opt.ReadWrite), connect(t, g.opt.ReadOnly)
	one.greeted(a)
	two.greeted(a)
	connect(t, g.opt.ReadWrite).ended()
	if st := g.Stats(); st.RefusedTotal != 1 || st.Clients != 2 {
		t.Errorf("stats %+v; want one refused, two there", st)
	}
	one.Close()
	eventually(t, "it is counted out", func() bool { return g.Stats().Clients == 1 })
	connect(t, g.opt.ReadWrite).greeted(a)
}
