package replication

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"memgraph-controller/internal/standin/storage"
)

// Listen opens the port of a replica.
type Listen func(ctx context.Context, address string) (net.Listener, error)

// server answers a MAIN's requests while the node is a REPLICA.
type server struct {
	engine   *storage.Engine
	identity *identity
	odd      Behaviour
	log      *slog.Logger
	listener net.Listener
	loopback bool // hang up on peers from elsewhere
	cancel   context.CancelFunc
	run      sync.WaitGroup

	work sync.Mutex // Memgraph has one worker for all connections

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  bool
}

// identity is whom a replica obeys.
type identity struct {
	mu   sync.Mutex
	main string
	save func(main string) error
}

func (i *identity) get() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.main
}

func (i *identity) set(main string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.save(main); err != nil {
		return err
	}
	i.main = main
	return nil
}

func startServer(ctx context.Context, n *Node, port int, id *identity) (*server, error) {
	// As Memgraph, on every address: who is registered by a name may be looked for on any of them.
	address := net.JoinHostPort("0.0.0.0", fmt.Sprint(port))
	ln, err := n.cfg.Listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("open replication port %s: %w", address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &server{
		engine: n.cfg.Engine, identity: id, odd: n.cfg.Behaviour, log: n.cfg.Log,
		listener: ln, loopback: n.cfg.Loopback, cancel: cancel, conns: map[net.Conn]bool{},
	}
	s.run.Go(func() { s.accept(ctx) })
	return s, nil
}

// stop closes the port and waits for the request in progress.
func (s *server) stop() {
	s.mu.Lock()
	s.done = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	_ = s.listener.Close()
	s.cancel()
	s.run.Wait()
}

func (s *server) accept(ctx context.Context) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.log.Error("replication port failed", "addr", s.listener.Addr().String(), "err", err)
			}
			return
		}
		if s.loopback && !isLoopback(conn.RemoteAddr()) {
			_ = conn.Close()
			continue
		}
		s.mu.Lock()
		late := s.done
		if !late {
			s.conns[conn] = true
		}
		s.mu.Unlock()
		if late {
			_ = conn.Close()
			return
		}
		s.run.Go(func() { s.serve(ctx, conn) })
	}
}

func isLoopback(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

func (s *server) serve(ctx context.Context, conn net.Conn) {
	c := &replicaConn{server: s}
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		c.discard()
	}()
	in := bufio.NewReader(conn)
	for {
		k, payload, err := readFrame(in)
		if err != nil {
			return
		}
		q, err := decodeRequest(k, payload)
		if err != nil {
			s.log.Warn("hung up on a peer", "peer", conn.RemoteAddr().String(), "err", err)
			return
		}
		out, err := c.answer(ctx, q).encode()
		if err != nil || writeFrame(conn, kindReply, out) != nil {
			return
		}
	}
}

// replicaConn is one MAIN's connection.
type replicaConn struct {
	*server
	snapshot *os.File // being received
}

func (c *replicaConn) discard() {
	if c.snapshot != nil {
		_ = c.snapshot.Close()
		_ = os.Remove(c.snapshot.Name())
		c.snapshot = nil
	}
}

// answer handles one request. What cannot be done is refused, never fatal.
func (c *replicaConn) answer(ctx context.Context, q request) reply {
	c.work.Lock()
	defer c.work.Unlock()
	ok, err := c.handle(ctx, q)
	if err != nil {
		c.log.Error("request of a main failed", "kind", int(q.kind), "err", err)
		ok = false
	}
	answer := reply{ok: ok, ldt: c.engine.LDT()}
	switch q.kind {
	case kindHeartbeat:
		l := c.engine.Lineage()
		answer.ldt, answer.epoch = l.LDT, l.LastCommitEpoch()
	case kindPing:
		answer.main = c.identity.get()
	}
	return answer
}

func (c *replicaConn) handle(ctx context.Context, q request) (bool, error) {
	switch q.kind {
	case kindPing:
		return true, nil
	case kindSwapMain:
		return true, c.identity.set(q.main)
	}
	if q.main != c.identity.get() {
		return false, nil
	}
	if q.kind == kindSystem {
		same, err := c.engine.Adopt(ctx, q.storage)
		return same || c.odd.IgnoreIdentity, err
	}
	if q.storage != c.engine.UUID() && !c.odd.IgnoreIdentity {
		return false, nil
	}
	switch q.kind {
	case kindHeartbeat:
		return true, nil
	case kindPrepare:
		return c.engine.Receive(ctx, q.delivery)
	case kindFinalize:
		return c.engine.Decide(ctx, q.ts, q.commit)
	case kindLog:
		return true, c.engine.CatchUp(ctx, q.records)
	case kindSnapshot:
		return true, c.receive(ctx, q)
	}
	return false, nil
}

// receive takes a piece of a snapshot and, with the last, loads it.
func (c *replicaConn) receive(ctx context.Context, q request) error {
	if c.snapshot == nil {
		file, err := os.CreateTemp(c.engine.Dir(), "received-*")
		if err != nil {
			return fmt.Errorf("receive snapshot: %w", err)
		}
		c.snapshot = file
	}
	if _, err := c.snapshot.Write(q.chunk); err != nil {
		c.discard()
		return fmt.Errorf("receive snapshot: %w", err)
	}
	if !q.last {
		return nil
	}
	defer c.discard()
	if err := c.snapshot.Sync(); err != nil {
		return fmt.Errorf("receive snapshot: %w", err)
	}
	return c.engine.LoadSnapshot(ctx, filepath.Clean(c.snapshot.Name()))
}
