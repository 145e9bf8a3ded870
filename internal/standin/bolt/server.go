package bolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// complainEvery is the shortest time between two log lines about peers that
// do not speak Bolt.
const complainEvery = time.Minute

// acceptPause is the wait after a failed accept, such as one for lack of file
// descriptors.
const acceptPause = 50 * time.Millisecond

// Server serves Bolt connections. Set the fields before Serve; they are not
// changed.
type Server struct {
	// Handler executes requests; required.
	Handler Handler
	// Version is the release of Memgraph imitated, such as "3.12.0"; it
	// decides the Bolt versions offered and some answers. Empty means the
	// newest known.
	Version string
	// Community chooses the answers of a build without MG_ENTERPRISE. The
	// official packages are enterprise builds without a licence: false.
	Community bool
	// ServerName is announced to clients (--bolt-server-name-for-init); empty
	// means DefaultServerName.
	ServerName string
	// Users maps user names to passwords. Empty: any credentials pass.
	Users map[string]string
	// Log receives news about the server; nil discards.
	Log *slog.Logger

	complained atomic.Int64 // time of the last complaint, Unix nanoseconds
}

// Serve accepts connections from l until ctx ends or l is closed. It closes l
// and every connection, and returns after all of their goroutines have; the
// error is nil when ctx ended it. A Server may Serve several listeners.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	peers := peers{open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() {
		<-ctx.Done()
		_ = l.Close()
		peers.close()
	})
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			running.Go(func() { s.serve(ctx, conn, &peers) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept bolt connections on %s: %w", l.Addr(), err)
		default:
			s.complain("accept", l.Addr().String(), err)
			pause(ctx, acceptPause)
		}
	}
}

// peers are the open connections of one Serve.
type peers struct {
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// add notes conn, or reports that it came too late.
func (p *peers) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.open[conn] = true
	}
	return !p.closed
}

func (p *peers) remove(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
}

// close closes every connection, and those yet to be added are refused.
func (p *peers) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for conn := range p.open {
		_ = conn.Close()
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// serve talks to one peer until it goes or ctx ends.
func (s *Server) serve(ctx context.Context, peer net.Conn, peers *peers) {
	defer peer.Close()
	if !peers.add(peer) {
		return
	}
	defer peers.remove(peer)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &conn{transport: newTransport(peer), server: s, release: parseRelease(s.Version)}
	err := c.serve(ctx)
	if errors.Is(err, errGarbage) || errors.Is(err, errTooLong) {
		s.complain("peer does not speak bolt", peer.RemoteAddr().String(), err)
	}
}

// complain logs what happened with addr, at most one line in complainEvery.
func (s *Server) complain(what, addr string, err error) {
	now, last := time.Now().UnixNano(), s.complained.Load()
	due := last == 0 || now-last >= int64(complainEvery)
	if s.Log != nil && due && s.complained.CompareAndSwap(last, now) {
		s.Log.Warn("bolt connection not served", "reason", what, "addr", addr, "err", err)
	}
}
