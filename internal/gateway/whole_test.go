package gateway

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/bolt"
)

// What a client sends arrives whole and in order, but for ROUTE, wherever the messages
// and the chunks are cut; and what the server says arrives as it was said.
func TestStreamsArePassedOnWhole(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		p := newPipes() // a pipe gives a reader what one write has written, and no more
		g := start(t, Options{ReadWrite: p, Dial: p.dial})
		g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
		c := p.proposes(t)
		srv := <-p.servers
		agrees(t, c, srv)
		sent, want := requests(rnd)
		go inPieces(rnd.Uint64(), c, sent)
		go func() { _, _ = io.Copy(io.Discard, c) }()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(srv, got); err != nil || !bytes.Equal(got, want) {
			at := 0
			for at < len(got) && got[at] == want[at] {
				at++
			}
			t.Fatalf("seed %d: of %d bytes the server has others from %d on (%v): %q, want %q", seed, len(want), at, err, part(got, at), part(want, at))
		}
		c.Close()
		srv.Close()
	}
}

func part(b []byte, at int) []byte { return b[max(0, at-8):min(len(b), at+16)] }

func agrees(t *testing.T, c, srv net.Conn) {
	t.Helper()
	if _, err := io.ReadFull(srv, make([]byte, bolt.HelloSize)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = srv.Write([]byte{0, 0, 2, 5}) }() // the client's end says whether it came
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
}

// requests returns some, and what of them is for the server. They are inside of a
// transaction that begins first, so that nothing is held.
func requests(rnd *rand.Rand) (sent, want []byte) {
	for range 1 + rnd.IntN(60) {
		var m []byte
		switch rnd.IntN(6) {
		case 0:
			m = []byte{0, 0}
		case 1:
			m = message(bolt.Reset)
		case 2:
			sent = append(sent, chunked(rnd, message(bolt.Route, map[string]any{"address": "h:1"}, []any{}, nil))...)
			continue
		case 3:
			m = message(bolt.Hello, map[string]any{"user_agent": strings.Repeat("a", rnd.IntN(3000))})
		default:
			m = message(bolt.Run, strings.Repeat("q", rnd.IntN(1<<rnd.IntN(18))), map[string]any{}, map[string]any{})
		}
		m = chunked(rnd, m)
		sent, want = append(sent, m...), append(want, m...)
	}
	return sent, want
}

// chunked cuts a message into other chunks.
func chunked(rnd *rand.Rand, m []byte) []byte {
	if len(m) > 1000 || len(m) == 2 || rnd.IntN(2) == 0 {
		return m
	}
	var out []byte
	for b := m[2 : len(m)-2]; len(b) > 0; {
		n := 1 + rnd.IntN(len(b))
		out = append(append(out, 0, 0), b[:n]...)
		out[len(out)-n-2], out[len(out)-n-1] = byte(n>>8), byte(n)
		b = b[n:]
	}
	return append(out, 0, 0)
}

func inPieces(seed uint64, c net.Conn, b []byte) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	for len(b) > 0 {
		n := min(len(b), 1+rnd.IntN(1<<rnd.IntN(14)))
		if _, err := c.Write(b[:n]); err != nil {
			return // the test says what the server got
		}
		b = b[n:]
	}
}

// TestHalfAnAnswerStaysHalf: who has a part of the last answer must not be led to another
// server, which would know nothing of the rest.
func TestHalfAnAnswerStaysHalf(t *testing.T) {
	p := newPipes()
	g := start(t, Options{ReadWrite: p, Dial: p.dial})
	g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
	c := p.proposes(t)
	srv := <-p.servers
	defer srv.Close()
	agrees(t, c, srv)
	ok := message(bolt.Success, map[string]any{})
	for i, m := range [][]byte{message(bolt.Hello, map[string]any{}), message(bolt.Logon, map[string]any{}), message(bolt.Reset)} {
		_, _ = c.Write(m)
		_, _ = io.ReadFull(srv, make([]byte, len(m)))
		_, _ = srv.Write(ok)
		heard := len(ok)
		if i == 2 {
			heard = 1
		}
		if _, err := io.ReadFull(c, make([]byte, heard)); err != nil {
			t.Fatal(err)
		}
	}
	g.Follow(Route{Epoch: 2, Main: "m:2", State: Open})
	ended := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
	select {
	case <-p.servers:
		t.Error("the session moved, and its client has half an answer")
	case err := <-ended:
		if err == nil {
			t.Error("the client was given more; want its connection to end")
		}
	}
}

// deaf is a connection that no deadline reaches in time.
type deaf struct{ net.Conn }

func (deaf) SetDeadline(time.Time) error { return nil }

// TestAgreementInTheLastMoment: the time was up when the server agreed, and what was done
// about that is not undone. The session goes on at the next server.
func TestAgreementInTheLastMoment(t *testing.T) {
	p := newPipes()
	dials := 0
	g := start(t, Options{ReadWrite: p, HandshakeTimeout: 100 * time.Millisecond, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := p.dial(ctx, network, addr)
		if dials++; dials == 1 {
			conn = deaf{conn}
		}
		return conn, err
	}})
	g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
	c, theirs := net.Pipe()
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	p.clients <- deaf{theirs}
	proposals := bolt.Only(bolt.Version{Major: 5, Minor: 2})
	if _, err := c.Write(proposals[:]); err != nil {
		t.Fatal(err)
	}
	late := <-p.servers
	defer late.Close()
	if _, err := io.ReadFull(late, make([]byte, bolt.HelloSize)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	go func() { _, _ = late.Write([]byte{0, 0, 2, 5}) }()
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	select {
	case next := <-p.servers:
		next.Close()
	case <-time.After(10 * time.Second):
		t.Error("the session stays where its time was up")
	}
}
