package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"memgraph-controller/internal/standin/bolt"
	"memgraph-controller/internal/standin/control"
	"memgraph-controller/internal/standin/cypher"
	"memgraph-controller/internal/standin/faults"
	"memgraph-controller/internal/standin/replication"
	"memgraph-controller/internal/standin/storage"
)

// userTimeout is how long unacknowledged data keep a replication connection alive since 3.10.
const userTimeout = 5 * time.Second

// Instance is a running stand-in.
type Instance struct {
	opts    Options
	version Version
	log     *slog.Logger
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	atExit  context.Context // for what is done when ctx has ended
	lock    *os.File        // keeps other processes off the data directory
	engine  *storage.Engine
	node    *replication.Node
	links   map[control.Link]*faults.Link
	run     sync.WaitGroup
	closing sync.Once

	started  atomic.Bool // engine and node are there
	open     transactions
	sessions sessions

	crashAt  atomic.Pointer[control.Point]
	delay    atomic.Int64 // of promotions, in milliseconds
	finalize atomic.Int64 // second phases still to lose

	mu           sync.Mutex
	nextSnapshot time.Time
	boltAddr     net.Addr
	controlAddr  net.Addr
}

// Start starts a stand-in in Memgraph's order: data, role and replicas, init file, Bolt. ctx bounds
// its life; Close ends it in any case.
func Start(ctx context.Context, opts Options) (*Instance, error) {
	v, err := ParseVersion(opts.Version)
	if err != nil {
		return nil, err
	}
	in := &Instance{opts: opts, version: v, log: opts.Log, links: map[control.Link]*faults.Link{}}
	in.ctx, in.cancel = context.WithCancel(ctx)
	in.atExit = context.WithoutCancel(ctx)
	for _, name := range control.Links {
		in.links[name] = faults.NewLink()
	}
	if v.since(3, 10) {
		in.links[control.ReplicationIn].UserTimeout = userTimeout
		in.links[control.ReplicationOut].UserTimeout = userTimeout
	}
	for _, step := range []func() error{in.openControl, in.openStorage, in.openNode, in.runInitFile, in.openBolt} {
		if err := step(); err != nil {
			return nil, errors.Join(err, in.Close())
		}
	}
	if opts.SnapshotInterval > 0 {
		in.run.Go(func() { in.takeSnapshots(in.ctx, opts.SnapshotInterval) })
	}
	return in, nil
}

func (in *Instance) openStorage() error {
	if err := os.MkdirAll(in.opts.DataDirectory, 0o750); err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	var err error
	if in.lock, err = lockDirectory(in.opts.DataDirectory); err != nil {
		return err
	}
	in.engine, err = storage.Open(storage.Config{
		Dir: in.opts.DataDirectory, WAL: in.opts.WAL, FlushEvery: in.opts.FlushEvery, WALLimit: in.opts.WALFileBytes,
		Retention: in.opts.SnapshotRetention, Recover: in.opts.Recover, Log: in.log,
		CrashPoint: func(p storage.Point) { in.pass(control.Point(p)) },
	})
	if err == nil {
		in.engine.SetAnalytical(in.opts.Analytical)
	}
	return err
}

func (in *Instance) openNode() error {
	timing := in.opts.Timing
	if timing == (replication.Timing{}) {
		timing = replication.DefaultTiming()
		timing.Check = in.opts.CheckEvery
	}
	ip := net.ParseIP(in.opts.BoltAddress)
	var err error
	in.node, err = replication.Open(in.ctx, replication.Config{
		Engine: in.engine, Restore: in.opts.RestoreRole, Loopback: ip != nil && ip.IsLoopback(), Timing: timing,
		Behaviour: in.opts.behaviour(in.version),
		Listen:    in.links[control.ReplicationIn].Listen, Dialer: in.links[control.ReplicationOut], Log: in.log,
		PromotionDelay: func() time.Duration { return time.Duration(in.delay.Load()) * time.Millisecond },
		LoseFinalize:   in.loseFinalize,
		Promoted:       func() { in.pass(control.AfterPromotion) },
	})
	if err != nil {
		return fmt.Errorf("replica recovery failure: %w", err)
	}
	in.started.Store(true)
	return nil
}

// runInitFile executes the statements of the init file. A statement that fails is only logged.
func (in *Instance) runInitFile() error {
	if in.opts.InitFile == "" {
		return nil
	}
	text, err := os.ReadFile(in.opts.InitFile)
	if err != nil {
		return fmt.Errorf("read init file: %w", err)
	}
	s := &session{in: in}
	for _, statement := range cypher.SplitStatements(string(text)) {
		if err := s.execute(in.ctx, statement); err != nil {
			in.log.Warn("a statement of the init file failed; the rest will be run", "err", err)
		}
	}
	return nil
}

// execute runs a statement to its end.
func (s *session) execute(ctx context.Context, statement string) error {
	result, err := s.Run(ctx, statement, nil, nil)
	if err != nil {
		return err
	}
	defer result.Close()
	for {
		if _, ok, err := result.Next(ctx); err != nil || !ok {
			return err
		}
	}
}

func (in *Instance) openBolt() error {
	address := net.JoinHostPort(in.opts.BoltAddress, strconv.Itoa(in.opts.BoltPort))
	ln, err := in.links[control.Bolt].Listen(in.ctx, address)
	if err != nil {
		return fmt.Errorf("open bolt port %s: %w", address, err)
	}
	in.mu.Lock()
	in.boltAddr = ln.Addr()
	in.mu.Unlock()
	if in.opts.BoltTLS != nil {
		ln = tls.NewListener(ln, in.opts.BoltTLS)
	}
	srv := &bolt.Server{
		Handler: in, Version: in.version.String(), Community: in.opts.Community,
		ServerName: in.opts.ServerName, Log: in.log,
	}
	in.run.Go(func() {
		if err := srv.Serve(in.ctx, ln); err != nil {
			in.log.Error("bolt ended", "err", err)
		}
	})
	return nil
}

// BoltAddr is host:port of the Bolt port.
func (in *Instance) BoltAddr() string { return in.address(&in.boltAddr) }

// ControlAddr is host:port of the control port, or "" without one.
func (in *Instance) ControlAddr() string { return in.address(&in.controlAddr) }

func (in *Instance) address(a *net.Addr) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if *a == nil {
		return ""
	}
	return (*a).String()
}

// Hung reports whether a DROP REPLICA has hung the node for ever. A hung Memgraph does not react
// to SIGTERM either.
func (in *Instance) Hung() bool { return in.node.Hung() }

// Close ends the stand-in as SIGTERM does. It may be called more than once.
func (in *Instance) Close() error {
	var err error
	in.closing.Do(func() { err = in.close() })
	return err
}

func (in *Instance) close() error {
	in.cancel()
	if in.node != nil {
		in.node.Close()
	}
	in.run.Wait()
	var failed error
	if in.engine != nil {
		if in.opts.SnapshotOnExit {
			failed = in.snapshotOnExit()
		}
		failed = errors.Join(failed, in.engine.Close())
	}
	if in.lock != nil {
		failed = errors.Join(failed, in.lock.Close())
	}
	return failed
}

func (in *Instance) snapshotOnExit() error {
	if replica, err := in.onReplica(in.atExit); err != nil || replica && !in.version.since(3, 7, 2) {
		return err
	}
	_, err := in.engine.CreateSnapshot(in.atExit)
	if errors.Is(err, storage.ErrClosed) {
		return nil // the power is gone
	}
	return err
}

// sessions are the open Bolt sessions.
type sessions struct {
	mu   sync.Mutex
	open map[*session]sessionInfo
}

type sessionInfo struct {
	user, id string
	since    time.Time
}

func (l *sessions) add(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[*session]sessionInfo{}
	}
	l.open[s] = sessionInfo{s.user, uuid.NewString(), time.Now()}
}

func (l *sessions) remove(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

func (l *sessions) list() []sessionInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]sessionInfo, 0, len(l.open))
	for _, info := range l.open {
		list = append(list, info)
	}
	return list
}
