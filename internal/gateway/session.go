package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/tcp"
)

// past is a deadline that has passed: it ends a read or write under way and
// lets none begin, without waiting for whoever is in it, as Close would.
var past = time.Unix(1, 0)

// session is one client at one node.
type session struct {
	gate   *Gateway
	door   Door
	talk   *talk // nil: the client speaks something else than Bolt
	first  []byte
	node   *node
	client net.Conn
	server net.Conn // nil while dialing; set under Gateway.mu, before carry
	abort  func()   // ends the dialing
	stop   func()   // closes gone; may be called more than once
	gone   chan struct{}

	understood bool        // talk follows what is said; set under Gateway.mu
	departs    atomic.Bool // it leaves its server as soon as nothing is open
	ends       atomic.Bool // it goes nowhere else then

	silent  atomic.Bool   // the server says no more
	ended   atomic.Bool   // the client says no more
	reads   atomic.Uint64 // from the client
	writing atomic.Int64  // when the write to the client began that is under way, in ns; 0: none is

	// Of endIdle, guarded by Gateway.mu.
	quiet   time.Time // since when nothing was asked
	asked   uint64    // reads at that time
	expired bool
}

func newSession(g *Gateway, v *visitor, n *node, abort func()) *session {
	gone := make(chan struct{})
	stop := sync.OnceFunc(func() { close(gone) })
	return &session{gate: g, door: v.door, talk: v.talk, first: v.first, node: n, client: v.conn, abort: abort, gone: gone, stop: stop}
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
	if sent, err := s.forward(s.first); err != nil {
		s.close()
	} else {
		toServer.Add(uint64(sent))
		s.copyToServer(toServer)
	}
	down.Wait()
	s.close()
}

// converse carries a session that is understood, until the server has gone or the client
// has. It leaves the client's connection open.
func (s *session) converse(toServer, toClient *atomic.Uint64) {
	var down sync.WaitGroup
	down.Go(func() {
		_, _ = s.copyBytes(s.deliver, s.server, s.expectsNothing, toClient) // talk knows what the client has been given
		s.silent.Store(true)
		_ = s.client.SetReadDeadline(past)
	})
	if s.departs.Load() { // since before it was understood
		s.wake()
	}
	err := s.copyRequests(toServer)
	if errors.Is(err, errAlien) || errors.Is(err, errTooLong) || errors.Is(err, errTables) {
		s.talk.giveUp()
	}
	s.ended.Store(true)
	if !s.talk.gone || !errors.Is(err, io.EOF) || !closeWrite(s.server) {
		_ = s.server.SetReadDeadline(past)
	}
	down.Wait()
	s.stop()
	s.server.Close()
}

// copyRequests passes on what the client asks, until it ends, the session does, or the
// server takes no more.
func (s *session) copyRequests(count *atomic.Uint64) error {
	t := s.talk
	for {
		failed := s.passOn(count)
		if failed != nil {
			return failed
		}
		err := tcp.Stream(s.client, t.room, func(n int) tcp.Next {
			t.got(n)
			s.reads.Add(1)
			if failed = s.passOn(count); failed != nil {
				return tcp.Stop
			}
			if !t.outstanding() {
				return tcp.More
			}
			t.rest()
			return tcp.Rest // if the client is gone, its answer will tell
		})
		switch {
		case failed != nil:
			return failed
		case !timedOut(err):
			t.gone = true
			return err
		case !s.stays(err):
			return err
		}
	}
}

// passOn passes on what the client has sent, as far as it may.
func (s *session) passOn(count *atomic.Uint64) error {
	t := s.talk
	next := t.held
	for {
		if next {
			if err := s.begin(count); err != nil {
				return err
			}
		}
		n, more, err := s.passable(count)
		if err != nil {
			return err
		}
		if next = more; next {
			continue
		}
		if err := s.pass(n, count); err != nil {
			return err
		}
		if len(t.in) > keptLogin {
			return errTooLong
		}
		return nil
	}
}

// pass writes the first n bytes of what the client has sent.
func (s *session) pass(n int, count *atomic.Uint64) error {
	if n == 0 {
		return nil
	}
	if closed(s.node.gone) {
		return net.ErrClosed
	}
	sent, err := s.forward(s.talk.in[:n])
	count.Add(uint64(sent))
	s.talk.drop(n)
	return err
}

// deliver writes what the server says to the client, and what the gateway itself has to
// say in between. It implements the write of copyBytes.
func (s *session) deliver(b []byte) (int, error) {
	t := s.talk
	from, done := 0, false
	for at := 0; at < len(b); {
		n, e := t.hear(b[at:])
		at += n
		switch e {
		case bolt.Start:
			if d := t.waited(); d > 0 {
				s.gate.opt.Answered(s.node.addr, s.door, d)
			}
			if t.down.Tag() == bolt.Success {
				t.down.Keep(keptResult)
			}
		case bolt.End:
			if t.down.Tag() == bolt.Record {
				continue
			}
			own := s.answered(t.down.Tag())
			done = s.departs.Load()
			if len(own) == 0 {
				continue
			}
			if err := s.tell(b[from:at]); err != nil {
				return from, err
			}
			if from = at; s.tell(own) != nil {
				return from, net.ErrClosed
			}
		case bolt.Alien:
			t.giveUp()
			at = len(b)
		case bolt.More, bolt.Noop:
		}
	}
	if err := s.tell(b[from:]); err != nil {
		return from, err
	}
	if t.sayDue(s.tell) != nil {
		return len(b), net.ErrClosed
	}
	if done {
		s.wake()
	}
	return len(b), nil
}

// tell writes a part of what the client is told. If that fails the rest is of no use to it.
func (s *session) tell(p []byte) error {
	_, err := s.hand(p)
	if err != nil {
		s.talk.giveUp()
	}
	return err
}

// answered notes an answer that is about to be passed on, and how long it took, and
// returns what the gateway itself has to say after it.
func (s *session) answered(tag bolt.Tag) []byte {
	own, took := s.talk.answered(tag)
	if took > 0 && s.door == ReadWrite {
		s.gate.pace.note(time.Now(), took)
	}
	return own
}

// copyToServer is named so that it can be found in a goroutine dump.
func (s *session) copyToServer(count *atomic.Uint64) {
	read, write := s.copyBytes(s.forward, s.client, never, count)
	switch {
	case write != nil: // the server is gone: the other way delivers its last words and ends
	case read != nil || !closeWrite(s.server):
		s.close()
	}
}

// copyToClient is named so that it can be found in a goroutine dump.
func (s *session) copyToClient(count *atomic.Uint64) {
	read, write := s.copyBytes(s.hand, s.server, never, count)
	if write != nil || read != nil || !closeWrite(s.client) {
		s.close()
	}
}

// hand writes p to the client, and says since when it does.
func (s *session) hand(p []byte) (int, error) {
	s.writing.Store(time.Now().UnixNano())
	n, err := s.client.Write(p)
	s.writing.Store(0)
	return n, err
}

// closeWrite passes the end of a stream on and leaves the other way open. It
// reports false if that cannot be done.
func closeWrite(c net.Conn) bool {
	half, ok := c.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// close ends both ways. Whoever reads from one connection may be writing to the other, and
// Close waits for him.
func (s *session) close() {
	s.stop()
	_ = s.server.SetDeadline(past)
	_ = s.client.SetDeadline(past)
	s.server.Close()
	s.client.Close()
}

// forward writes p to the server.
func (s *session) forward(p []byte) (int, error) { return s.push(s.server, p) }

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
// or one of them fails. rests says whether nothing is expected from src.
func (s *session) copyBytes(write func([]byte) (int, error), src net.Conn, rests func() bool, count *atomic.Uint64) (readErr, writeErr error) {
	small := make([]byte, smallBuffer)
	buf := small
	var large *[largeBuffer]byte
	defer func() {
		if large != nil {
			buffers.Put(large)
		}
	}()
	err := tcp.Stream(src, func() []byte { return buf }, func(n int) tcp.Next {
		if closed(s.node.gone) {
			writeErr = net.ErrClosed // the cut has begun and is on its way to this session
			return tcp.Stop
		}
		sent, err := write(buf[:n])
		count.Add(uint64(sent))
		if err != nil {
			writeErr = err
			return tcp.Stop
		}
		switch {
		case large == nil && n == len(buf):
			large = buffers.Get().(*[largeBuffer]byte)
			buf = large[:]
		case large != nil && n <= smallBuffer:
			buffers.Put(large)
			large, buf = nil, small
		}
		if rests() {
			return tcp.Rest
		}
		return tcp.More
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err, writeErr
}

// expectsNothing reports whether the server has nothing to say, and something will be written to
// it that tells if it is gone.
func (s *session) expectsNothing() bool { return !s.talk.outstanding() && !s.ended.Load() }

// never says of a stream that is not understood that anything may come.
func never() bool { return false }
