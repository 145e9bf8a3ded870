package memgraph

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/tcp"
)

// proposal opens a connection: Bolt's magic, then the versions we speak, best
// first. Every Memgraph from 2.19 on speaks 5.2.
var proposal = []byte{
	0x60, 0x60, 0xB0, 0x17,
	0, 0, 2, 5,
	0, 1, 4, 4, // 4.4 and 4.3
	0, 0, 1, 4,
	0, 0, 0, 0,
}

// maxMessage bounds what a peer can make us read as one message.
const maxMessage = 1 << 20

// silenceLimit is how long a peer whose machine is gone goes unnoticed on an
// idle connection.
const silenceLimit = 5 * time.Second

// wire is the smallest Bolt client there is. It exists because the driver hides
// its sockets, and a broken one must be noticed before anything is asked.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
}

// dialWire connects and logs in. The caller closes the wire.
func dialWire(ctx context.Context, addr string, l login) (*wire, error) {
	w, version, err := greet(ctx, addr, l)
	if err != nil {
		return nil, err
	}
	stop := w.bound(ctx)
	err = w.login(version, l)
	if stop(); err != nil {
		_ = w.conn.Close()
		return nil, fmt.Errorf("log in to %s: %w", addr, err)
	}
	return w, nil
}

// versionError reports a peer that answered the handshake with something else
// than a version we proposed.
type versionError [4]byte

func (e versionError) Error() string { return fmt.Sprintf("handshake answered with % x", e[:]) }

// greet connects and agrees on a version of Bolt.
func greet(ctx context.Context, addr string, l login) (*wire, [2]byte, error) {
	var version [2]byte
	secure, err := l.secure(addr)
	if err != nil {
		return nil, version, err
	}
	dialer := net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silenceLimit / 5, Interval: silenceLimit / 5, Count: 4},
		Control:         tcp.UserTimeout(silenceLimit),
	}
	conn, err := dialer.DialContext(ctx, "tcp", l.at(addr))
	if err != nil {
		return nil, version, err
	}
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	w := &wire{conn: conn, in: bufio.NewReaderSize(conn, 1024)}
	defer w.bound(ctx)()
	var reply versionError
	if _, err = conn.Write(proposal); err == nil {
		_, err = io.ReadFull(w.in, reply[:])
	}
	if err == nil && (reply[0] != 0 || reply[1] != 0 || (reply[3] != 4 && reply[3] != 5)) {
		err = reply
	}
	if err != nil {
		_ = conn.Close()
		return nil, version, fmt.Errorf("handshake with %s: %w", addr, err)
	}
	return w, [2]byte{reply[3], reply[2]}, nil
}

// bound makes reads and writes end with ctx, until stop is called.
func (w *wire) bound(ctx context.Context) (stop func()) {
	deadline, _ := ctx.Deadline()
	_ = w.conn.SetDeadline(deadline)
	free := context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if free() {
			_ = w.conn.SetDeadline(time.Time{})
		}
	}
}

func (w *wire) login(version [2]byte, l login) error {
	token := map[string]any{"scheme": "none"}
	if l.creds.User != "" {
		token = map[string]any{"scheme": "basic", "principal": l.creds.User, "credentials": l.creds.Password}
	}
	hello := map[string]any{"user_agent": l.agent}
	messages := []message{{bolt.Hello, []any{hello}}}
	if version[0] == 5 && version[1] >= 1 {
		messages = append(messages, message{bolt.Logon, []any{token}})
	} else {
		for key, value := range token {
			hello[key] = value
		}
	}
	if err := w.send(messages...); err != nil {
		return err
	}
	for range messages {
		if _, err := w.receive(bolt.Success); err != nil {
			return err
		}
	}
	return nil
}

// role asks SHOW REPLICATION ROLE.
func (w *wire) role() (cluster.Role, error) {
	err := w.send(
		message{bolt.Run, []any{"SHOW REPLICATION ROLE", map[string]any{}, map[string]any{}}},
		message{bolt.Pull, []any{map[string]any{"n": int64(-1)}}},
	)
	if err != nil {
		return cluster.RoleUnknown, err
	}
	head, err := w.receive(bolt.Success)
	if err != nil {
		return cluster.RoleUnknown, err
	}
	record, err := w.receive(bolt.Record)
	if err != nil {
		return cluster.RoleUnknown, err
	}
	if _, err := w.receive(bolt.Success); err != nil {
		return cluster.RoleUnknown, err
	}
	meta, _ := head.Fields[0].(map[string]any)
	columns, _ := meta["fields"].([]any)
	values, _ := record.Fields[0].([]any)
	row := map[string]any{}
	for i := range min(len(columns), len(values)) {
		if name, ok := columns[i].(string); ok {
			row[name] = values[i]
		}
	}
	return parseRole([]map[string]any{row})
}

// message is a message to send.
type message struct {
	tag    bolt.Tag
	fields []any
}

// send writes messages in one go.
func (w *wire) send(messages ...message) error {
	var out []byte
	for _, m := range messages {
		out = bolt.AppendMessage(out, m.tag, m.fields...)
	}
	_, err := w.conn.Write(out)
	return err
}

// receive reads the next message, which must be the one wanted and have a
// field. A FAILURE is returned as the driver would, so that one table reads
// both.
func (w *wire) receive(want bolt.Tag) (bolt.Structure, error) {
	body, err := w.next()
	if err != nil {
		return bolt.Structure{}, err
	}
	value, err := bolt.Unpack(body)
	if err != nil {
		return bolt.Structure{}, err
	}
	m, ok := value.(bolt.Structure)
	switch {
	case !ok || (len(m.Fields) == 0 && bolt.Tag(m.Tag) != bolt.Ignored):
		return bolt.Structure{}, errGarbled
	case bolt.Tag(m.Tag) == want:
		return m, nil
	case bolt.Tag(m.Tag) == bolt.Failure:
		meta, _ := m.Fields[0].(map[string]any)
		code, _ := meta["code"].(string)
		text, _ := meta["message"].(string)
		return m, &neo4j.Neo4jError{Code: code, Msg: text}
	}
	return bolt.Structure{}, fmt.Errorf("%w: message %s (%#x) instead of %s", errGarbled, bolt.Tag(m.Tag), m.Tag, want)
}

// next reads the chunks of one message. Empty messages keep a connection
// alive and are passed over.
func (w *wire) next() ([]byte, error) {
	var body []byte
	for {
		var size [2]byte
		if _, err := io.ReadFull(w.in, size[:]); err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(size[:]))
		if n == 0 && len(body) > 0 {
			return body, nil
		}
		if len(body)+n > maxMessage {
			return nil, fmt.Errorf("%w: message of more than %d bytes", errGarbled, maxMessage)
		}
		from := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(w.in, body[from:]); err != nil {
			return nil, err
		}
	}
}

// timedOut reports whether err is a deadline of ours.
func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
