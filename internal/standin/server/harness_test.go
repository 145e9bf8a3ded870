package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/standin/control"
	"memgraph-controller/internal/standin/replication"
)

func shortTiming() replication.Timing {
	return replication.Timing{
		Check: 50 * time.Millisecond, Connect: 300 * time.Millisecond, Ping: 300 * time.Millisecond,
		Heartbeat: 500 * time.Millisecond, SwapMain: 500 * time.Millisecond, System: 500 * time.Millisecond,
		Prepare: time.Second, Finalize: 500 * time.Millisecond, Log: time.Second, Snapshot: time.Second,
		AsyncLock: 20 * time.Millisecond, SystemQuery: 100 * time.Millisecond, HangGrace: 50 * time.Millisecond,
	}
}

// box is one stand-in on loopback and a driver for it.
type box struct {
	*Instance
	t      testing.TB
	opts   Options
	repl   int
	killed chan struct{}
	driver neo4j.DriverWithContext
}

func newBox(t testing.TB, version string, edit ...func(*Options)) *box {
	t.Helper()
	b := &box{t: t, repl: freePort(t), killed: make(chan struct{}, 100)}
	b.opts = Options{
		BoltAddress: "127.0.0.1", DataDirectory: t.TempDir(), WAL: true, FlushEvery: 100000, Recover: true,
		RestoreRole: true, Version: version, Timing: shortTiming(), ControlPort: -1,
		Kill: func() { b.killed <- struct{}{} }, Log: slog.New(slog.DiscardHandler),
	}
	for _, e := range edit {
		e(&b.opts)
	}
	b.up()
	t.Cleanup(b.down)
	return b
}

func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func (b *box) up() {
	b.t.Helper()
	var err error
	if b.Instance, err = Start(context.WithoutCancel(b.t.Context()), b.opts); err != nil {
		b.t.Fatal(err)
	}
	if b.driver, err = neo4j.NewDriverWithContext("bolt://"+b.BoltAddr(), neo4j.NoAuth()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) down() {
	b.t.Helper()
	if err := errors.Join(b.driver.Close(context.WithoutCancel(b.t.Context())), b.Close()); err != nil {
		b.t.Error(err)
	}
}

func (b *box) restart() { b.t.Helper(); b.down(); b.up() }

func (b *box) control() control.Client { return control.Client{Addr: b.ControlAddr()} }

// outcome is what came of a query.
type outcome struct {
	columns []string
	rows    [][]any
	notes   []string // "code: title"
	atRun   bool     // the error came with RUN
	code    string
	text    string
}

// try runs a query as an auto-commit statement.
func (b *box) try(query string) outcome {
	b.t.Helper()
	ctx := b.t.Context()
	session := b.driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	result, err := session.Run(ctx, query, nil)
	if err != nil {
		return b.failed(err, true)
	}
	return b.collect(result)
}

func (b *box) collect(result neo4j.ResultWithContext) outcome {
	b.t.Helper()
	var out outcome
	out.columns, _ = result.Keys()
	for result.Next(b.t.Context()) {
		out.rows = append(out.rows, result.Record().Values)
	}
	summary, err := result.Consume(b.t.Context())
	if err != nil {
		failed := b.failed(err, false)
		failed.columns = out.columns
		return failed
	}
	for _, n := range summary.Notifications() {
		out.notes = append(out.notes, n.Code()+": "+n.Title())
	}
	return out
}

func (b *box) failed(err error, atRun bool) outcome {
	b.t.Helper()
	var e *neo4j.Neo4jError
	if !errors.As(err, &e) {
		b.t.Fatalf("no failure of the server: %v", err)
	}
	return outcome{atRun: atRun, code: e.Code, text: e.Msg}
}

// must runs a query that must succeed and returns its rows.
func (b *box) must(query string) [][]any {
	b.t.Helper()
	out := b.try(query)
	if out.text != "" {
		b.t.Fatalf("%s: %s", query, out.text)
	}
	return out.rows
}

// fails checks how a query fails.
func (b *box) fails(query, class, where, text string) {
	b.t.Helper()
	out := b.try(query)
	at := "pull"
	if out.atRun {
		at = "run"
	}
	if out.text != text || at != where || !strings.HasPrefix(out.code, "Memgraph."+class+".") {
		b.t.Errorf("%s: %q at %s with %s, want %q at %s with %s", query, out.text, at, out.code, text, where, class)
	}
}

func (b *box) demote() *box {
	b.t.Helper()
	b.must(fmt.Sprintf("SET REPLICATION ROLE TO REPLICA WITH PORT %d", b.repl))
	return b
}

func (b *box) register(name, mode string, r *box) {
	b.t.Helper()
	b.must(registerQuery(name, mode, r))
}

func registerQuery(name, mode string, r *box) string {
	return fmt.Sprintf("REGISTER REPLICA %s %s TO \"127.0.0.1:%d\"", name, mode, r.repl)
}

// status returns the data_info of a replica.
func (b *box) status(name string) map[string]any {
	b.t.Helper()
	for _, row := range b.must("SHOW REPLICAS") {
		if row[0] == name {
			data, _ := row[4].(map[string]any)
			info, _ := data["memgraph"].(map[string]any)
			return info
		}
	}
	b.t.Fatalf("no replica %s", name)
	return nil
}

func (b *box) await(name, status string) {
	b.t.Helper()
	await(b.t, func() string {
		if info := b.status(name); info["status"] != status {
			return fmt.Sprintf("%s: %v, want %s", name, info, status)
		}
		return ""
	})
}

// await waits until the condition gives no reason to wait.
func await(t testing.TB, condition func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
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

// ints returns the first column of a query's rows.
func (b *box) wantRows(query string, want ...any) {
	b.t.Helper()
	var got []any
	for _, row := range b.must(query) {
		got = append(got, row[0])
	}
	if !reflect.DeepEqual(got, want) {
		b.t.Errorf("%s: %v, want %v", query, got, want)
	}
}
