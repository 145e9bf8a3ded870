package exchange

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"memgraph-controller/internal/bolt"
)

// Serve answers clients at ln until it is closed. With a certificate the server ends TLS
// itself.
func Serve(ln net.Listener, certificate *tls.Config) error {
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept at %s: %w", ln.Addr(), err)
		}
		if certificate != nil {
			conn = tls.Server(conn, certificate)
		}
		go func() {
			defer conn.Close()
			_ = serve(conn) // a client that goes is none of the server's concern; one that is misled says so itself
		}()
	}
}

// responder is the server's side of one session.
type responder struct {
	conn net.Conn
	in   bolt.Scanner
	out  []byte // answers to what was read at once
	next Result // that the next PULL asks for; zero: the small one
}

var (
	errProposal = errors.New("the client does not propose Bolt 5.2")
	errGoodbye  = errors.New("the client says goodbye")
	smallQuery  = body(run("RETURN 1"))
)

// body is that of a message of one chunk.
func body(message []byte) []byte { return message[2 : len(message)-2] }

func serve(conn net.Conn) error {
	var p bolt.Proposals
	if _, err := io.ReadFull(conn, p[:]); err != nil {
		return err
	}
	if p.Choose(func(v bolt.Version) bool { return v == version }) != version {
		return errProposal
	}
	agreed := version.Answer()
	if _, err := conn.Write(agreed[:]); err != nil {
		return err
	}
	r := &responder{conn: conn}
	for buf := make([]byte, 4<<10); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return err
		}
		if err := r.hear(buf[:n]); err != nil {
			return err
		}
	}
}

// hear answers what is whole of b, and all before it, with one write.
func (r *responder) hear(b []byte) error {
	r.out = r.out[:0]
	for at := 0; at < len(b); {
		n, e := r.in.Next(b[at:])
		at += n
		switch e {
		case bolt.Start:
			if r.in.Tag() == bolt.Run {
				r.in.Keep(256)
			}
		case bolt.End:
			if err := r.answer(r.in.Tag()); err != nil {
				return err
			}
		case bolt.Alien:
			return errors.New("what the client sends is no Bolt")
		case bolt.More, bolt.Noop:
		}
	}
	return r.flush()
}

func (r *responder) answer(t bolt.Tag) error {
	switch t {
	case bolt.Goodbye:
		return errGoodbye
	case bolt.Run:
		r.next = r.asked()
		r.out = append(r.out, fields...)
	case bolt.Pull:
		if r.next.Blocks > 0 {
			if err := r.stream(); err != nil {
				return err
			}
		} else {
			r.out = append(r.out, record...)
		}
		r.out = append(r.out, summary...)
	default: // HELLO, LOGON, RESET and their like
		r.out = append(r.out, success...)
	}
	return nil
}

// asked reads the query of the RUN that was kept.
func (r *responder) asked() Result {
	kept, _ := r.in.Kept()
	if bytes.Equal(kept, smallQuery) {
		return Result{}
	}
	v, _ := bolt.Unpack(kept) // what cannot be read asks for nothing large
	if m, ok := v.(bolt.Structure); ok && len(m.Fields) > 0 {
		query, _ := m.Fields[0].(string)
		if result, ok := parse(query); ok {
			return result
		}
	}
	return Result{}
}

func (r *responder) stream() error {
	if err := r.flush(); err != nil {
		return err
	}
	block := r.next.block()
	for range r.next.Blocks {
		if _, err := r.conn.Write(block); err != nil {
			return err
		}
	}
	return nil
}

func (r *responder) flush() error {
	if len(r.out) == 0 {
		return nil
	}
	_, err := r.conn.Write(r.out)
	r.out = r.out[:0]
	return err
}
