package gateway

import (
	"errors"
	"net"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/tcp"
)

var (
	errAlien   = errors.New("what the client sends is no Bolt any more")
	errTooLong = errors.New("a message that must be read as a whole is too long")
)

// copyRequests passes on what the client asks, until it ends, the session does, or the
// server takes no more.
func (s *session) copyRequests() error {
	r := &s.asks
	r.s = s
	for {
		if r.failed = s.passOn(); r.failed != nil {
			return r.failed
		}
		err := tcp.Stream(s.client, r)
		switch {
		case r.failed != nil:
			return r.failed
		case !timedOut(err):
			s.talk.gone = true
			return err
		case !s.stays(err):
			return err
		}
	}
}

// asking is where what the client of an understood session asks goes.
type asking struct {
	s      *session
	failed error
}

// Room implements tcp.Sink.
func (r *asking) Room() []byte { return r.s.talk.room() }

// Took implements tcp.Sink.
func (r *asking) Took(n int) tcp.Next {
	t := r.s.talk
	t.got(n)
	r.s.reads.Add(1)
	if r.failed = r.s.passOn(); r.failed != nil {
		return tcp.Stop
	}
	if !t.outstanding() {
		return tcp.More
	}
	t.rest()
	return tcp.Rest // if the client is gone, its answer will tell
}

// passOn passes on what the client has sent, as far as it may.
func (s *session) passOn() error {
	t := s.talk
	next := t.held
	for {
		if next {
			if err := s.begin(); err != nil {
				return err
			}
		}
		n, more, err := s.passable()
		if err != nil {
			return err
		}
		if next = more; next {
			continue
		}
		if err := s.pass(n); err != nil {
			return err
		}
		if len(t.in) > keptLogin {
			return errTooLong
		}
		return nil
	}
}

// pass writes the first n bytes of what the client has sent.
func (s *session) pass(n int) error {
	if n == 0 {
		return nil
	}
	if s.node.gone.raised() {
		return net.ErrClosed
	}
	err := s.forward(s.talk.in[:n])
	s.talk.drop(n)
	return err
}

// read reads more of what the client sends. What in holds is at most one message that
// must be whole, and a buffer.
func (t *talk) read(client net.Conn) error {
	if len(t.in) > keptLogin {
		return errTooLong
	}
	n, err := client.Read(t.room())
	if t.got(n); n > 0 {
		return nil
	}
	if !timedOut(err) {
		t.gone = true
	}
	return err
}

// room is where what the client sends next is read to.
func (t *talk) room() []byte {
	size := smallBuffer
	if t.busy {
		size = largeBuffer
	}
	t.rest()
	if cap(t.in)-len(t.in) < size {
		room := size
		if len(t.in) > 0 {
			room = len(t.in) + 2*size // little comes at a time: it is not to be copied each time
		}
		grown := append(make([]byte, 0, room), t.in...)
		clear(t.in) // it may be a login
		t.in = grown
	}
	return t.in[len(t.in) : len(t.in)+size]
}

// rest gives a large buffer back that is not needed any more.
func (t *talk) rest() {
	if !t.busy && len(t.in) == 0 && cap(t.in) > 2*smallBuffer {
		clear(t.in[:cap(t.in)]) // it may have been a login
		t.in = nil
	}
}

// got takes in what was read into room.
func (t *talk) got(n int) {
	t.in = t.in[:len(t.in)+n]
	t.busy = n == smallBuffer || t.busy && n > smallBuffer // it has filled a small one
}

// drop takes the first n bytes out of in.
func (t *talk) drop(n int) {
	t.in = t.in[:copy(t.in, t.in[n:])]
	t.seen -= n
	t.begin = max(0, t.begin-n)
}

// passable scans what the client has sent, up to a message that has to wait for
// something. It returns how many bytes of in may be passed on, and the tag of the
// message that comes next, if one has begun that was not asked yet.
func (s *session) passable() (n int, next bool, err error) {
	t := s.talk
	for t.seen < len(t.in) {
		if t.up.Between() {
			t.begin = t.seen
		}
		k, e := t.up.Next(t.in[t.seen:])
		t.seen += k
		switch e {
		case bolt.Start:
			t.held = true
			return t.begin, true, nil
		case bolt.End:
			if err := s.end(); err != nil {
				return 0, false, err
			}
		case bolt.Alien:
			return 0, false, errAlien
		case bolt.More, bolt.Noop:
		}
	}
	if t.whole || t.up.Undecided() {
		return t.begin, false, nil
	}
	return t.seen, false, nil
}

// begin asks for the message that has begun, as soon as it may be. What came before it
// is passed on if it has to wait.
func (s *session) begin() error {
	t := s.talk
	tag := t.up.Tag()
	if s.waits() != nil {
		if err := s.pass(t.begin); err != nil {
			return err
		}
	}
	for q := s.waits(); q != nil; q = s.waits() {
		select {
		case <-q.over:
		case <-s.gone.done:
			return net.ErrClosed
		}
	}
	if s.gone.raised() || s.node.gone.raised() || s.departs.Load() && s.settled() {
		return net.ErrClosed
	}
	t.held = false
	switch tag {
	case bolt.Hello, bolt.Logon:
		t.whole = true
	case bolt.Route:
		t.whole = true
		t.up.Keep(keptRoute)
		return nil // asked when it is read: it is answered here
	case bolt.Run:
		t.up.Keep(keptQuery)
	case bolt.Logoff:
		clear(t.logon)
		t.logon = t.logon[:0]
	}
	t.ask(tag)
	return nil
}

// waits returns the pause that the next request of the client has to wait for, nil if
// none: what has begun goes on while MAIN is about to step down.
func (s *session) waits() *quiet {
	q := s.node.pause.Load()
	if q == nil || q.mild && !s.talk.boundary() {
		return nil
	}
	return q
}

// end is called when a message of the client is whole.
func (s *session) end() error {
	t := s.talk
	message := t.in[t.begin:t.seen]
	switch t.up.Tag() {
	case bolt.Hello:
		t.hello = append(t.hello[:0], message...)
	case bolt.Logon:
		t.logon = append(t.logon[:0], message...)
	case bolt.Run:
		if body, _ := t.up.Kept(); bolt.Changes(body) {
			t.mu.Lock()
			t.conv.Change()
			t.mu.Unlock()
		}
	case bolt.Route:
		t.whole = false
		return s.route()
	}
	t.whole = false
	return nil
}
