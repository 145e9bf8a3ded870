package gateway

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// past is a deadline that has passed: it ends a read or write under way and
// lets none begin, without waiting for whoever is in it, as Close would.
var past = time.Unix(1, 0)

// session is one client at one node.
type session struct {
	door   Door
	node   *node
	client net.Conn
	server net.Conn // nil while dialing; set under Gateway.mu, before carry
	abort  func()   // ends the dialing
	stop   func()   // closes gone; may be called more than once
	gone   chan struct{}
}

func newSession(v *visitor, n *node, abort func()) *session {
	gone := make(chan struct{})
	stop := sync.OnceFunc(func() { close(gone) })
	return &session{door: v.door, node: n, client: v.conn, abort: abort, gone: gone, stop: stop}
}

// cut ends the session: no byte moves after it returns. It reports whether
// any could before. A client that was still dialing keeps its connection and
// finds another node. Gateway.mu is held.
func (s *session) cut() bool {
	s.stop()
	s.abort()
	if s.server == nil {
		return false
	}
	_ = s.server.SetDeadline(past) // these fail only on closed connections
	_ = s.client.SetDeadline(past)
	return true
}

// carry moves bytes both ways until both ways have ended, and closes both
// connections. The counters grow as bytes are written.
func (s *session) carry(toServer, toClient *atomic.Uint64) {
	var down sync.WaitGroup
	down.Go(func() { s.copyToClient(toClient) })
	s.copyToServer(toServer)
	down.Wait()
	s.close()
}

// copyToServer is named so that it can be found in a goroutine dump.
func (s *session) copyToServer(count *atomic.Uint64) {
	read, write := s.copyBytes(s.forward, s.client, count)
	switch {
	case write != nil: // the server is gone: the other way delivers its last words and ends
	case read != nil || !closeWrite(s.server):
		s.close()
	}
}

// copyToClient is named so that it can be found in a goroutine dump.
func (s *session) copyToClient(count *atomic.Uint64) {
	read, write := s.copyBytes(s.client.Write, s.server, count)
	if write != nil || read != nil || !closeWrite(s.client) {
		s.close()
	}
}

// closeWrite passes the end of a stream on and leaves the other way open. It
// reports false if that cannot be done.
func closeWrite(c net.Conn) bool {
	half, ok := c.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// close ends both ways.
func (s *session) close() {
	s.stop()
	s.server.Close()
	s.client.Close()
}

// forward writes p to the server. While the node is paused it waits; a write
// that a pause has interrupted is taken up again where it stopped.
func (s *session) forward(p []byte) (int, error) {
	sent := 0
	for {
		for q := s.node.pause.Load(); q != nil; q = s.node.pause.Load() {
			select {
			case <-q.over:
			case <-s.gone:
				return sent, net.ErrClosed
			}
		}
		n, err := s.server.Write(p[sent:])
		sent += n
		if !errors.Is(err, os.ErrDeadlineExceeded) || closed(s.gone) {
			return sent, err
		}
	}
}

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

// copyBytes moves bytes from src to write until src ends, with neither error,
// or one of them fails.
func (s *session) copyBytes(write func([]byte) (int, error), src net.Conn, count *atomic.Uint64) (readErr, writeErr error) {
	small := make([]byte, smallBuffer)
	var large *[largeBuffer]byte
	defer func() {
		if large != nil {
			buffers.Put(large)
		}
	}()
	for buf := small; ; {
		n, err := src.Read(buf)
		if n > 0 && closed(s.node.gone) {
			return nil, net.ErrClosed // the cut has begun and is on its way to this session
		}
		if n > 0 {
			sent, err := write(buf[:n])
			count.Add(uint64(sent))
			if err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return err, nil
		case large == nil && n == len(buf):
			large = buffers.Get().(*[largeBuffer]byte)
			buf = large[:]
		case large != nil && n <= smallBuffer:
			buffers.Put(large)
			large, buf = nil, small
		}
	}
}
