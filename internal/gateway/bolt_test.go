package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"memgraph-controller/internal/bolt"
)

// database is a server that speaks Bolt 5.2: it answers every query with its name, and
// counts what was committed.
type database struct {
	name string
	ln   net.Listener
	wg   sync.WaitGroup

	resets bool // its connections, once they have answered a PULL

	mu      sync.Mutex
	conns   map[net.Conn]bool
	kept    []string // queries that were committed
	logins  int
	stalled map[bolt.Tag]chan struct{} // a request of that kind is not answered before its channel is closed
	reached chan bolt.Tag              // requests that are stalled
	logons  int
	routes  int
	aliens  []string // what connections have said that was no Bolt in the end
}

func newDatabase(t testing.TB, name string) *database {
	t.Helper()
	d := &database{name: name, ln: listen(t), conns: map[net.Conn]bool{}, stalled: map[bolt.Tag]chan struct{}{}, reached: make(chan bolt.Tag, 100)}
	d.wg.Go(func() {
		for {
			c, err := d.ln.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns[c] = true
			d.mu.Unlock()
			d.wg.Go(func() { d.serve(c) })
		}
	})
	t.Cleanup(func() {
		d.ln.Close()
		d.crash()
		d.wg.Wait()
		for _, a := range d.aliens {
			t.Errorf("%s has been told %q, which is no Bolt", d.name, a)
		}
	})
	return d
}

func (d *database) addr() string { return d.ln.Addr().String() }

// crash ends every connection.
func (d *database) crash() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.conns {
		c.Close()
	}
	for tag, s := range d.stalled {
		close(s)
		delete(d.stalled, tag)
	}
}

// stall keeps the answers to a kind of request back until the function it returns is
// called.
func (d *database) stall(tag bolt.Tag) (free func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := make(chan struct{})
	d.stalled[tag] = s
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.stalled[tag] == s {
			close(s)
			delete(d.stalled, tag)
		}
	}
}

func (d *database) committed() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.kept)
}

func (d *database) serve(c net.Conn) {
	defer func() {
		c.Close()
		d.mu.Lock()
		delete(d.conns, c)
		d.mu.Unlock()
	}()
	hello := make([]byte, bolt.HelloSize)
	if _, err := io.ReadFull(c, hello); err != nil {
		return
	}
	if _, err := c.Write([]byte{0, 0, 2, 5}); err != nil {
		return
	}
	s := &served{db: d, conn: c}
	var in bolt.Scanner
	buf, all := make([]byte, 4096), []byte(nil)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		all = append(all, buf[:n]...)
		for b := buf[:n]; len(b) > 0; {
			k, e := in.Next(b)
			b = b[k:]
			switch e {
			case bolt.Alien:
				d.mu.Lock()
				d.aliens = append(d.aliens, string(all))
				d.mu.Unlock()
				return
			case bolt.Start:
				in.Keep(1 << 20)
			case bolt.End:
				body, _ := in.Kept()
				v, _ := bolt.Unpack(body)
				if !s.answer(in.Tag(), v.(bolt.Structure).Fields) {
					return
				}
				if d.resets && in.Tag() == bolt.Pull {
					_ = c.(*net.TCPConn).SetLinger(0)
					return
				}
			}
		}
	}
}

// served is one connection at a database.
type served struct {
	db     *database
	conn   net.Conn
	tx     bool
	open   []string
	failed bool
}

func (s *served) answer(tag bolt.Tag, fields []any) bool {
	s.db.mu.Lock()
	stalled := s.db.stalled[tag]
	s.db.mu.Unlock()
	if stalled != nil {
		s.db.reached <- tag
		<-stalled
	}
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	reply := bolt.AppendMessage(nil, bolt.Success, map[string]any{})
	switch {
	case tag == bolt.Goodbye:
		return false
	case tag == bolt.Reset:
		s.failed, s.tx, s.open = false, false, nil
	case s.failed:
		reply = bolt.AppendMessage(nil, bolt.Ignored)
	case tag == bolt.Hello:
		s.db.logins++
		reply = bolt.AppendMessage(nil, bolt.Success, map[string]any{"server": "Neo4j/v5.11.0 compatible graph database server - Memgraph", "connection_id": "bolt-1"})
	case tag == bolt.Logon:
		s.db.logons++
	case tag == bolt.Route:
		s.db.routes++
		s.failed = true
		reply = failure("Memgraph.ClientError.MemgraphError.MemgraphError", "no ROUTE here")
	case tag == bolt.Begin:
		s.tx = true
	case tag == bolt.Run:
		s.open = append(s.open, fields[0].(string))
		reply = bolt.AppendMessage(nil, bolt.Success, map[string]any{"fields": []any{"name"}})
	case tag == bolt.Pull:
		reply = bolt.AppendMessage(nil, bolt.Record, []any{s.db.name})
		reply = bolt.AppendMessage(reply, bolt.Success, map[string]any{"type": "rw"})
		if !s.tx {
			s.commit()
		}
	case tag == bolt.Commit:
		s.commit()
	case tag == bolt.Rollback:
		s.tx, s.open = false, nil
	}
	_, err := s.conn.Write(reply)
	return err == nil
}

// commit keeps what was run. db.mu is held.
func (s *served) commit() {
	s.db.kept = append(s.db.kept, s.open...)
	s.tx, s.open = false, nil
}

// driver is the official one, with one connection to the gateway's door.
func driver(t testing.TB, g *Gateway, scheme string) neo4j.DriverWithContext {
	t.Helper()
	d, err := neo4j.NewDriverWithContext(scheme+"://"+g.opt.ReadWrite.Addr().String(), neo4j.BasicAuth("u", "p", ""), func(c *config.Config) {
		c.MaxConnectionPoolSize = 4
		c.MaxTransactionRetryTime = 15 * time.Second
		c.TelemetryDisabled = true
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// ask runs a query outside of a transaction and returns who answered.
func ask(ctx context.Context, d neo4j.DriverWithContext, query string) (string, error) {
	s := d.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	r, err := s.Run(ctx, query, nil)
	if err != nil {
		return "", err
	}
	return single(ctx, r)
}

func single(ctx context.Context, r neo4j.ResultWithContext) (string, error) {
	rec, err := r.Single(ctx)
	if err != nil {
		return "", err
	}
	return rec.Values[0].(string), nil
}

// runs is the work of a managed transaction: one query, and who answered it.
func runs(ctx context.Context, query string) neo4j.ManagedTransactionWork {
	return func(tx neo4j.ManagedTransaction) (any, error) {
		r, err := tx.Run(ctx, query, nil)
		if err != nil {
			return nil, err
		}
		return single(ctx, r)
	}
}

func asks(t *testing.T, d neo4j.DriverWithContext, query, want string) {
	t.Helper()
	if got, err := ask(t.Context(), d, query); err != nil || got != want {
		t.Fatalf("%s: %q, %v; want the answer of %s", query, got, err, want)
	}
}

func TestIdleSessionMovesUnnoticed(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	asks(t, d, "one", "a")
	for epoch := uint64(2); epoch < 8; epoch += 2 {
		g.Follow(Route{Epoch: epoch, Main: b.addr(), State: Open})
		asks(t, d, "two", "b")
		g.Follow(Route{Epoch: epoch + 1, Main: a.addr(), State: Open})
		asks(t, d, "three", "a")
	}
	if st := g.Stats(); st.MovedTotal != 6 || st.ClientsTotal != 1 {
		t.Errorf("stats %+v; want one client, moved 6 times", st)
	}
	if a.logins != 4 || b.logins != 3 {
		t.Errorf("logins %d and %d; want 4 and 3", a.logins, b.logins)
	}
}

// What is held while MAIN steps down goes to the next one; what was begun ends.
func TestDrainingLetsTransactionsEndAndHoldsWhatIsNew(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{MaxPause: time.Hour})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	ctx := t.Context()
	s := d.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	tx, err := s.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	asks(t, d, "before", "a")
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Draining})
	r, err := tx.Run(ctx, "inside", nil)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := single(ctx, r); name != "a" || err != nil {
		t.Fatal(name, err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatalf("COMMIT while MAIN drains: %v", err)
	}
	answered := make(chan string, 1)
	go func() {
		name, err := ask(ctx, d, "held")
		if err != nil {
			name = err.Error()
		}
		answered <- name
	}()
	select {
	case name := <-answered:
		t.Fatalf("answered by %s while MAIN drains; want it held", name)
	case <-time.After(50 * time.Millisecond):
	}
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	if name := <-answered; name != "b" {
		t.Fatalf("held, then answered by %s; want b", name)
	}
	if got := a.committed(); !slices.Equal(got, []string{"before", "inside"}) {
		t.Errorf("a has committed %q", got)
	}
}

// A transaction whose COMMIT was not sent is repeated by the driver.
func TestOpenTransactionFailsRetriably(t *testing.T) {
	for _, crash := range []bool{false, true} {
		a, b := newDatabase(t, "a"), newDatabase(t, "b")
		g := start(t, Options{})
		g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
		d := driver(t, g, "bolt")
		ctx := t.Context()
		s := d.NewSession(ctx, neo4j.SessionConfig{})
		tries := 0
		name, err := s.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
			tries++
			if _, err := tx.Run(ctx, "first", nil); err != nil {
				return nil, err
			}
			if tries == 1 {
				if crash {
					a.crash()
				}
				g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
			}
			return runs(ctx, "second")(tx)
		})
		if err != nil || name != "b" || tries != 2 {
			t.Fatalf("crash %v: %v, %v after %d tries; want b, after 2", crash, name, err, tries)
		}
		if got := b.committed(); !slices.Equal(got, []string{"first", "second"}) || len(a.committed()) != 0 {
			t.Errorf("committed: a %q, b %q", a.committed(), got)
		}
		_ = s.Close(ctx)
		asks(t, d, "after", "b")
	}
}

// The outcome of a COMMIT that was sent is unknown: no driver may repeat it.
func TestCommitInFlightIsNotRepeated(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	ctx := t.Context()
	free := a.stall(bolt.Commit)
	defer free()
	go func() {
		<-a.reached
		g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	}()
	s := d.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	tries := 0
	_, err := s.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
		tries++
		return tx.Run(ctx, "w", nil)
	})
	var told *neo4j.Neo4jError
	if tries != 1 || !errors.As(err, &told) || told.Code != codeUnknown || neo4j.IsRetryable(err) {
		t.Fatalf("%v after %d tries; want %s, once", err, tries, codeUnknown)
	}
	asks(t, d, "after", "b")
}

// A replica commits nothing: a COMMIT that it has not answered may be repeated.
func TestCommitAtAReplicaIsRepeated(t *testing.T) {
	a, b, c := newDatabase(t, "a"), newDatabase(t, "b"), newDatabase(t, "c")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open, Readers: []string{b.addr()}})
	d := driver(t, g, "neo4j")
	ctx := t.Context()
	defer b.stall(bolt.Commit)()
	go func() {
		<-b.reached
		g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open, Readers: []string{c.addr()}})
	}()
	s := d.NewSession(ctx, neo4j.SessionConfig{})
	defer s.Close(ctx)
	name, err := s.ExecuteRead(ctx, runs(ctx, "r"))
	if name != "c" || err != nil {
		t.Fatalf("%v, %v; want c", name, err)
	}
}

// A statement without a transaction that was sent is unknown too: its connection ends.
func TestStatementInFlightEndsItsConnection(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	free := a.stall(bolt.Pull)
	defer free()
	go func() {
		<-a.reached
		g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	}()
	_, err := ask(t.Context(), d, "w")
	if !neo4j.IsConnectivityError(err) {
		t.Fatalf("%v; want an error of the connection", err)
	}
	asks(t, d, "after", "b")
}

func TestSessionThatWasChangedDoesNotMove(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	d := driver(t, g, "bolt")
	asks(t, d, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "a")
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	eventually(t, "the connection has ended", func() bool { return g.Stats().Clients == 0 })
	if st := g.Stats(); st.MovedTotal != 0 {
		t.Errorf("moved %d; want none", st.MovedTotal)
	}
}

// A client that waits in vain is told so, in words that a driver tries again after.
func TestHeldInVainIsRetriable(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{HoldTimeout: 50 * time.Millisecond})
	d := driver(t, g, "bolt")
	_, err := ask(t.Context(), d, "w")
	if !neo4j.IsRetryable(err) || !strings.Contains(err.Error(), codeHeld) {
		t.Fatalf("%v; want %s, which may be tried again", err, codeHeld)
	}
	time.AfterFunc(300*time.Millisecond, func() { g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open}) })
	s := d.NewSession(t.Context(), neo4j.SessionConfig{})
	defer s.Close(t.Context())
	name, err := s.ExecuteWrite(t.Context(), runs(t.Context(), "w"))
	if name != "a" || err != nil {
		t.Fatal(name, err)
	}
}

// A server that accepts connections and lets nobody stay uses up the client's patience,
// not more.
func TestServerThatAgreesWithNobodyIsTriedForAWhile(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	g := start(t, Options{HoldTimeout: 300 * time.Millisecond})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
	began := time.Now()
	_, err := ask(t.Context(), driver(t, g, "bolt"), "w")
	if took := time.Since(began); !neo4j.IsRetryable(err) || !strings.Contains(err.Error(), codeHeld) || took > 10*time.Second {
		t.Fatalf("%v after %s; want %s, which may be tried again", err, took, codeHeld)
	}
}

func TestRoutingDriverFindsBothDoors(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open, Readers: []string{b.addr()}})
	d := driver(t, g, "neo4j")
	ctx := t.Context()
	for range 3 {
		s := d.NewSession(ctx, neo4j.SessionConfig{})
		work := runs(ctx, "q")
		if name, err := s.ExecuteWrite(ctx, work); name != "a" || err != nil {
			t.Fatalf("write: %v, %v; want a", name, err)
		}
		if name, err := s.ExecuteRead(ctx, work); name != "b" || err != nil {
			t.Fatalf("read: %v, %v; want b", name, err)
		}
		_ = s.Close(ctx)
	}
	if a.routes != 0 || b.routes != 0 {
		t.Error("ROUTE was passed on")
	}
}
