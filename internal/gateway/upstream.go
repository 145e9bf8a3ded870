package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	"memgraph-controller/internal/tcp"
)

// reach connects a session to its node, with TLS if servers speak that.
func (g *Gateway) reach(ctx context.Context, s *session) (net.Conn, error) {
	conn, err := g.opt.Dial(ctx, "tcp", g.opt.Address(s.node.addr))
	if err != nil {
		return nil, err
	}
	if conn = tcp.Brief(conn); g.opt.ServerTLS == nil {
		return conn, nil
	}
	config := g.opt.ServerTLS.Clone()
	if config.ServerName == "" { // not where it is reached now: what it is called
		if config.ServerName, _, err = net.SplitHostPort(s.node.addr); err != nil {
			conn.Close()
			return nil, fmt.Errorf("server %q: want host:port: %w", s.node.addr, err)
		}
	}
	server := tls.Client(pausing{conn, s}, config)
	if err := server.HandshakeContext(ctx); err != nil {
		conn.Close()
		g.complain("a server has not come to terms about TLS", "server", s.node.addr, "err", err)
		return nil, err
	}
	return server, nil
}

// pausing is a connection under TLS: a pause interrupts a write here, where the rest of
// it can be written later, and not above, where it would break the stream.
type pausing struct {
	net.Conn
	s *session
}

// Write implements net.Conn.
func (p pausing) Write(b []byte) (int, error) { return p.s.push(p.Conn, b) }

// push writes b to a server. While the node is paused it waits; a write that a pause has
// interrupted is taken up again where it stopped.
func (s *session) push(server net.Conn, b []byte) (int, error) {
	sent := 0
	for {
		for q := s.node.pause.Load(); q != nil && (!q.mild || !s.understood); q = s.node.pause.Load() {
			select {
			case <-q.over:
			case <-s.gone.done:
				return sent, net.ErrClosed
			}
		}
		n, err := server.Write(b[sent:])
		sent += n
		if !errors.Is(err, os.ErrDeadlineExceeded) || s.gone.raised() {
			return sent, err
		}
	}
}
