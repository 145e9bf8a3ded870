package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"memgraph-controller/internal/bolt"
)

// maxNegotiation bounds what either side may say in a negotiation by a list.
const maxNegotiation = 512

var (
	errSlowHandshake = errors.New("said too little in time")
	errOtherVersion  = errors.New("the server does not speak the version that was agreed upon")
	errNoLogin       = errors.New("the server does not accept the login that another has accepted")
)

// greet reads a client's first bytes: the proposals of Bolt, or anything else, which is
// returned to be passed on as it is.
func (g *Gateway) greet(ctx context.Context, client net.Conn) (*talk, []byte, error) {
	defer bound(ctx, client, g.opt.HandshakeTimeout)()
	var p bolt.Proposals
	for n := 0; n < len(p); {
		k, err := client.Read(p[n:])
		n += k
		switch {
		case n > 0 && string(p[:min(n, 4)]) != string(bolt.Magic[:min(n, 4)]):
			return nil, p[:n], nil
		case n == len(p):
			return &talk{proposals: p}, nil, nil
		case errors.Is(err, io.EOF) && n > 0:
			return nil, p[:n], nil
		case err != nil && timedOut(err):
			return nil, nil, errSlowHandshake
		case err != nil:
			return nil, nil, err
		}
	}
	return &talk{proposals: p}, nil, nil
}

// bound gives a connection until limit, or the end of ctx. The function it returns
// takes that back.
func bound(ctx context.Context, c net.Conn, limit time.Duration) (free func()) {
	_ = c.SetDeadline(time.Now().Add(limit)) // these fail only on a closed connection
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(past) })
	return func() {
		if stop() {
			_ = c.SetDeadline(time.Time{})
		}
	}
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// agree lets client and server agree on a version, or, when the client has done so with
// another server, takes this one at it and logs in as the client did. It reports whether
// the session is understood; if not its bytes are passed on as they are.
func (s *session) agree() (understood bool, err error) {
	if s.talk.version != (bolt.Version{}) {
		return true, s.replay()
	}
	if _, err := s.server.Write(s.talk.proposals[:]); err != nil {
		return false, err
	}
	var answer [4]byte
	if _, err := io.ReadFull(s.server, answer[:]); err != nil {
		return false, err
	}
	if _, err := s.client.Write(answer[:]); err != nil {
		s.talk.giveUp()
		return false, err
	}
	v, listed, err := bolt.Agreed(answer)
	switch {
	case err != nil:
		return false, nil // it is for the client to make something of it
	case listed:
		return s.negotiate()
	case !v.Understood():
		return false, nil
	}
	s.talk.version = v
	return true, nil
}

// negotiate passes on a list of versions and the choice from it.
func (s *session) negotiate() (understood bool, err error) {
	if err := relay(s.client, s.server, bolt.List); err != nil {
		s.talk.giveUp()
		return false, err
	}
	var v bolt.Version
	err = relay(s.server, s.client, func(b []byte) (n int, err error) {
		v, n, err = bolt.Choice(b)
		return n, err
	})
	if err != nil || !v.Understood() {
		s.talk.giveUp()
		return false, err
	}
	s.talk.version = v
	return true, nil
}

// relay passes on what length says is whole.
func relay(to, from net.Conn, length func([]byte) (int, error)) error {
	var b []byte
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(from, one); err != nil {
			return err
		}
		if b = append(b, one...); len(b) > maxNegotiation {
			return fmt.Errorf("negotiation of more than %d bytes", maxNegotiation)
		}
		n, err := length(b)
		switch {
		case err != nil:
			return err
		case n > 0:
			_, err := to.Write(b)
			return err
		}
	}
}

// replay says to a new server what the client has said to the one before it.
func (s *session) replay() error {
	t := s.talk
	p := bolt.Only(t.version)
	if _, err := s.server.Write(slices.Concat(p[:], t.hello, t.logon)); err != nil {
		return err
	}
	var answer [4]byte
	if _, err := io.ReadFull(s.server, answer[:]); err != nil {
		return err
	}
	if v, _, err := bolt.Agreed(answer); err != nil || v != t.version {
		return errOtherVersion
	}
	return t.replayed(s.server)
}

// replayed reads the answers to the login, which the client has had from another server.
func (t *talk) replayed(server io.Reader) error {
	var said bolt.Scanner
	waiting := min(len(t.hello), 1) + min(len(t.logon), 1)
	for one := make([]byte, 1); waiting > 0; {
		if _, err := io.ReadFull(server, one); err != nil {
			return err
		}
		switch _, e := said.Next(one); {
		case e == bolt.Alien, e == bolt.End && said.Tag() != bolt.Success:
			return errNoLogin
		case e == bolt.End:
			waiting--
		}
	}
	return nil
}
