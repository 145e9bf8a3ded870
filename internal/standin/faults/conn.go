package faults

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// sendBuffer is how much a cut connection takes before writing blocks.
const sendBuffer = 4 << 20

// conn is a TCP connection with faults.
type conn struct {
	net.Conn // the socket, as seen by who does not know of faults
	socket   *net.TCPConn
	link     *Link
	peer     string

	mu       sync.Mutex
	drained  *sync.Cond // signalled when pending shrinks or the connection ends
	cutIn    bool
	cutOut   bool
	delay    time.Duration
	pending  []byte // written while cut
	giveUp   *time.Timer
	err      error // why the connection ended, if we ended it
	deadline time.Time
	wake     *time.Timer
}

// apply brings the connection in line with a fault. It needs the link's lock.
func (c *conn) apply(f Fault) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = f.delay()
	armed := f.AfterBytes == 0
	if armed && f.Mode == Refuse {
		// Linger 0 makes the kernel send a reset; if it cannot, the close is plain.
		_ = c.socket.SetLinger(0)
		c.end(os.NewSyscallError("read", syscall.ECONNRESET))
		return nil
	}
	cut := armed && f.Mode == Cut
	if err := c.filter(cut && f.Direction != Out); err != nil {
		return err
	}
	c.cutOut = cut && f.Direction != In
	if !c.cutOut && len(c.pending) > 0 && c.err == nil {
		c.flush()
	}
	return nil
}

func (c *conn) filter(drop bool) error {
	if drop == c.cutIn {
		return nil
	}
	c.cutIn = drop
	return setFilter(c.socket, drop)
}

// flush sends what was written during a cut.
func (c *conn) flush() {
	if c.giveUp != nil {
		c.giveUp.Stop()
		c.giveUp = nil
	}
	data := c.pending
	c.pending = nil
	c.drained.Broadcast()
	// These bytes count as written long ago, so no deadline holds for them.
	err := c.Conn.SetWriteDeadline(time.Time{})
	if err == nil {
		_, err = c.Conn.Write(data)
	}
	if err == nil {
		err = c.Conn.SetWriteDeadline(c.deadline)
	}
	if err != nil {
		c.end(err)
	}
}

// end closes the connection for a reason of its own. It needs the lock.
func (c *conn) end(err error) {
	if c.err == nil {
		c.err = err
	}
	_ = c.Conn.Close()
	c.drained.Broadcast()
}

// Write sends, or keeps what it would send during a cut.
func (c *conn) Write(p []byte) (int, error) {
	c.pause()
	allowed, last := c.link.spend(c.peer, Out, len(p))
	sent, err := c.send(p[:allowed])
	if last {
		c.link.trip()
	}
	if err != nil || allowed == len(p) {
		return sent, err
	}
	n, err := c.send(p[allowed:])
	return sent + n, err
}

func (c *conn) send(p []byte) (int, error) {
	c.mu.Lock()
	for c.cutOut && len(c.pending)+len(p) > sendBuffer && len(c.pending) > 0 && c.err == nil {
		if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
			c.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		}
		c.drained.Wait()
	}
	if err := c.err; err != nil {
		c.mu.Unlock()
		return 0, fmt.Errorf("write: %w", err)
	}
	if c.cutOut {
		defer c.mu.Unlock()
		c.pending = append(c.pending, p...)
		c.startGivingUp()
		return len(p), nil
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// startGivingUp does what the kernel would do with unacknowledged data.
func (c *conn) startGivingUp() {
	if c.link.UserTimeout <= 0 || c.giveUp != nil || len(c.pending) == 0 {
		return
	}
	c.giveUp = time.AfterFunc(c.link.UserTimeout, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.cutOut && len(c.pending) > 0 {
			c.end(os.NewSyscallError("read", syscall.ETIMEDOUT))
		}
	})
}

// Read receives.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.pause()
		if _, last := c.link.spend(c.peer, In, n); last {
			c.link.trip()
		}
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil {
			return n, fmt.Errorf("read: %w", c.err)
		}
	}
	return n, err
}

func (c *conn) pause() {
	c.mu.Lock()
	d := c.delay
	c.mu.Unlock()
	if d > 0 {
		time.Sleep(d)
	}
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline sets the deadline for writing, also for a write that waits for a cut to heal.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.wake != nil {
		c.wake.Stop()
		c.wake = nil
	}
	if c.cutOut && !t.IsZero() {
		c.wake = time.AfterFunc(time.Until(t)+time.Millisecond, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.drained.Broadcast()
		})
	}
	return c.Conn.SetWriteDeadline(t)
}

// Close closes the connection. What a cut held back is lost.
func (c *conn) Close() error {
	c.link.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, timer := range []*time.Timer{c.giveUp, c.wake} {
		if timer != nil {
			timer.Stop()
		}
	}
	err := c.Conn.Close()
	if c.err == nil {
		c.err = net.ErrClosed
	}
	c.drained.Broadcast()
	return err
}
