package gateway

import (
	"errors"
	"io"
	"net"
	"testing"

	"memgraph-controller/internal/tcp"
)

// A cut of thousands takes milliseconds. From its first one on no session of the node
// passes anything on.
func TestNothingIsPassedOnOnceTheCutHasBegun(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		if n, _ := io.Copy(io.Discard, theirs); n > 0 {
			t.Errorf("%d bytes were passed on", n)
		}
	}()
	n := newNode("m:1", 1)
	s := newSession(&Gateway{}, &visitor{conn: ours, talk: &talk{}}, n, func() {})
	s.server = ours
	n.gone.raise()
	c := copying{s: s, to: toServer, buf: make([]byte, smallBuffer)}
	if next := c.Took(1); next != tcp.Stop || !errors.Is(c.err, net.ErrClosed) {
		t.Errorf("copying goes on: %v, %v", next, c.err)
	}
	s.talk.in = []byte("x")
	if err := s.pass(1); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a request was passed on: %v", err)
	}
}

// What ten thousand idle sessions own is their small buffers.
func TestLargeBufferIsBorrowed(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	s := newSession(&Gateway{}, &visitor{conn: ours}, newNode("m:1", 1), func() {})
	s.server = ours
	small := make([]byte, smallBuffer)
	c := copying{s: s, to: toServer, buf: small, small: small}
	for _, step := range []struct{ took, room int }{
		{1, smallBuffer},
		{smallBuffer, largeBuffer},
		{largeBuffer, largeBuffer},
		{smallBuffer + 1, largeBuffer},
		{smallBuffer, smallBuffer},
	} {
		c.Took(step.took)
		if room := len(c.Room()); room != step.room || (c.large != nil) != (room == largeBuffer) {
			t.Fatalf("after %d bytes there is room for %d, large buffer %t; want %d", step.took, room, c.large != nil, step.room)
		}
	}
}
