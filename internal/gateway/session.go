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
	server net.Conn  // nil while dialing; set under Gateway.mu, before carry
	loop   *tcp.Loop // reads while nobody has to wait; nil: there is none
	abort  func()    // ends the dialing
	stop   func()    // closes gone; may be called more than once
	gone   chan struct{}

	understood bool        // talk follows what is said; set under Gateway.mu
	departs    atomic.Bool // it leaves its server as soon as nothing is open
	ends       atomic.Bool // it goes nowhere else then

	silent  atomic.Bool   // the server says no more
	ended   atomic.Bool   // the client says no more
	reads   atomic.Uint64 // from the client
	writing atomic.Int64  // when the write to the client began that is under way, in ns; 0: none is
	hasty   bool          // whoever passes requests on may not wait

	// Of endIdle, guarded by Gateway.mu.
	quiet   time.Time // since when nothing was asked
	asked   uint64    // reads at that time
	expired bool
}

func newSession(g *Gateway, v *visitor, n *node, abort func()) *session {
	gone := make(chan struct{})
	stop := sync.OnceFunc(func() { close(gone) })
	return &session{
		gate: g, door: v.door, talk: v.talk, first: v.first, node: n, client: v.conn, loop: v.loop,
		abort: abort, gone: gone, stop: stop,
	}
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
		_, _ = s.copyBytes(answers{s}, s.server, toClient) // talk knows what the client has been given
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
		if err := s.passOn(count); err != nil {
			return err
		}
		f := &asked{session: s, count: count}
		err := tcp.Stream(s.loop, s.client, f)
		switch {
		case f.err != nil:
			return f.err
		case !timedOut(err):
			t.gone = true
			return err
		case !s.stays(err):
			return err
		}
	}
}

// copyToServer is named so that it can be found in a goroutine dump.
func (s *session) copyToServer(count *atomic.Uint64) {
	read, write := s.copyBytes(upward{s}, s.client, count)
	switch {
	case write != nil: // the server is gone: the other way delivers its last words and ends
	case read != nil || !closeWrite(s.server):
		s.close()
	}
}

// copyToClient is named so that it can be found in a goroutine dump.
func (s *session) copyToClient(count *atomic.Uint64) {
	read, write := s.copyBytes(downward{s}, s.server, count)
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

// close ends both ways. Whoever reads from one connection may be writing to the other, and
// Close waits for him.
func (s *session) close() {
	s.stop()
	_ = s.server.SetDeadline(past)
	_ = s.client.SetDeadline(past)
	s.server.Close()
	s.client.Close()
}
