package gateway

import (
	"bytes"
	"io"
	"net"
	"testing"

	"memgraph-controller/internal/bolt"
)

// Once a session has begun, what passes through it costs no allocation: neither a
// question, nor an answer, nor a piece of a large result.
func TestForwardingAllocatesNothing(t *testing.T) {
	small := bytes.Join([][]byte{message(bolt.Success, map[string]any{}), message(bolt.Record, []any{int64(1)}), message(bolt.Success, map[string]any{})}, nil)
	large := bytes.Join([][]byte{
		message(bolt.Success, map[string]any{}),
		bytes.Repeat(message(bolt.Record, []any{string(make([]byte, 1<<10))}), 1<<10),
		message(bolt.Success, map[string]any{}),
	}, nil)
	ask := message(bolt.Run, "MATCH (n) RETURN n", map[string]any{}, map[string]any{})
	set := message(bolt.Run, "// a comment\nSET n.v = 1", map[string]any{}, map[string]any{})
	long := message(bolt.Run, "UNWIND $rows AS row "+string(make([]byte, 100<<10)), map[string]any{}, map[string]any{})
	for name, c := range map[string]struct{ question, answer []byte }{
		"a small result": {bytes.Join([][]byte{ask, pull}, nil), small},
		"a change":       {bytes.Join([][]byte{set, pull}, nil), small},
		"a large result": {bytes.Join([][]byte{ask, pull}, nil), large},
		"a long query":   {bytes.Join([][]byte{long, pull}, nil), small},
	} {
		t.Run(name, func(t *testing.T) {
			ln := listen(t)
			defer ln.Close()
			go answers(ln, c.question, c.answer)
			g := start(t, Options{})
			g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
			r := knock(t, g).greets()
			heard := make([]byte, len(c.answer))
			if n := testing.AllocsPerRun(50, func() {
				if _, err := r.Write(c.question); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadFull(r.Conn, heard); err != nil || !bytes.Equal(heard, c.answer) {
					t.Errorf("the answer is another one: %v", err)
				}
			}); n > 0 {
				t.Errorf("%v allocations a question and its answer, want none", n)
			}
		})
	}
}

// answers serves one client.
func answers(ln net.Listener, question, answer []byte) {
	if c, err := ln.Accept(); err == nil {
		repeats(c, question, answer)
	}
}

// repeats logs a client in, and answers each question in the same way.
func repeats(c net.Conn, question, answer []byte) {
	defer c.Close()
	login := message(bolt.Hello, map[string]any{"user_agent": "raw"})
	login = append(login, message(bolt.Logon, map[string]any{"scheme": "none"})...)
	agreed := bolt.Version{Major: 5, Minor: 2}.Answer()
	yes := message(bolt.Success, map[string]any{})
	buf := make([]byte, max(len(question), len(login)))
	for _, step := range []struct {
		wants int
		says  []byte
	}{{bolt.HelloSize, agreed[:]}, {len(login), append(yes, yes...)}} {
		if _, err := io.ReadFull(c, buf[:step.wants]); err != nil {
			return
		}
		if _, err := c.Write(step.says); err != nil {
			return
		}
	}
	for {
		if _, err := io.ReadFull(c, buf[:len(question)]); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}
