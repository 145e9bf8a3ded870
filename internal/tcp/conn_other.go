//go:build !linux || 386

package tcp

import "net"

// Conn is a TCP connection of which nothing more is known here.
type Conn struct {
	*net.TCPConn
	turn turn
}

func (c *Conn) try([]byte) (int, error) { return 0, ErrWait }

func (c *Conn) stream(f Flow) error { return Stream(nil, c.TCPConn, f) }

// Brief returns conn as it is.
func Brief(conn net.Conn) net.Conn { return conn }

// Loop does not exist here.
type Loop struct{}

// Loops has none here.
type Loops struct{ After int }

// For returns nil.
func (*Loops) For(net.Conn) *Loop { return nil }

// Close has nothing to end.
func (*Loops) Close() {}

type turn struct{}

func (t *turn) stream(*Loop, Flow) error { return nil }
