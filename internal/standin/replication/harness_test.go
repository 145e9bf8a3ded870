package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"memgraph-controller/internal/standin/faults"
	"memgraph-controller/internal/standin/storage"
)

func shortTiming() Timing {
	return Timing{
		Check: 20 * time.Millisecond, Connect: 150 * time.Millisecond, Ping: 150 * time.Millisecond,
		Heartbeat: 300 * time.Millisecond, SwapMain: 300 * time.Millisecond, System: 300 * time.Millisecond,
		Prepare: 600 * time.Millisecond, Finalize: 300 * time.Millisecond, Log: time.Second, Snapshot: time.Second,
		AsyncLock: 10 * time.Millisecond, SystemQuery: 20 * time.Millisecond, HangGrace: 50 * time.Millisecond,
	}
}

// asReal is the behaviour of 3.12.
var asReal = Behaviour{FalseDivergence: true, EmptyHeir: true, GhostOnDiverged: true, AbortOnStop: true}

// member is one node on loopback.
type member struct {
	*Node
	t      *testing.T
	dir    string
	cfg    Config
	wal    bool
	in     *faults.Link
	out    *faults.Link
	port   int
	engine *storage.Engine
	crash  func(storage.Point) // called during every commit here; may be nil
	stop   context.CancelFunc
}

func newMember(t *testing.T) *member {
	m := &member{
		t: t, dir: t.TempDir(), wal: true, in: faults.NewLink(), out: faults.NewLink(), port: freePort(t),
		cfg: Config{
			Restore: true, Loopback: true, Timing: shortTiming(), Behaviour: asReal,
			Log: slog.New(slog.DiscardHandler),
		},
	}
	m.up()
	t.Cleanup(func() { m.down() })
	return m
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// up starts the node's process.
func (m *member) up() {
	m.t.Helper()
	engine, err := storage.Open(storage.Config{
		Dir: m.dir, WAL: m.wal, Recover: true, Log: m.cfg.Log,
		CrashPoint: func(at storage.Point) {
			if m.crash != nil {
				m.crash(at)
			}
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.engine = engine
	cfg := m.cfg
	cfg.Engine, cfg.Listen, cfg.Dialer = engine, m.in.Listen, m.out
	ctx, stop := context.WithCancel(context.WithoutCancel(m.t.Context()))
	m.stop = stop
	if m.Node, err = Open(ctx, cfg); err != nil {
		m.t.Fatal(err)
	}
}

// down ends it. Nothing that is not on the way to disk is saved.
func (m *member) down() {
	m.Close()
	m.stop()
	_ = m.engine.Close()
}

func (m *member) restart() { m.t.Helper(); m.down(); m.up() }

func (m *member) demote() *member {
	m.t.Helper()
	if err := m.Demote(m.t.Context(), m.port); err != nil {
		m.t.Fatalf("demote: %v", err)
	}
	return m
}

func (m *member) promote() {
	m.t.Helper()
	if err := m.Promote(m.t.Context()); err != nil {
		m.t.Fatalf("promote: %v", err)
	}
}

func (m *member) tryRegister(name string, mode Mode, r *member) error {
	return m.Register(m.t.Context(), Registration{Name: name, Host: "127.0.0.1", Port: r.port, Mode: mode})
}

func (m *member) register(name string, mode Mode, r *member) {
	m.t.Helper()
	if err := m.tryRegister(name, mode, r); err != nil {
		m.t.Fatalf("register %s: %v", name, err)
	}
}

func (m *member) add(i int64) error {
	m.t.Helper()
	txn, err := m.engine.Begin(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := txn.Create([]string{"S"}, map[string]any{"i": i}); err != nil {
		m.t.Fatal(err)
	}
	return m.Commit(m.t.Context(), txn)
}

func (m *member) mustAdd(list ...int64) {
	m.t.Helper()
	for _, i := range list {
		if err := m.add(i); err != nil {
			m.t.Fatalf("add %d: %v", i, err)
		}
	}
}

func (m *member) values() []int64 {
	m.t.Helper()
	txn, err := m.engine.Begin(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	defer m.engine.Abort(txn)
	var list []int64
	for n := range txn.Nodes("S") {
		list = append(list, n.Props["i"].(int64))
	}
	return list
}

func (m *member) wantValues(want ...int64) {
	m.t.Helper()
	if got := m.values(); !slices.Equal(got, want) {
		m.t.Errorf("values %v, want %v", got, want)
	}
}

func (m *member) replica(name string) ReplicaInfo {
	m.t.Helper()
	list, err := m.Replicas(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	for _, info := range list {
		if info.Name == name {
			return info
		}
	}
	m.t.Fatalf("no replica %s", name)
	return ReplicaInfo{}
}

func (m *member) await(name string, want State) {
	m.t.Helper()
	await(m.t, func() string {
		if info := m.replica(name); info.State != want {
			return fmt.Sprintf("%s is %s, want %s", name, info.State, want)
		}
		return ""
	})
}

// await waits until the condition gives no reason to wait.
func await(t *testing.T, condition func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		why := condition()
		if why == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("waited too long: ", why)
		}
	}
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	var failed *RegisterError
	if !errors.As(err, &failed) || failed.Code != want {
		t.Errorf("register: %v, want code %d", err, want)
	}
}

// wantShip checks an error of a commit; reason 0 accepts any.
func wantShip(t *testing.T, err error, strict bool, reason Reason) {
	t.Helper()
	var failed *ShipError
	if !errors.As(err, &failed) || failed.Strict != strict || reason != 0 && failed.Failures[0].Reason != reason {
		t.Errorf("commit: %v %+v, want strict %v and reason %d", err, failed, strict, reason)
	}
}
