package bolt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
)

// MaxMessage is the size in bytes of the largest message accepted.
const MaxMessage = 64 << 20

// keepBuffer is the most memory in bytes a connection keeps for the next
// message after a large one.
const keepBuffer = 1 << 20

// errTooLong reports a message beyond MaxMessage.
var errTooLong = fmt.Errorf("message is longer than %d bytes", MaxMessage)

// errGarbage wraps what a peer sent that is not Bolt.
var errGarbage = errors.New("not a Bolt message")

// transport reads and writes whole messages on a connection. What was written
// is sent at the latest before waiting for the peer.
type transport struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	in   []byte // the last message read
	out  []byte // the message being written
}

func newTransport(conn net.Conn) *transport {
	t := &transport{conn: conn, w: bufio.NewWriterSize(conn, 32<<10)}
	t.r = bufio.NewReaderSize(flushFirst{t}, 8<<10)
	return t
}

// flushFirst reads from the connection, but sends what is written first: the
// peer may be waiting for it before it says more.
type flushFirst struct{ t *transport }

func (f flushFirst) Read(p []byte) (int, error) {
	if err := f.t.w.Flush(); err != nil {
		return 0, err
	}
	return f.t.conn.Read(p)
}

// read returns the next message, valid until the following call. Empty
// messages (NOOP) are skipped.
func (t *transport) read() ([]byte, error) {
	if cap(t.in) > keepBuffer {
		t.in = nil
	}
	t.in = t.in[:0]
	var header [2]byte
	for {
		if _, err := io.ReadFull(t.r, header[:]); err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(header[:]))
		if n == 0 {
			if len(t.in) > 0 {
				return t.in, nil
			}
			continue
		}
		have := len(t.in)
		if have+n > MaxMessage {
			return nil, errTooLong
		}
		if cap(t.in) < have+n { // a chunk is at most 64 KiB: little to claim in vain
			t.in = append(make([]byte, 0, max(2*cap(t.in), have+n)), t.in...)
		}
		t.in = t.in[:have+n]
		if _, err := io.ReadFull(t.r, t.in[have:]); err != nil {
			return nil, err
		}
	}
}

// write queues one message: a structure of fields with the tag.
func (t *transport) write(tag, major byte, fields ...any) error {
	if cap(t.out) > keepBuffer {
		t.out = nil
	}
	b := append(t.out[:0], 0, 0, 0xB0|byte(len(fields)), tag)
	var err error
	for _, f := range fields {
		if b, err = appendValue(b, f, major); err != nil {
			return err
		}
	}
	t.out = b
	if size := len(b) - 2; size <= math.MaxUint16 { // the usual case: one chunk, one copy
		binary.BigEndian.PutUint16(b, uint16(size))
		t.out = append(b, 0, 0)
		_, err = t.w.Write(t.out)
		return sendError(err)
	}
	return sendError(t.writeChunks(b[2:]))
}

// writeChunks queues a message that does not fit into one chunk.
func (t *transport) writeChunks(b []byte) error {
	var header [2]byte
	for len(b) > 0 {
		n := min(len(b), math.MaxUint16)
		binary.BigEndian.PutUint16(header[:], uint16(n))
		if _, err := t.w.Write(header[:]); err != nil {
			return err
		}
		if _, err := t.w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	_, err := t.w.Write([]byte{0, 0})
	return err
}

// brokenError reports that the peer can no longer be written to, as opposed
// to a value that cannot be encoded.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func sendError(err error) error {
	if err == nil {
		return nil
	}
	return &brokenError{err}
}
