package memgraph

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"memgraph-controller/internal/bolt"
	"memgraph-controller/internal/cluster"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const clientError = "Memgraph.ClientError.MemgraphError.MemgraphError"

// reply is how the fake answers one statement.
type reply struct {
	columns []any
	rows    []any // of []any
	notices []any // codes

	code, message string // FAILURE to PULL
	atRun         bool   // FAILURE to RUN instead

	until <-chan struct{} // wait for this first
	mute  bool            // never answer
	hang  bool            // end the connection without an answer
	half  bool            // end it after the columns and half a record
	raw   []byte          // write this instead of an answer
}

func fails(message string) reply { return reply{code: clientError, message: message} }

func table(columns []any, rows ...[]any) reply {
	r := reply{columns: columns}
	for _, row := range rows {
		r.rows = append(r.rows, row)
	}
	return r
}

func roleReply(role string) reply { return table([]any{"replication role"}, []any{role}) }

func versionReply(version string) reply { return table([]any{"version"}, []any{version}) }

func replicasReply(rows ...[]any) reply {
	return table([]any{"name", "socket_address", "sync_mode", "system_info", "data_info"}, rows...)
}

func memgraphInfo(status string, ts, behind any) map[string]any {
	return map[string]any{"memgraph": map[string]any{"ts": ts, "behind": behind, "status": status}}
}

func storageReply(vertices, edges any) reply {
	return table([]any{"storage info", "value"},
		[]any{"name", "memgraph"},
		[]any{"database_uuid", "9281dd9a-3198-448e-8da2-cbc6e4be9aea"},
		[]any{"storage_mode", "IN_MEMORY_TRANSACTIONAL"},
		[]any{"vertex_count", vertices}, []any{"edge_count", edges},
		[]any{"average_degree", 0.5})
}

func configReply(wal string) reply {
	return table([]any{"name", "default_value", "current_value", "description"},
		[]any{"bolt_port", "7687", "7687", ""},
		[]any{"storage_wal_enabled", "false", wal, "Controls whether the storage uses write-ahead-logging."})
}

// fake is a scripted Bolt server. It knows no Cypher: a statement is answered
// by the script of that name, or refused.
type fake struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	script  map[string]reply
	onRun   func(statement string)
	badAuth bool
	asked   []string
	hellos  []map[string]any
	conns   map[net.Conn]bool
	opened  int
	ln      net.Listener
	wg      sync.WaitGroup
	stop    chan struct{}
}

// newFake serves a MAIN of 3.12.0 without replicas.
func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, conns: map[net.Conn]bool{}, stop: make(chan struct{}), script: map[string]reply{
		"SHOW REPLICATION ROLE": roleReply("main"),
		"SHOW REPLICAS":         replicasReply(),
		"SHOW VERSION":          versionReply("3.12.0"),
		"SHOW CONFIG":           configReply("true"),
		storageOfCurrent:        storageReply(int64(3), int64(2)),
		storageOfAll:            table([]any{"storage info", "value"}, []any{"memory_res", "58.04MiB"}),
	}}
	f.listen("127.0.0.1:0")
	t.Cleanup(func() {
		close(f.stop)
		f.kill()
		f.wg.Wait()
	})
	return f
}

func (f *fake) listen(addr string) {
	f.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.ln, f.addr = ln, ln.Addr().String()
	f.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns[conn] = true
			f.opened++
			f.mu.Unlock()
			f.wg.Go(func() { f.serve(conn) })
		}
	})
}

// kill stops listening and ends every connection, as SIGKILL does.
func (f *fake) kill() {
	_ = f.ln.Close()
	f.cut()
}

// cut ends every connection and goes on listening.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.conns {
		_ = conn.Close()
	}
}

func (f *fake) say(statement string, r reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script[statement] = r
}

// sayIt is say from within onRun, which holds the lock.
func (f *fake) sayIt(statement string, r reply) { f.script[statement] = r }

// statements returns what was asked since the last call.
func (f *fake) statements() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := f.asked
	f.asked = nil
	return asked
}

func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.opened
}

func (f *fake) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
	}()
	w := &wire{conn: conn, in: bufio.NewReader(conn)}
	if _, err := io.ReadFull(w.in, make([]byte, 20)); err != nil {
		return
	}
	_, _ = conn.Write([]byte{0, 0, 2, 5})
	var current reply
	failed := false
	for {
		body, err := w.next()
		if err != nil {
			return
		}
		value, err := bolt.Unpack(body)
		m, ok := value.(bolt.Structure)
		if err != nil || !ok {
			f.t.Errorf("fake got %v, %v", value, err)
			return
		}
		if failed && m.Tag != 0x0F {
			_ = w.send(message{bolt.Ignored, nil})
			continue
		}
		switch bolt.Tag(m.Tag) {
		case bolt.Hello:
			f.mu.Lock()
			f.hellos = append(f.hellos, m.Fields[0].(map[string]any))
			f.mu.Unlock()
			ok = success(w, map[string]any{"server": "Neo4j/v5.11.0 compatible graph database server - Memgraph", "connection_id": "bolt-1"})
		case bolt.Logon:
			if f.badAuth {
				failure(w, "Memgraph.ClientError.Security.Unauthenticated", "Authentication failure")
				return
			}
			ok = success(w, map[string]any{})
		case 0x0F: // RESET
			failed = false
			ok = success(w, map[string]any{})
		case bolt.Run:
			current = f.run(m.Fields[0].(string))
			ok, failed = f.answerRun(w, current)
		case bolt.Pull:
			ok, failed = answerPull(w, current)
		default: // GOODBYE
			return
		}
		if !ok {
			return
		}
	}
}

func (f *fake) run(statement string) reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, statement)
	r, ok := f.script[statement]
	if !ok {
		r = fails("Error on line 1 position 1. The underlying parsing error is mismatched input")
		r.atRun = true
	}
	if f.onRun != nil {
		f.onRun(statement)
	}
	return r
}

// answerRun answers RUN; ok is false if the connection ends here.
func (f *fake) answerRun(w *wire, r reply) (ok, failed bool) {
	if r.until != nil {
		select {
		case <-r.until:
		case <-f.stop:
			return false, false
		}
	}
	switch {
	case r.mute:
		<-f.stop
		return false, false
	case r.hang:
		return false, false
	case r.raw != nil:
		_, _ = w.conn.Write(r.raw)
		return true, false
	case r.code != "" && r.atRun:
		return failure(w, r.code, r.message), true
	}
	columns := r.columns
	if columns == nil {
		columns = []any{}
	}
	return success(w, map[string]any{"fields": columns}), false
}

func answerPull(w *wire, r reply) (ok, failed bool) {
	if r.code != "" {
		return failure(w, r.code, r.message), true
	}
	if r.half {
		_, _ = w.conn.Write([]byte{0x00, 0x20, 0xB1, byte(bolt.Record), 0x91})
		return false, false
	}
	for _, row := range r.rows {
		if w.send(message{bolt.Record, []any{row}}) != nil {
			return false, false
		}
	}
	meta := map[string]any{"type": "rw"}
	if r.notices != nil {
		list := []any{}
		for _, code := range r.notices {
			list = append(list, map[string]any{"code": code, "title": "t", "description": "d", "severity": "WARNING"})
		}
		meta["notifications"] = list
	}
	return success(w, meta), false
}

func success(w *wire, meta map[string]any) bool {
	return w.send(message{bolt.Success, []any{meta}}) == nil
}

func failure(w *wire, code, text string) bool {
	return w.send(message{bolt.Failure, []any{map[string]any{"code": code, "message": text}}}) == nil
}

// ears accepts connections at a replication port and does nothing with them.
func ears(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().String()
}

// closedPort returns an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	return ln.Addr().String()
}

// mute accepts connections and never says a word.
func mute(t *testing.T) string { return speaks(t, nil) }

// speaks accepts connections and answers the first bytes with those given.
func speaks(t *testing.T, words []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 20))
				_, _ = conn.Write(words)
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// newNodes returns Nodes whose Bolt addresses are those given.
func newNodes(t *testing.T, o Options, bolt ...string) *Nodes {
	t.Helper()
	topology := cluster.Topology{}
	for i, addr := range bolt {
		topology = append(topology, cluster.Node{
			Name:        []string{"mg-0", "mg-1", "mg-2"}[i],
			Bolt:        addr,
			Replication: ears(t),
		})
	}
	n, err := New(topology, Credentials{}, o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close(t.Context()) })
	return n
}

// soon waits for a condition that another goroutine brings about.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("after 5 s still not: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func wantAsked(t *testing.T, f *fake, want ...string) {
	t.Helper()
	if got := f.statements(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}
