// Package wire speaks raw Bolt over TCP: the handshake, message chunks and
// PackStream values, one message at a time.
//
// The contract suite uses it for the details which a driver hides: which
// versions a server picks, what HELLO answers, what is ignored after a failure
// and which messages get no answer at all. It keeps no session state, pipelines
// nothing by itself and never retries; it is no client library.
package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Signatures of the Bolt messages used here.
const (
	Hello    byte = 0x01
	Goodbye  byte = 0x02
	Reset    byte = 0x0F
	Run      byte = 0x10
	Begin    byte = 0x11
	Commit   byte = 0x12
	Rollback byte = 0x13
	Discard  byte = 0x2F
	Pull     byte = 0x3F
	Route    byte = 0x66
	Logon    byte = 0x6A
	Logoff   byte = 0x6B
	Success  byte = 0x70
	Record   byte = 0x71
	Ignored  byte = 0x7E
	Failure  byte = 0x7F
)

// maxMessage bounds one received message, in bytes.
const maxMessage = 16 << 20

// ErrSilent reports that nothing arrived within the time allowed.
var ErrSilent = errors.New("no answer")

// Conn is one TCP connection. It is not safe for concurrent use.
type Conn struct {
	nc net.Conn
}

// Dial connects to addr (host:port) within five seconds.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return &Conn{nc: nc}, nil
}

// Close ends the connection without GOODBYE.
func (c *Conn) Close() { _ = c.nc.Close() }

// Version names a Bolt version in a proposal: major, minor and how many lower
// minors are accepted too (Back, 0 for exactly this one).
type Version struct{ Major, Minor, Back byte }

// String returns "5.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Handshake offers up to four versions and returns the one the server chose.
// It returns io.EOF, wrapped, if the server closed the connection instead, and
// the zero Version if it answered "none of these".
func (c *Conn) Handshake(within time.Duration, offers ...Version) (Version, error) {
	b := []byte{0x60, 0x60, 0xB0, 0x17}
	for i := range 4 {
		var v Version
		if i < len(offers) {
			v = offers[i]
		}
		b = append(b, 0, v.Back, v.Minor, v.Major)
	}
	if _, err := c.nc.Write(b); err != nil {
		return Version{}, fmt.Errorf("write handshake: %w", err)
	}
	var reply [4]byte
	if err := c.read(within, reply[:]); err != nil {
		return Version{}, fmt.Errorf("read handshake: %w", err)
	}
	return Version{Major: reply[3], Minor: reply[2]}, nil
}

// Send writes one message.
func (c *Conn) Send(signature byte, fields ...any) error {
	body, err := Encode(Structure{Signature: signature, Fields: fields})
	if err != nil {
		return err
	}
	var b []byte
	for len(body) > 0 {
		n := min(len(body), 0xFFFF)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		b = append(b, body[:n]...)
		body = body[n:]
	}
	b = append(b, 0, 0)
	if _, err := c.nc.Write(b); err != nil {
		return fmt.Errorf("send 0x%02X: %w", signature, err)
	}
	return nil
}

// Receive returns the next message. It returns ErrSilent, wrapped, if none
// arrives within the given time, and io.EOF, wrapped, if the server closed.
func (c *Conn) Receive(within time.Duration) (Structure, error) {
	var body []byte
	for {
		var head [2]byte
		if err := c.read(within, head[:]); err != nil {
			return Structure{}, fmt.Errorf("receive: %w", err)
		}
		n := int(binary.BigEndian.Uint16(head[:]))
		if n == 0 {
			if len(body) == 0 {
				continue // a NOOP chunk
			}
			break
		}
		if len(body)+n > maxMessage {
			return Structure{}, fmt.Errorf("receive: %w: message above %d bytes", ErrMalformed, maxMessage)
		}
		chunk := make([]byte, n)
		if err := c.read(within, chunk); err != nil {
			return Structure{}, fmt.Errorf("receive: %w", err)
		}
		body = append(body, chunk...)
	}
	v, err := Decode(body)
	if err != nil {
		return Structure{}, fmt.Errorf("receive: %w", err)
	}
	s, ok := v.(Structure)
	if !ok {
		return Structure{}, fmt.Errorf("receive: %w: a %T is no message", ErrMalformed, v)
	}
	return s, nil
}

func (c *Conn) read(within time.Duration, b []byte) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := io.ReadFull(c.nc, b)
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout():
		return fmt.Errorf("%w within %s", ErrSilent, within)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.EOF
	}
	return err
}
