package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestValuesSurviveTheRoundTrip(t *testing.T) {
	long := make([]any, 300)
	for i := range long {
		long[i] = int64(i)
	}
	for _, v := range []any{
		nil, true, false, int64(0), int64(-16), int64(-17), int64(127), int64(128), int64(-129),
		int64(1 << 20), int64(-1 << 40), "", "short", strings.Repeat("x", 300), strings.Repeat("y", 70000),
		[]any{},
		long,
		map[string]any{"a": int64(1), "b": []any{nil}},
		Structure{Signature: 0x70, Fields: []any{map[string]any{"server": "x"}}},
	} {
		b, err := Encode(v)
		if err != nil {
			t.Fatalf("encode %v: %v", v, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("decode %v: %v", v, err)
		}
		if !reflect.DeepEqual(got, v) {
			t.Errorf("round trip of %v gave %v", v, got)
		}
	}
}

func TestDecodeRefusesWhatIsNoValue(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":        {},
		"short string":   {0x85, 'a'},
		"trailing bytes": {0x01, 0x01},
		"unknown marker": {0xC7},
		"huge list":      {0xD6, 0xFF, 0xFF, 0xFF, 0xFF},
		"key not text":   {0xA1, 0x01, 0x01},
		"too deep":       bytes.Repeat([]byte{0x91}, 100),
	} {
		if _, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v; want ErrMalformed", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range []any{nil, int64(-200), "text", []any{"a", nil}, map[string]any{"k": true}} {
		b, err := Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Decode(b); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("decode % X: %v is not ErrMalformed", b, err)
		}
	})
}

// serve answers one connection with script and returns the address to dial.
func serve(t *testing.T, script func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		script(c)
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestConnTellsClosedFromSilent(t *testing.T) {
	release := make(chan struct{})
	addr := serve(t, func(c net.Conn) {
		buf := make([]byte, 20)
		_, _ = io.ReadFull(c, buf)
		_, _ = c.Write([]byte{0, 0, 2, 5})
		_, _ = c.Write([]byte{0, 0, 0, 2, 0xB0, 0x7E, 0, 0}) // a NOOP, then IGNORED
		<-release
	})
	c, err := Dial(context.WithoutCancel(t.Context()), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v, err := c.Handshake(time.Second, Version{Major: 5, Minor: 2})
	if err != nil || v != (Version{Major: 5, Minor: 2}) {
		t.Fatalf("handshake = %v, %v; want 5.2", v, err)
	}
	m, err := c.Receive(time.Second)
	if err != nil || m.Signature != Ignored {
		t.Fatalf("received %v, %v; want IGNORED", m, err)
	}
	if _, err := c.Receive(20 * time.Millisecond); !errors.Is(err, ErrSilent) {
		t.Errorf("from a silent server: %v; want ErrSilent", err)
	}
	close(release)
	if _, err := c.Receive(time.Second); !errors.Is(err, io.EOF) {
		t.Errorf("from a closed connection: %v; want io.EOF", err)
	}
}
