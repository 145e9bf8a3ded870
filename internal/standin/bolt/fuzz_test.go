package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"
)

// tape is a peer that says what was recorded and listens to nothing.
type tape struct {
	net.Conn
	r    *bytes.Reader
	sent int
}

func (p *tape) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p *tape) Write(b []byte) (int, error) { p.sent += len(b); return len(b), nil }
func (p *tape) SetDeadline(time.Time) error { return nil }
func (p *tape) RemoteAddr() net.Addr        { return &net.TCPAddr{} }
func (p *tape) Close() error                { return nil }

func FuzzFraming(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0})
	f.Add([]byte{0, 0, 0, 2, 'a', 'b', 0, 1, 'c', 0, 0, 0, 1, 'd', 0, 0})
	f.Add([]byte{0xFF, 0xFF, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		tr := newTransport(&tape{r: bytes.NewReader(data)})
		var got []byte
		for {
			m, err := tr.read()
			if err != nil {
				break
			}
			got = append(got, m...)
		}
		if want := payload(data); !bytes.Equal(got, want) {
			t.Fatalf("messages in % X hold % X; want % X", data, got, want)
		}
	})
}

// payload is what the complete messages in data hold, found in another way.
func payload(data []byte) (whole []byte) {
	var open []byte
	for len(data) >= 2 {
		n := int(binary.BigEndian.Uint16(data))
		data = data[2:]
		if n == 0 {
			whole, open = append(whole, open...), nil
			continue
		}
		if n > len(data) {
			break
		}
		open, data = append(open, data[:n]...), data[n:]
	}
	return whole
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x60\x60\xB0\x17\x00\x00\x01\xFF\x00\x08\x08\x05\x00\x02\x04\x04\x00\x00\x00\x03"))
	f.Add([]byte("\x60\x60\xB0\x17\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n      "))
	f.Add([]byte("\x60\x60\xB0\x17\x00\xFF\xFF\x05\x00\xFF\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := newTransport(&tape{r: bytes.NewReader(data)}).shakeHands(newest)
		if err == nil && !newest.speaks(v) {
			t.Fatalf("agreed on version %s", v)
		}
	})
}

// FuzzConversation feeds whole conversations to the state machine.
func FuzzConversation(f *testing.F) {
	f.Add(conversation(f, Version{5, 2}), byte(2), byte(5))
	f.Add(conversation(f, Version{4, 3}), byte(3), byte(4))
	for _, said := range conversationsOne() {
		f.Add(said, byte(0), byte(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, minor, major byte) {
		opening := []byte{0x60, 0x60, 0xB0, 0x17, 0, 0, minor, major, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		peer := &tape{r: bytes.NewReader(append(opening, data...))}
		h := &tally{}
		c := &conn{transport: newTransport(peer), server: &Server{Handler: h}, release: newest}
		if err := c.serve(t.Context()); err == nil {
			t.Fatal("a conversation ended without a reason")
		}
		if h.open != 0 {
			t.Fatalf("%d sessions were left open", h.open)
		}
	})
}

// conversation is a sensible one, to start from.
func conversation(f *testing.F, v Version) []byte {
	var b bytes.Buffer
	say := func(tag byte, fields ...any) {
		tr := newTransport(&tape{r: bytes.NewReader(nil)})
		tr.w.Reset(&b)
		if err := tr.write(tag, v.Major, fields...); err != nil {
			f.Fatal(err)
		}
		if err := tr.w.Flush(); err != nil {
			f.Fatal(err)
		}
	}
	say(msgHello, map[string]any{"user_agent": "x"})
	if v.Major >= 5 {
		say(msgLogon, map[string]any{"scheme": "none"})
	}
	say(msgBegin, none)
	say(msgRun, "rows 3 fail 2", none, none)
	say(msgPull, map[string]any{"n": int64(1)})
	say(msgDiscard, map[string]any{"n": int64(-1)})
	say(msgCommit)
	say(msgReset)
	say(msgRoute, none, []any{}, none)
	say(msgReset)
	say(msgGoodbye)
	return b.Bytes()
}

// tally counts the open sessions of a script.
type tally struct {
	script
	open int
}

func (h *tally) Open(ctx context.Context, hello Hello) (Session, error) {
	s, err := h.script.Open(ctx, hello)
	if err != nil {
		return nil, err
	}
	h.open++
	return &tallySession{s, h}, nil
}

type tallySession struct {
	Session
	tally *tally
}

func (s *tallySession) Close() { s.tally.open--; s.Session.Close() }

// Run keeps results short, and never waits.
func (s *tallySession) Run(ctx context.Context, query string, params, meta map[string]any) (Result, error) {
	if query != "rows 3 fail 2" {
		query = "echo"
	}
	return s.Session.Run(ctx, query, params, meta)
}
