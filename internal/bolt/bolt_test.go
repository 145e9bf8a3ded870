package bolt

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// scan feeds a stream to a scanner in pieces, and returns what it finds.
func scan(stream []byte, piece int) (found []string, rest Event) {
	var s Scanner
	for at := 0; at < len(stream); {
		b := stream[at:min(at+piece, len(stream))]
		for len(b) > 0 {
			n, e := s.Next(b)
			b, at = b[n:], at+n
			rest = e
			switch e {
			case Start:
				s.Keep(1000)
			case End:
				body, whole := s.Kept()
				found = append(found, fmt.Sprintf("%s %d %v", s.Tag(), len(body), whole))
			case Noop:
				found = append(found, "noop")
			case Alien:
				return found, Alien
			}
		}
	}
	return found, rest
}

func TestScannerFindsMessagesWhateverThePieces(t *testing.T) {
	stream := AppendMessage(nil, Hello, map[string]any{"user_agent": "x"})
	stream = append(stream, 0, 0)
	stream = AppendMessage(stream, Run, strings.Repeat("q", 70000), map[string]any{}, map[string]any{})
	stream = append(stream, 0, 1, 0xB0, 0, 1, byte(Reset), 0, 0) // a chunk for each byte
	stream = AppendMessage(stream, Goodbye)
	want := []string{"HELLO 16 true", "noop", "RUN 1000 false", "RESET 2 true", "GOODBYE 2 true"}
	for _, piece := range []int{1, 2, 3, 7, 1000, len(stream)} {
		found, _ := scan(stream, piece)
		if !slices.Equal(found, want) {
			t.Errorf("in pieces of %d: %q, want %q", piece, found, want)
		}
	}
}

// A byte is between messages, of a message whose tag is not known yet, or of one whose
// tag is.
func TestScannerKnowsWhereItIs(t *testing.T) {
	stream := []byte{0, 0, 0, 3, 0xB1, 0x10, 0x80, 0, 0, 0, 1, 0xB0, 0, 1, 0x0F, 0, 0}
	want := "ubuuu---buuuuu--b" // undecided, between, in one that is known
	got := []byte{}
	var s Scanner
	for i := range stream {
		s.Next(stream[i : i+1])
		switch {
		case s.Between() && s.Undecided():
			t.Fatalf("after byte %d: between messages, and in one", i)
		case s.Between():
			got = append(got, 'b')
		case s.Undecided():
			got = append(got, 'u')
		default:
			got = append(got, '-')
		}
	}
	if string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestScannerGivesUpOnWhatIsNoMessage(t *testing.T) {
	for _, stream := range []string{"\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\n", "\x00\x01\xB1\x00\x00", "\x00\x02\x71\x70"} {
		if _, e := scan([]byte(stream), 3); e != Alien {
			t.Errorf("%q ends with %d, want alien", stream, e)
		}
	}
}

func TestScannerForgets(t *testing.T) {
	var s Scanner
	m := AppendMessage(nil, Logon, map[string]any{"credentials": "secret"})
	n, _ := s.Next(m)
	s.Keep(1000)
	if _, e := s.Next(m[n:]); e != End {
		t.Fatal("no end")
	}
	body, _ := s.Kept()
	memory := body[:cap(body)]
	s.Forget()
	if bytes.Contains(memory, []byte("secret")) {
		t.Error("the secret is still there")
	}
}

// play plays requests and answers: "RUN", "RUN!" (changes the session), "<SUCCESS",
// "<SUCCESS+" (there is more).
func play(script string) *Conversation {
	tags := map[string]Tag{}
	for t, name := range names {
		tags[name] = t
	}
	c := new(Conversation)
	for _, word := range strings.Fields(script) {
		if name, answer := strings.CutPrefix(word, "<"); answer {
			name, more := strings.CutSuffix(name, "+")
			c.Answer(tags[name], more)
		} else {
			name, changes := strings.CutSuffix(word, "!")
			c.Ask(tags[name])
			if changes {
				c.Change()
			}
		}
	}
	return c
}

func TestStanding(t *testing.T) {
	const login = "HELLO LOGON <SUCCESS <SUCCESS "
	for script, want := range map[string]Standing{
		"":                                  Early,
		"HELLO":                             Early,
		"HELLO <SUCCESS":                    Idle,
		login:                               Idle,
		login + "LOGOFF <SUCCESS":           Early,
		login + "RUN":                       Uncertain,
		login + "RUN PULL <SUCCESS <RECORD": Uncertain,
		login + "RUN PULL <SUCCESS <RECORD <SUCCESS+":               Uncertain,
		login + "RUN PULL <SUCCESS <RECORD <SUCCESS+ PULL <SUCCESS": Idle,
		login + "RUN PULL <SUCCESS <SUCCESS":                        Idle,
		login + "RUN PULL <SUCCESS <SUCCESS+ DISCARD <SUCCESS":      Idle,
		login + "RUN PULL <FAILURE":                                 Open,
		login + "RUN PULL <FAILURE <IGNORED":                        Failed,
		login + "RUN PULL <FAILURE <IGNORED RESET":                  Open,
		login + "RUN PULL <FAILURE <IGNORED RESET <SUCCESS":         Idle,
		login + "RUN PULL <FAILURE <IGNORED RUN":                    Open, // will be ignored
		login + "RUN PULL <FAILURE <IGNORED RESET RUN":              Uncertain,
		login + "BEGIN":                                                     Open,
		login + "BEGIN RUN PULL":                                            Open,
		login + "BEGIN <SUCCESS":                                            Open,
		login + "BEGIN <SUCCESS RUN PULL <SUCCESS <SUCCESS":                 Open,
		login + "BEGIN <SUCCESS COMMIT":                                     Uncertain,
		login + "BEGIN RUN PULL COMMIT":                                     Uncertain,
		login + "BEGIN <SUCCESS COMMIT <SUCCESS":                            Idle,
		login + "BEGIN <SUCCESS COMMIT <FAILURE":                            Failed,
		login + "BEGIN <SUCCESS ROLLBACK":                                   Open,
		login + "BEGIN <SUCCESS ROLLBACK <SUCCESS":                          Idle,
		login + "BEGIN <SUCCESS RESET <SUCCESS":                             Idle,
		login + "BEGIN <SUCCESS COMMIT RUN <SUCCESS":                        Uncertain,
		login + "BEGIN <FAILURE RUN <IGNORED":                               Failed,
		login + "BEGIN <SUCCESS RUN PULL RUN PULL <SUCCESS <SUCCESS+":       Open,
		login + "RUN! PULL <SUCCESS <SUCCESS":                               Bound,
		login + "ROUTE":                                                     Open,
		login + "ROUTE <SUCCESS":                                            Idle,
		login + "TELEMETRY <SUCCESS":                                        Idle,
		login + "GOODBYE":                                                   Idle,
		login + "<SUCCESS":                                                  Opaque,
		login + "RUN PULL <SUCCESS <HELLO":                                  Opaque,
		login + "RECORD <SUCCESS":                                           Opaque,
		login + strings.Repeat("PULL ", pipeline+1):                         Opaque,
		login + strings.Repeat("RESET <SUCCESS ", 3*pipeline):               Idle,
		login + "RUN <SUCCESS BEGIN":                                        Uncertain, // the statement goes on
		login + "RUN PULL <SUCCESS <SUCCESS BEGIN <SUCCESS COMMIT":          Uncertain,
		login + "BEGIN RUN <SUCCESS <FAILURE PULL COMMIT":                   Open, // ignored: nothing is committed
		login + "BEGIN RUN <SUCCESS <FAILURE PULL COMMIT <IGNORED <IGNORED": Failed,
	} {
		if got := play(script).Standing(); got != want {
			t.Errorf("%s: %s, want %s", strings.TrimPrefix(script, login), got, want)
		}
	}
}

func TestChanges(t *testing.T) {
	for query, want := range map[string]bool{
		"RETURN 1":         false,
		"CREATE (n)":       false,
		"":                 false,
		"   ":              false,
		"use database x":   true,
		"  USE DATABASE x": true,
		"/* hi */ set session transaction isolation level read committed": true,
		"// x\nSET NEXT TRANSACTION ISOLATION LEVEL SNAPSHOT ISOLATION":   true,
		"SET GLOBAL TRANSACTION ISOLATION LEVEL SNAPSHOT ISOLATION":       false,
		"SET REPLICATION ROLE TO MAIN":                                    false,
		"BEGIN":                                                           true,
		"commit":                                                          true,
		"/*" + strings.Repeat("x", 200) + "*/ RETURN 1":                   true, // in doubt
		"RETURN " + strings.Repeat("x", 200):                              false,
		"SETTLE":                                                          false,
	} {
		m := AppendMessage(nil, Run, query, map[string]any{}, map[string]any{})
		var s Scanner
		n, _ := s.Next(m)
		s.Keep(200)
		for b := m[n:]; len(b) > 0; {
			k, e := s.Next(b)
			b = b[k:]
			if e == End {
				break
			}
		}
		body, _ := s.Kept()
		if whole, err := Unpack(body); len(query) < 100 && err != nil {
			t.Fatal(err, whole)
		}
		if got := Changes(body); got != want {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}

func TestPeek(t *testing.T) {
	for _, c := range []struct {
		meta         map[string]any
		value, found bool
	}{
		{map[string]any{"has_more": true}, true, true},
		{map[string]any{"has_more": false}, false, true},
		{map[string]any{}, false, false},
		{map[string]any{"stats": map[string]any{"a": []any{int64(1), "has_more", nil, int64(1) << 40}}, "type": "rw"}, false, false},
		{map[string]any{"has_more": "yes"}, false, false},
	} {
		body := AppendValue(nil, Structure{Tag: byte(Success), Fields: []any{c.meta}})
		if v, f := Peek(body, "has_more"); v != c.value || f != c.found {
			t.Errorf("%v: %v, %v; want %v, %v", c.meta, v, f, c.value, c.found)
		}
	}
}

func TestChoose(t *testing.T) {
	p := Proposals{0x60, 0x60, 0xB0, 0x17, 0, 0, 1, 0xFF, 0, 8, 8, 5, 0, 2, 4, 4, 0, 0, 0, 3}
	if !p.Bolt() || (Proposals{'G'}).Bolt() {
		t.Error("the magic is not told")
	}
	upTo := func(top Version) func(Version) bool {
		return func(v Version) bool { return v.Major < top.Major || v.Major == top.Major && v.Minor <= top.Minor }
	}
	for _, c := range []struct{ top, want Version }{{Version{5, 8}, Version{5, 8}}, {Version{5, 2}, Version{5, 2}}, {Version{4, 3}, Version{4, 3}}, {Version{4, 1}, Version{3, 0}}, {Version{2, 9}, Version{}}} {
		if got := p.Choose(upTo(c.top)); got != c.want {
			t.Errorf("up to %s: %s, want %s", c.top, got, c.want)
		}
	}
	if got := Only(Version{5, 2}).Choose(Version.Understood); got != (Version{5, 2}) {
		t.Errorf("only 5.2: %s", got)
	}
}

func TestAgreed(t *testing.T) {
	if v, listed, err := Agreed([4]byte{0, 0, 2, 5}); v != (Version{5, 2}) || listed || err != nil {
		t.Error(v, listed, err)
	}
	if _, listed, err := Agreed(manifest); !listed || err != nil {
		t.Error(listed, err)
	}
	if _, _, err := Agreed([4]byte{'H', 'T', 'T', 'P'}); err == nil {
		t.Error("HTTP is no answer")
	}
}

func TestList(t *testing.T) {
	offer := []byte{2, 0, 0, 8, 5, 0, 0, 4, 4, 0x81, 0x01}
	for n := range offer {
		if got, err := List(offer[:n]); got != 0 || err != nil {
			t.Errorf("%d bytes: %d, %v; want to wait", n, got, err)
		}
	}
	if got, err := List(append(offer, 'x')); got != len(offer) || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	for _, bad := range []string{"\x41", strings.Repeat("\xFF", 11), "\x01\x00\x00\x08\x05" + strings.Repeat("\xFF", 11)} {
		if _, err := List([]byte(bad)); err == nil {
			t.Errorf("% x is read", bad)
		}
	}
	if v, n, err := Choice([]byte{0, 0, 8, 5, 0x01, 'x'}); v != (Version{5, 8}) || n != 5 || err != nil {
		t.Error(v, n, err)
	}
	if _, n, err := Choice([]byte{0, 0, 8, 5}); n != 0 || err != nil {
		t.Error(n, err)
	}
}
