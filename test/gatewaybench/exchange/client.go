package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"memgraph-controller/internal/bolt"
)

// ErrBroken is wrapped by the error of a client that heard something else than the
// server has said: bytes were lost, doubled or changed on the way.
var ErrBroken = errors.New("the answer is not what the server has said")

// patience is how long a client waits for anything.
const patience = 30 * time.Second

// Client is one session, logged in.
type Client struct {
	conn net.Conn
	buf  []byte
}

// Dial connects to addr, with TLS if trust is not nil, agrees on a version and logs in.
func Dial(ctx context.Context, addr string, trust *tls.Config) (*Client, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	if trust != nil {
		conn = tls.Client(conn, trust)
	}
	c := &Client{conn: conn, buf: make([]byte, 512)}
	if err := c.greet(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in at %s: %w", addr, err)
	}
	return c, nil
}

func (c *Client) greet() error {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	p, agreed := bolt.Only(version), version.Answer()
	if err := c.exchange(p[:], agreed[:]); err != nil {
		return err
	}
	if err := c.exchange(login, welcome); err != nil {
		return err
	}
	return c.conn.SetDeadline(time.Time{})
}

// Ask asks for one small record and hears it.
func (c *Client) Ask() error { return c.exchange(question, answer) }

// Close says goodbye and closes the connection.
func (c *Client) Close() error {
	_, err := c.conn.Write(goodbye)
	return errors.Join(err, c.conn.Close())
}

func (c *Client) exchange(say, want []byte) error {
	if _, err := c.conn.Write(say); err != nil {
		return err
	}
	return c.hear(want)
}

func (c *Client) hear(want []byte) error {
	got := c.buf[:len(want)]
	if _, err := io.ReadFull(c.conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: heard % x, want % x", ErrBroken, got, want)
	}
	return nil
}

// Fetch asks for a large result and hears it to its end.
func (c *Client) Fetch(r Result) error {
	if err := c.exchange(append(run(r.query()), pull...), fields); err != nil {
		return err
	}
	want, got := r.block(), make([]byte, BlockSize)
	for heard := int64(0); heard < r.Bytes(); {
		at := heard % BlockSize
		n, err := c.conn.Read(got[at:])
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", heard, r.Bytes(), err)
		}
		if !bytes.Equal(got[at:at+int64(n)], want[at:at+int64(n)]) {
			return fmt.Errorf("%w: in the %d bytes after %d", ErrBroken, n, heard)
		}
		heard += int64(n)
	}
	return c.hear(summary)
}
