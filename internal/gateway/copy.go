package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

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

// way is one direction of a session whose bytes are passed on as they come.
type way interface {
	// pieces appends to list what is to be written for b, which was read.
	pieces(list [][]byte, b []byte) [][]byte
	// try writes as much of p as goes without waiting; tcp.ErrWait says that it is not all.
	try(p []byte) (int, error)
	// write writes p.
	write(p []byte) (int, error)
	// wrote is told that all pieces are written, and returns what is to be written after
	// them.
	wrote() []byte
	// rests reports whether nothing is expected.
	rests() bool
}

// copier copies one way. It implements tcp.Flow.
type copier struct {
	way
	gone  <-chan struct{} // closed when no byte may move any more
	count *atomic.Uint64  // bytes written

	buf, small []byte
	large      *[largeBuffer]byte
	got        int      // bytes of buf that were read last
	list       [][]byte // of pieces
	left       [][]byte // those of list that are not written
	err        error    // of writing
}

// copyBytes moves bytes from src along w until src ends, with neither error, or one of
// them fails.
func (s *session) copyBytes(w way, src net.Conn, count *atomic.Uint64) (readErr, writeErr error) {
	small := make([]byte, smallBuffer)
	c := &copier{way: w, gone: s.node.gone, count: count, buf: small, small: small}
	err := tcp.Stream(s.loop, src, c)
	if c.large != nil {
		buffers.Put(c.large)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err, c.err
}

// Room implements tcp.Flow.
func (c *copier) Room() []byte { return c.buf }

// Take implements tcp.Flow.
func (c *copier) Take(n int) tcp.Next {
	if closed(c.gone) {
		c.err = net.ErrClosed // the cut has begun and is on its way to this session
		return tcp.Stop
	}
	c.got = n
	c.list = c.pieces(c.list[:0], c.buf[:n])
	c.left = c.list
	return c.flush(c.try)
}

// Finish implements tcp.Flow.
func (c *copier) Finish() tcp.Next { return c.flush(c.write) }

// flush writes what is left.
func (c *copier) flush(write func([]byte) (int, error)) tcp.Next {
	for len(c.left) > 0 {
		n, err := write(c.left[0])
		c.count.Add(uint64(n))
		switch {
		case errors.Is(err, tcp.ErrWait):
			c.left[0] = c.left[0][n:]
			return tcp.Wait
		case err != nil:
			c.err = err
			return tcp.Stop
		}
		if c.left = c.left[1:]; len(c.left) > 0 {
			continue
		}
		if more := c.wrote(); len(more) > 0 {
			c.list = append(c.list[:0], more)
			c.left = c.list
		}
	}
	c.resize()
	if c.rests() {
		return tcp.Rest
	}
	return tcp.More
}

// resize borrows a large buffer, or gives it back.
func (c *copier) resize() {
	switch {
	case c.large == nil && c.got == len(c.buf):
		c.large = buffers.Get().(*[largeBuffer]byte)
		c.buf = c.large[:]
	case c.large != nil && c.got <= smallBuffer:
		buffers.Put(c.large)
		c.large, c.buf = nil, c.small
	}
}

// upward leads from the client to the server what is not understood.
type upward struct{ *session }

func (w upward) pieces(list [][]byte, b []byte) [][]byte { return append(list, b) }
func (w upward) try(p []byte) (int, error)               { return w.tryForward(p) }
func (w upward) write(p []byte) (int, error)             { return w.push(w.server, p) }
func (w upward) wrote() []byte                           { return nil }
func (w upward) rests() bool                             { return false }

// downward leads from the server to the client what is not understood.
type downward struct{ *session }

func (w downward) pieces(list [][]byte, b []byte) [][]byte { return append(list, b) }
func (w downward) try(p []byte) (int, error)               { return tcp.Try(w.client, p) }
func (w downward) wrote() []byte                           { return nil }
func (w downward) rests() bool                             { return false }

// write says since when it writes.
func (w downward) write(p []byte) (int, error) {
	w.writing.Store(time.Now().UnixNano())
	n, err := w.client.Write(p)
	w.writing.Store(0)
	return n, err
}

// answers leads what the server says to the client, and what the gateway itself has to
// say in between.
type answers struct{ *session }

func (w answers) pieces(list [][]byte, b []byte) [][]byte {
	list, first, took := w.talk.listen(list, b, time.Now())
	if first > 0 {
		w.gate.opt.Answered(w.node.addr, w.door, first)
	}
	if took > 0 && w.door == ReadWrite {
		w.gate.pace.note(time.Now(), took)
	}
	return list
}

func (w answers) try(p []byte) (int, error) {
	n, err := tcp.Try(w.client, p)
	if err != nil && !errors.Is(err, tcp.ErrWait) {
		w.talk.giveUp()
	}
	return n, err
}

func (w answers) write(p []byte) (int, error) {
	n, err := downward(w).write(p)
	if err != nil {
		w.talk.giveUp()
	}
	return n, err
}

func (w answers) wrote() []byte {
	more := w.talk.spoken()
	if len(more) == 0 && w.departs.Load() {
		w.wake()
	}
	return more
}

// rests reports whether the server has nothing to say, and something will be written to
// it that tells if it is gone.
func (w answers) rests() bool { return !w.ended.Load() && !w.talk.outstanding() }
