package bolt

import (
	"io"
	"net"
	"testing"
)

// BenchmarkTinyQueries measures RUN and PULL round trips on one connection.
func BenchmarkTinyQueries(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- (&Server{Handler: &script{}}).Serve(b.Context(), l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	t := newTransport(conn)
	if _, err := conn.Write([]byte{0x60, 0x60, 0xB0, 0x17, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(t.r, make([]byte, 4)); err != nil {
		b.Fatal(err)
	}
	ask := func(answers int, tags ...byte) {
		for _, tag := range tags {
			fields := map[byte][]any{msgHello: {map[string]any{"user_agent": "b"}}, msgRun: {"echo", map[string]any{"x": int64(1)}, none}, msgPull: {none}}[tag]
			if err := t.write(tag, 4, fields...); err != nil {
				b.Fatal(err)
			}
		}
		for range answers {
			if _, err := t.read(); err != nil {
				b.Fatal(err)
			}
		}
	}
	ask(1, msgHello)
	b.ReportAllocs()
	for b.Loop() {
		ask(3, msgRun, msgPull)
	}
	conn.Close()
	l.Close()
	<-done
}
