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

// Stream reads from conn into what room returns, and gives each what was read, until that
// wants to stop; then it returns nil. At the end of the stream it returns io.EOF. room is
// asked anew before each read and must not return an empty buffer.
func Stream(conn net.Conn, room func() []byte, each func(n int) Next) error {
	if c, ok := conn.(streamer); ok {
		return c.stream(room, each)
	}
	for {
		n, err := conn.Read(room())
		if n > 0 && each(n) == Stop {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type streamer interface {
	stream(room func() []byte, each func(n int) Next) error
}
