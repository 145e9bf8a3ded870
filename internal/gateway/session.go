package gateway

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"memgraph-controller/internal/bolt"
)

// past is a deadline that has passed: it ends a read or write under way and
// lets none begin, without waiting until its goroutine has returned, as Close would.
var past = time.Unix(1, 0)

// session is one client at one node.
//
// What each message needs comes first: a processor that serves hundreds of sessions waits
// for memory most of all.
type session struct {
	gate    *Gateway
	node    *node
	talk    *talk // nil: the client speaks something else than Bolt
	client  net.Conn
	server  net.Conn // nil while dialing; set under Gateway.mu, before carry
	gone    signal   // it has been cut, or is over
	door    Door
	departs atomic.Bool // it leaves its server as soon as nothing is open
	ended   atomic.Bool // the client says no more

	writing atomic.Int64 // when the write to the client began that is under way, in ns; 0: none is
	down    copying
	asks    asking        // of one that is understood
	reads   atomic.Uint64 // from the client

	up         copying     // of one that is not understood
	ends       atomic.Bool // it goes nowhere else when it departs
	silent     atomic.Bool // the server says no more
	understood bool        // talk follows what is said; set under Gateway.mu
	first      []byte
	abort      func() // ends the dialing

	// Of endIdle, guarded by Gateway.mu.
	quiet   time.Time // since when nothing was asked
	asked   uint64    // reads at that time
	expired bool
}

func newSession(g *Gateway, v *visitor, n *node, abort func()) *session {
	return &session{gate: g, door: v.door, talk: v.talk, first: v.first, node: n, client: v.conn, abort: abort, gone: signal{done: make(chan struct{})}}
}

// cut ends the session: no byte moves after it returns, but for the goodbye of TLS. It
// reports whether any could before. A client that was still dialing keeps its connection and
// finds another node. Gateway.mu is held.
func (s *session) cut() bool {
	s.gone.raise()
	s.abort()
	if s.server == nil {
		return false
	}
	_ = s.server.SetDeadline(past) // these fail only on closed connections
	_ = s.client.SetDeadline(past)
	return true
}

// carry moves bytes both ways until both ways have ended, and closes both
// connections.
func (s *session) carry() {
	var down sync.WaitGroup
	down.Go(func() { s.copyToClient() })
	if s.forward(s.first) != nil {
		s.close()
	} else {
		s.copyToServer()
	}
	down.Wait()
	s.close()
}

// converse carries a session that is understood, until the server has gone or the client
// has. It leaves the client's connection open.
func (s *session) converse() {
	var down sync.WaitGroup
	down.Go(func() {
		_, _ = s.down.copyBytes(s, heard, s.server) // talk knows what the client has been given
		s.silent.Store(true)
		_ = s.client.SetReadDeadline(past)
	})
	if s.departs.Load() { // since before it was understood
		s.wake()
	}
	err := s.copyRequests()
	if errors.Is(err, errAlien) || errors.Is(err, errTooLong) || errors.Is(err, errTables) {
		s.talk.giveUp()
	}
	s.ended.Store(true)
	if !s.talk.gone || !errors.Is(err, io.EOF) || !closeWrite(s.server) {
		_ = s.server.SetReadDeadline(past)
	}
	down.Wait()
	s.gone.raise()
	s.server.Close()
}

// deliver writes what the server says to the client, and what the gateway itself has to
// say in between. If that fails the rest is of no use to the client.
func (s *session) deliver(b []byte) error {
	err := s.interpret(b)
	if err != nil {
		s.talk.giveUp()
	}
	return err
}

// interpret does so, part by part.
func (s *session) interpret(b []byte) error {
	t, now := s.talk, time.Now()
	from, done := 0, false
	for at := 0; at < len(b); {
		n, e := t.hear(b[at:])
		at += n
		switch e {
		case bolt.Start:
			if d := t.waited(now); d > 0 {
				s.gate.opt.Answered(s.node.addr, s.door, d)
			}
			if t.down.Tag() == bolt.Success {
				t.down.Keep(keptResult)
			}
		case bolt.End:
			if t.down.Tag() == bolt.Record {
				continue
			}
			own := s.answered(t.down.Tag(), now)
			done = s.departs.Load()
			if len(own) == 0 {
				continue
			}
			if err := s.handOn(b[from:at]); err != nil {
				return err
			}
			from = at
			if err := s.hand(own); err != nil {
				return err
			}
		case bolt.Alien:
			t.giveUp()
			at = len(b)
		case bolt.More, bolt.Noop:
		}
	}
	if err := s.handOn(b[from:]); err != nil {
		return err
	}
	if err := t.sayDue(s.hand); err != nil {
		return err
	}
	if done {
		s.wake()
	}
	return nil
}

// answered notes an answer that is about to be passed on, and how long it took, and
// returns what the gateway itself has to say after it.
func (s *session) answered(tag bolt.Tag, now time.Time) []byte {
	own, took := s.talk.answered(tag, now)
	if took > 0 && s.door == ReadWrite {
		s.gate.pace.note(now, took)
	}
	return own
}

// copyToServer is named so that it can be found in a goroutine dump.
func (s *session) copyToServer() {
	read, write := s.up.copyBytes(s, toServer, s.client)
	switch {
	case write != nil: // the server is gone: the other way delivers its last words and ends
	case read != nil || !closeWrite(s.server):
		s.close()
	}
}

// copyToClient is named so that it can be found in a goroutine dump.
func (s *session) copyToClient() {
	read, write := s.down.copyBytes(s, toClient, s.server)
	if write != nil || read != nil || !closeWrite(s.client) {
		s.close()
	}
}

// handOn writes what the server has said to the client. The counter grows as bytes are
// written.
func (s *session) handOn(p []byte) error {
	n, err := s.write(p)
	s.gate.toClient.Add(uint64(n))
	return err
}

// hand writes what the gateway itself says to the client.
func (s *session) hand(own []byte) error {
	_, err := s.write(own)
	return err
}

// write writes to the client, and says since when it does.
func (s *session) write(p []byte) (int, error) {
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
	s.gone.raise()
	_ = s.server.SetDeadline(past)
	_ = s.client.SetDeadline(past)
	s.server.Close()
	s.client.Close()
}

// forward writes p to the server. The counter grows as bytes are written.
func (s *session) forward(p []byte) error {
	sent, err := s.push(s.server, p)
	s.gate.toServer.Add(uint64(sent))
	return err
}

// expectsNothing reports whether the server has nothing to say, and something will be written to
// it that tells if it is gone.
func (s *session) expectsNothing() bool { return !s.talk.outstanding() && !s.ended.Load() }
