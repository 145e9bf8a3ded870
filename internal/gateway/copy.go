package gateway

import (
	"errors"
	"io"
	"net"
	"sync"

	"memgraph-controller/internal/tcp"
)

// Both ways copy through a buffer: splicing from server to client was measured
// to be no faster, would need two more files a session and could not be
// counted while it goes on.
//
// A way that is idle owns a small buffer; one that is busy borrows a large
// one, so that ten thousand idle sessions do not own 32 KiB twice each.
const (
	smallBuffer = 2 << 10
	largeBuffer = 32 << 10
)

var buffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// heading is where bytes go that are not asked for their meaning, or are answers.
type heading uint8

const (
	toServer heading = iota
	toClient
	heard // to the client, and talk hears what it is
)

// copying is one way of a session through buffers of its own.
type copying struct {
	s     *session
	to    heading
	buf   []byte
	small []byte
	large *[largeBuffer]byte
	err   error // of a write
}

// copyBytes moves bytes from src until that ends, with neither error, or one of them fails.
func (c *copying) copyBytes(s *session, to heading, src net.Conn) (readErr, writeErr error) {
	small := make([]byte, smallBuffer)
	*c = copying{s: s, to: to, buf: small, small: small}
	defer func() {
		if c.large != nil {
			buffers.Put(c.large)
			c.large, c.buf = nil, nil
		}
	}()
	err := tcp.Stream(src, c)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err, c.err
}

// Room implements tcp.Sink.
func (c *copying) Room() []byte { return c.buf }

// Took implements tcp.Sink.
func (c *copying) Took(n int) tcp.Next {
	if c.s.node.gone.raised() {
		c.err = net.ErrClosed // the cut has begun and is on its way to this session
		return tcp.Stop
	}
	if c.err = c.write(c.buf[:n]); c.err != nil {
		return tcp.Stop
	}
	switch {
	case c.large == nil && n == len(c.buf):
		c.large = buffers.Get().(*[largeBuffer]byte)
		c.buf = c.large[:]
	case c.large != nil && n <= smallBuffer:
		buffers.Put(c.large)
		c.large, c.buf = nil, c.small
	}
	if c.to == heard && c.s.expectsNothing() {
		return tcp.Rest
	}
	return tcp.More
}

func (c *copying) write(b []byte) error {
	switch c.to {
	case toServer:
		return c.s.forward(b)
	case toClient:
		return c.s.handOn(b)
	default:
		return c.s.deliver(b)
	}
}
