package memgraph

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/cluster"
)

// script is a connection whose peer has said all it will ever say.
type script struct {
	net.Conn
	said io.Reader
}

func (s script) Read(b []byte) (int, error)  { return s.said.Read(b) }
func (s script) Write(b []byte) (int, error) { return len(b), nil }
func (script) SetDeadline(time.Time) error   { return nil }

func FuzzWire(f *testing.F) {
	var good bytes.Buffer
	record := func(t bolt.Tag, field any) { good.Write(bolt.AppendMessage(nil, t, field)) }
	record(bolt.Success, map[string]any{})
	record(bolt.Success, map[string]any{})
	record(bolt.Success, map[string]any{"fields": []any{"replication role"}})
	record(bolt.Record, []any{"main"})
	record(bolt.Success, map[string]any{})
	f.Add(good.Bytes())
	f.Add([]byte{0, 3, 0xB1, 0x7F, 0xC0, 0, 0})
	f.Fuzz(func(t *testing.T, said []byte) {
		w := &wire{conn: script{said: bytes.NewReader(said)}, in: bufio.NewReader(bytes.NewReader(said))}
		if err := w.login([2]byte{5, 2}, login{agent: "x"}); err != nil {
			return
		}
		role, err := w.role()
		if (err == nil) != (role != cluster.RoleUnknown) {
			t.Errorf("role %s, error %v", role, err)
		}
	})
}
