package bolt

import (
	"bytes"
	"slices"
	"testing"
)

func FuzzScanner(f *testing.F) {
	f.Add(AppendMessage(AppendMessage(nil, Hello, map[string]any{"a": "b"}), Run, "RETURN 1", map[string]any{}, map[string]any{}), uint8(3))
	f.Add([]byte{0, 0, 0, 1, 0xB0, 0, 1, 0x0F, 0, 0}, uint8(1))
	f.Add([]byte("\xFF\xFF\xB1\x10"), uint8(7))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) { checkPieces(t, stream, piece) })
}

func checkPieces(t testing.TB, stream []byte, piece uint8) {
	t.Helper()
	whole, at := scan(stream, max(1, len(stream)))
	parts, there := scan(stream, int(piece)+1)
	if !slices.Equal(whole, parts) || (at == Alien) != (there == Alien) {
		t.Fatalf("at once %q, in pieces of %d %q", whole, piece+1, parts)
	}
}

// FuzzSkip holds what passes over messages to what reads them step by step.
func FuzzSkip(f *testing.F) {
	two := bytes.Repeat(AppendMessage(nil, Record, []any{"a"}), 2)
	f.Add(two, uint8(3))
	f.Add(AppendMessage(two, Success, map[string]any{}), uint8(255))
	f.Add([]byte("\x00\x00\x00\x02\xB1\x71\x00\x00\x00\x02\xB1\x71\x00\x01x\x00\x00\x00\x01\xB1"), uint8(255))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) { checkSkip(t, stream, piece) })
}

func checkSkip(t testing.TB, stream []byte, piece uint8) {
	t.Helper()
	var steps, skips Scanner
	for at := 0; at < len(stream); {
		b := stream[at:min(at+int(piece)+1, len(stream))]
		for len(b) > 0 {
			n := skips.Skip(b, Record)
			skipped(t, &steps, b[:n])
			if n == 0 {
				var e Event
				n, e = skips.Next(b)
				if k, want := steps.Next(b); n != k || e != want {
					t.Fatalf("event %d after %d bytes, want %d after %d", e, n, want, k)
				}
				if e == Alien {
					return
				}
			}
			b, at = b[n:], at+n
			if steps.Between() != skips.Between() || steps.Undecided() != skips.Undecided() || steps.Tag() != skips.Tag() {
				t.Fatalf("after %d bytes it stands in a %s, want %s", at, skips.Tag(), steps.Tag())
			}
		}
	}
}

// skipped has a scanner read what another one has passed over: whole records.
func skipped(t testing.TB, s *Scanner, b []byte) {
	for len(b) > 0 {
		n, e := s.Next(b)
		b = b[n:]
		if e != Start && e != End || s.Tag() != Record {
			t.Fatalf("event %d of a %s was passed over", e, s.Tag())
		}
	}
}

// FuzzPeek holds what passes over values to what reads them.
func FuzzPeek(f *testing.F) {
	f.Add(AppendValue(nil, Structure{Tag: byte(Success), Fields: []any{map[string]any{"has_more": true}}}))
	f.Add([]byte("\xB1\x70\xD8\x02\x81a\xC0\x88has_more\xC3"))
	f.Fuzz(func(t *testing.T, b []byte) { checkPeek(t, b) })
}

func checkPeek(t testing.TB, b []byte) {
	t.Helper()
	value, found := Peek(b, "has_more")
	v, err := Unpack(b)
	if err != nil {
		return
	}
	m, ok := v.(Structure)
	if !ok || len(m.Fields) == 0 {
		return
	}
	meta, ok := m.Fields[0].(map[string]any)
	if !ok || bytes.Count(b, []byte("has_more")) > 1 {
		return
	}
	want, is := meta["has_more"].(bool)
	if found != is || value != want {
		t.Fatalf("% x: %v, %v; want %v, %v", b, value, found, want, is)
	}
}

// FuzzHandshake reads what a server and a client may say before the first message.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte{2, 0, 0, 8, 5, 0, 0, 4, 4, 0x81, 0x01})
	f.Add(bytes.Repeat([]byte{0xFF}, HelloSize)) // 255 versions below 255
	f.Fuzz(func(t *testing.T, b []byte) { checkHandshake(t, b) })
}

func checkHandshake(t testing.TB, b []byte) {
	t.Helper()
	if n, err := List(b); n < 0 || n > len(b) || err != nil && n != 0 {
		t.Fatal(n, err)
	}
	if _, n, _ := Choice(b); n < 0 || n > len(b) {
		t.Fatal(n)
	}
	var p Proposals
	copy(p[:], b)
	p.Choose(Version.Understood)
}

// FuzzConversation holds one thing: whoever is called idle, or safe to repeat, has sent
// nothing outside of a transaction, and no COMMIT, that was not answered.
func FuzzConversation(f *testing.F) {
	f.Add([]byte{0x01, 0x70, 0x10, 0x3F, 0x70, 0x71, 0x70, 0x11, 0x70, 0x12})
	f.Fuzz(func(t *testing.T, tags []byte) { checkConversation(t, tags) })
}

func checkConversation(t testing.TB, tags []byte) {
	t.Helper()
	c := new(Conversation)
	var sent []Tag
	for _, b := range tags {
		switch tag := Tag(b); tag {
		case Success, Record, Ignored, Failure:
			if q, ok := c.Answer(tag, false); ok && (len(sent) == 0 || sent[0] != q) {
				t.Fatalf("answers %s, sent were %v", q, sent)
			} else if ok {
				sent = sent[1:]
			}
		default:
			c.Ask(tag)
			if tag != Goodbye {
				sent = append(sent, tag)
			}
		}
		if s := c.Standing(); s == Idle && len(sent) > 0 {
			t.Fatalf("idle, and %v is not answered", sent)
		}
	}
}
