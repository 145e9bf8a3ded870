package tcp

import "net"

// Next is what a reader of a stream wants after it was given something.
type Next uint8

// What it may want.
const (
	Stop Next = iota // nothing more
	More             // what comes next, as soon as it is there
	// Rest is More where nothing is expected at once: unless the kernel has said that
	// there is more, it is not asked in vain but waited for. A reset that came with the
	// last bytes goes unnoticed then until something is written.
	Rest
)

// Sink is where a stream goes.
type Sink interface {
	// Room returns what to read into; it is asked before each read. It must not be empty.
	Room() []byte
	// Took is told how many bytes of the room were read: at least one.
	Took(n int) Next
}

// Stream reads from conn into s until that wants to stop; then it returns nil. At the end
// of the stream it returns io.EOF.
func Stream(conn net.Conn, s Sink) error {
	if c, ok := conn.(streamer); ok {
		return c.stream(s)
	}
	for {
		n, err := conn.Read(s.Room())
		if n > 0 && s.Took(n) == Stop {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type streamer interface {
	stream(s Sink) error
}
