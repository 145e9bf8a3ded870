package bolt

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandshakePicksAVersion(t *testing.T) {
	type p = [4]byte
	tests := []struct {
		name      string
		release   string
		proposals []p
		want      Version // zero: refused
	}{
		{"exact", "3.6.2", []p{{0, 0, 2, 5}}, Version{5, 2}},
		{"go driver", "3.6.2", []p{{0, 0, 1, 0xFF}, {0, 8, 8, 5}, {0, 2, 4, 4}, {0, 0, 0, 3}}, Version{5, 2}},
		{"client's order counts", "3.12.0", []p{{0, 0, 1, 4}, {0, 0, 2, 5}}, Version{4, 1}},
		{"4.4 from 3.12", "3.12.0", []p{{0, 2, 4, 4}}, Version{4, 4}},
		{"4.4 before 3.12", "3.11.0", []p{{0, 2, 4, 4}}, Version{4, 3}},
		{"range down to 4.0", "3.9.0", []p{{0, 255, 0, 4}}, Version{4, 0}},
		{"range that jumps over", "3.9.0", []p{{0, 1, 4, 5}}, Version{}},
		{"too new", "3.9.0", []p{{0, 0, 9, 9}}, Version{}},
		{"bolt 1", "3.6.2", []p{{0, 0, 0, 1}}, Version{1, 0}},
		{"bolt 1 last", "3.12.0", []p{{0, 0, 9, 9}, {0, 0, 2, 4}, {0, 0, 0, 3}, {0, 0, 0, 1}}, Version{1, 0}},
		{"bolt 1.1", "3.12.0", []p{{0, 0, 1, 1}}, Version{}},
		{"range down to 1.0", "3.12.0", []p{{0, 1, 1, 1}}, Version{1, 0}},
		{"bolt 2 and 3", "3.12.0", []p{{0, 0, 0, 3}, {0, 0, 0, 2}}, Version{}},
		{"manifest only", "3.12.0", []p{{0, 0, 1, 0xFF}}, Version{}},
		{"nothing", "3.12.0", nil, Version{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr := start(t, &Server{Handler: &script{}, Version: test.release})
			_, answer, err := dial(t, addr, test.proposals...)
			if test.want == (Version{}) {
				if err == nil {
					t.Fatalf("proposals %v were answered with % X; want no version", test.proposals, answer)
				}
				return
			}
			if err != nil || answer != [4]byte{0, 0, test.want.Minor, test.want.Major} {
				t.Fatalf("proposals %v got % X (%v); want %s", test.proposals, answer, err, test.want)
			}
		})
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]release{
		"3.12.0": {3, 12}, "v2.19.0": {2, 19}, "3.9": {3, 9}, "": newest, "latest": newest, "3": newest,
	} {
		if got := parseRelease(text); got != want {
			t.Errorf("release of %q = %v; want %v", text, got, want)
		}
	}
	if !(release{4, 0}).atLeast(newest) || (release{2, 19}).atLeast(release{3, 1}) || !newest.atLeast(release{3, 12}) {
		t.Error("releases compare wrongly")
	}
}

func TestSilentPeerIsHungUpOn(t *testing.T) {
	for _, opening := range []string{"", "\x60\x60", "\x60\x60\xB0\x17\x00\x00\x02\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			c := &conn{transport: newTransport(ours), server: &Server{Handler: &script{}}, release: newest}
			done := make(chan error, 1)
			began := time.Now()
			go func() { done <- c.serve(t.Context()); ours.Close() }()
			go func() { _, _ = theirs.Write([]byte(opening)) }()
			_, _ = io.Copy(io.Discard, theirs)
			if err := <-done; !isTimeout(err) {
				t.Errorf("serve = %v; want a timeout", err)
			}
			if took := time.Since(began); took != handshakeTimeout {
				t.Errorf("server waited %s; want %s", took, handshakeTimeout)
			}
		})
	}
}

func TestIdleClientIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		c := &conn{transport: newTransport(ours), server: &Server{Handler: &script{}}, release: newest}
		done := make(chan error, 1)
		go func() { done <- c.serve(t.Context()); ours.Close() }()
		peer := &client{t: t, transport: newTransport(theirs), major: 4}
		if _, err := theirs.Write([]byte("\x60\x60\xB0\x17\x00\x00\x03\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer.r, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		peer.send(msgHello, map[string]any{"user_agent": "test"})
		peer.expect("SUCCESS connection_id=bolt-1 server=" + DefaultServerName)
		time.Sleep(24 * time.Hour)
		peer.send(msgRun, "rows 0", none, none)
		peer.expect("SUCCESS fields=[x]")
		theirs.Close()
		if err := <-done; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("serve = %v; want the end of the client", err)
		}
	})
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}
