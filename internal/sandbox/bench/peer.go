package bench

import (
	"context"
	"fmt"
	"net"
	"time"
)

// PeerRate is how many round trips a second the peer makes.
const PeerRate = 50

// RoundTrips is the peer of idle controllers, until ctx ends: one goroutine sends a byte
// through the loopback device PeerRate times a second, another sends it back. It is
// meant to be all that its process does. The end of ctx is no error.
func RoundTrips(ctx context.Context) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the peer's round trips: %w", err)
	}
	defer ln.Close()
	go echo(ln)
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return fmt.Errorf("dial for the peer's round trips: %w", err)
	}
	defer conn.Close()
	tick := time.NewTicker(time.Second / PeerRate)
	defer tick.Stop()
	for b := []byte{1}; ; {
		if _, err := conn.Write(b); err != nil {
			return fmt.Errorf("a round trip of the peer: %w", err)
		}
		if _, err := conn.Read(b); err != nil {
			return fmt.Errorf("a round trip of the peer: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// echo sends back what the first who dials sends, until one of them closes.
func echo(ln net.Listener) {
	conn, err := ln.Accept()
	if err != nil {
		return // the listener is closed
	}
	defer conn.Close()
	for b := make([]byte, 1); err == nil; {
		if _, err = conn.Read(b); err == nil {
			_, err = conn.Write(b)
		}
	}
}
