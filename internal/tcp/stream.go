package tcp

import (
	"errors"
	"net"
)

// Next is what a reader of a stream wants after it was given something.
type Next uint8

// What it may want.
const (
	Stop Next = iota // nothing more
	More             // what comes next, as soon as it is there
	// Rest is More where nothing is expected at once: unless the kernel has said that
	// there is more, it is not asked in vain but waited for. Without a Loop a reset that
	// came with the last bytes goes unnoticed then until something is written.
	Rest
	Wait // Finish has to be called, because something must be waited for
)

// Flow is who reads a stream. Its methods are called by one goroutine after the other,
// never by two at once.
type Flow interface {
	// Room is where to read to next. It is never empty.
	Room() []byte
	// Take is given the n bytes, more than 0, that were read into Room. It waits for
	// nothing and nobody: others are read for by the same goroutine. Where it would have
	// to it returns Wait.
	Take(n int) Next
	// Finish does what Take has left, on a goroutine that may wait. It returns anything
	// but Wait.
	Finish() Next
}

// Stream reads from conn and gives f what was read, until that wants to stop; then it
// returns nil. At the end of the stream it returns io.EOF. If l is not nil, it reads
// while nobody has to wait for anything, and this goroutine sleeps.
func Stream(l *Loop, conn net.Conn, f Flow) error {
	if c, ok := conn.(*Conn); ok {
		if l != nil {
			return c.turn.stream(l, f)
		}
		return c.stream(f)
	}
	for {
		n, err := conn.Read(f.Room())
		if n > 0 {
			next := f.Take(n)
			if next == Wait {
				next = f.Finish()
			}
			if next == Stop {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// ErrWait is what Try returns when it would have to wait for the rest.
var ErrWait = errors.New("nothing can be written without waiting")

// Try writes as much of b to conn as goes without waiting, and returns how much that is,
// with ErrWait if it is not all. It writes nothing to a connection that Brief has not
// made.
func Try(conn net.Conn, b []byte) (int, error) {
	if c, ok := conn.(*Conn); ok {
		return c.try(b)
	}
	return 0, ErrWait
}
