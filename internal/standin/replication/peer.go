package replication

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Dialer opens connections to replicas.
type Dialer interface {
	// Dial connects to a TCP address within the timeout.
	Dial(ctx context.Context, address string, timeout time.Duration) (net.Conn, error)
}

// errStopped is the error of requests to a replica that has been dropped.
var errStopped = errors.New("the replica is being dropped")

// peer is the MAIN's connection to one replica: one request at a time, under the RPC lock.
type peer struct {
	address string
	dialer  Dialer
	connect time.Duration

	lock chan struct{} // the RPC lock

	mu      sync.Mutex // guards conn against abort
	conn    net.Conn   // nil: the next request connects
	in      *bufio.Reader
	stopped bool
}

func newPeer(address string, d Dialer, connect time.Duration) *peer {
	return &peer{address: address, dialer: d, connect: connect, lock: make(chan struct{}, 1)}
}

// acquire takes the RPC lock, waiting at most d, or without end for 0.
func (p *peer) acquire(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	select {
	case p.lock <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *peer) release() { <-p.lock }

// open connects unless connected. It needs the RPC lock. A connection the replica has closed is
// noticed only by the request that uses it, as in Memgraph.
func (p *peer) open(ctx context.Context) error {
	p.mu.Lock()
	conn, stopped := p.conn, p.stopped
	p.mu.Unlock()
	if stopped {
		return errStopped
	}
	if conn != nil {
		return nil
	}
	conn, err := p.dialer.Dial(ctx, p.address, p.connect)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", p.address, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		_ = conn.Close()
		return errStopped
	}
	p.conn, p.in = conn, bufio.NewReader(conn)
	return nil
}

// drop closes the connection, so that the next request makes a new one.
func (p *peer) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		_ = p.conn.Close()
		p.conn = nil
	}
}

// abort ends the request in progress and refuses further ones. A connection attempt in progress is
// not ended, as in Memgraph.
func (p *peer) abort() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.drop()
}

// send sends a request. It needs the RPC lock and an open connection, and must be followed by
// receive.
func (p *peer) send(q request, timeout time.Duration) error {
	payload, err := q.encode()
	if err != nil {
		return fmt.Errorf("encode request to %s: %w", p.address, err)
	}
	conn, _ := p.current()
	if conn == nil {
		return errStopped
	}
	err = conn.SetDeadline(time.Now().Add(timeout))
	if err == nil {
		err = writeFrame(conn, q.kind, payload)
	}
	if err != nil {
		p.drop()
		return fmt.Errorf("send to %s: %w", p.address, err)
	}
	return nil
}

// receive waits for the reply to what was sent last, until its timeout.
func (p *peer) receive() (reply, error) {
	conn, in := p.current()
	if conn == nil {
		return reply{}, errStopped
	}
	var answer reply
	k, payload, err := readFrame(in)
	if err == nil {
		answer, err = decodeReply(k, payload)
	}
	if err != nil {
		p.drop()
		return reply{}, fmt.Errorf("receive from %s: %w", p.address, err)
	}
	return answer, nil
}

func (p *peer) current() (net.Conn, *bufio.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conn, p.in
}

// call connects if necessary, sends a request and waits for its reply. It needs the RPC lock.
func (p *peer) call(ctx context.Context, q request, timeout time.Duration) (reply, error) {
	if err := p.open(ctx); err != nil {
		return reply{}, err
	}
	if err := p.send(q, timeout); err != nil {
		return reply{}, err
	}
	return p.receive()
}

// ask is call with the RPC lock.
func (p *peer) ask(ctx context.Context, q request, timeout time.Duration) (reply, error) {
	if !p.acquire(ctx, 0) {
		return reply{}, context.Cause(ctx)
	}
	defer p.release()
	return p.call(ctx, q, timeout)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
