package bolt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a Handler whose sessions answer a few fixed texts and note what
// they were asked.
type script struct {
	mu    sync.Mutex
	notes []string
}

func (s *script) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *script) noted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.notes, "; ")
}

func (s *script) Open(_ context.Context, hello Hello) (Session, error) {
	if hello.Principal == "banned" {
		return nil, ClientError("go away")
	}
	s.note("open %s %s", hello.Version, hello.Principal)
	return &scriptSession{script: s}, nil
}

type scriptSession struct{ script *script }

func (s *scriptSession) Begin(context.Context, map[string]any) error {
	s.script.note("begin")
	return nil
}

func (s *scriptSession) Commit(context.Context) error {
	s.script.note("commit")
	return nil
}
func (s *scriptSession) Rollback(context.Context) error { s.script.note("rollback"); return nil }
func (s *scriptSession) Reset(context.Context)          { s.script.note("reset") }
func (s *scriptSession) Close()                         { s.script.note("close") }

func (s *scriptSession) Run(ctx context.Context, query string, params, _ map[string]any) (Result, error) {
	switch query {
	case "refuse":
		return nil, ClientError("refused at run")
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "echo":
		return &scriptResult{script: s.script, rows: 1, row: func(int) []any { return []any{params["x"]} }}, nil
	case "node":
		n := Node{ID: 7, Labels: []string{"L"}, Props: map[string]any{"p": int64(1)}}
		return &scriptResult{script: s.script, rows: 1, row: func(int) []any { return []any{n} }}, nil
	case "odd":
		return &scriptResult{script: s.script, rows: 1, row: func(int) []any { return []any{struct{}{}} }}, nil
	}
	rows, failAt := 0, -1
	_, _ = fmt.Sscanf(query, "rows %d fail %d", &rows, &failAt)
	return &scriptResult{script: s.script, rows: rows, failAt: failAt, failing: failAt >= 0, row: func(i int) []any { return []any{int64(i)} }}, nil
}

type scriptResult struct {
	script  *script
	rows, i int
	failing bool
	failAt  int
	row     func(i int) []any
	closed  bool
}

func (r *scriptResult) Fields() []string { return []string{"x"} }
func (r *scriptResult) Next(context.Context) ([]any, bool, error) {
	if r.failing && r.i == r.failAt {
		return nil, false, TransientError("failed at pull")
	}
	if r.i == r.rows {
		r.script.note("end")
		return nil, false, nil
	}
	r.i++
	return r.row(r.i), true, nil
}
func (r *scriptResult) Summary() map[string]any { return map[string]any{"type": "r"} }
func (r *scriptResult) Close() {
	if !r.closed {
		r.closed = true
		r.script.note("closed after %d", r.i)
	}
}

// start serves s on a loopback port until the test ends.
func start(t *testing.T, s *Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String()
}

// client speaks raw Bolt.
type client struct {
	t *testing.T
	*transport
	major byte
}

// dial connects, offering the four proposals, and returns the answer.
func dial(t *testing.T, addr string, proposals ...[4]byte) (*client, [4]byte, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	opening := []byte{0x60, 0x60, 0xB0, 0x17}
	for i := range 4 {
		var p [4]byte
		if i < len(proposals) {
			p = proposals[i]
		}
		opening = append(opening, p[:]...)
	}
	c := &client{t: t, transport: newTransport(conn)}
	if _, err := conn.Write(opening); err != nil {
		t.Fatal(err)
	}
	var answer [4]byte
	_, err = io.ReadFull(c.r, answer[:])
	c.major = answer[3]
	return c, answer, err
}

// connect returns an authenticated client of the given version.
func connect(t *testing.T, addr string, v Version) *client {
	t.Helper()
	c, _, err := dial(t, addr, [4]byte{0, 0, v.Minor, v.Major})
	if err != nil {
		t.Fatalf("handshake for %s: %v", v, err)
	}
	c.send(msgHello, map[string]any{"user_agent": "test/1", "scheme": "none"})
	c.expect(`SUCCESS connection_id=bolt-1 server=` + DefaultServerName)
	if v.Major >= 5 {
		c.send(msgLogon, map[string]any{"scheme": "none"})
		c.expect(`SUCCESS connection_id=bolt-1 server=` + DefaultServerName)
	}
	return c
}

func (c *client) send(tag byte, fields ...any) {
	c.t.Helper()
	if err := c.write(tag, c.major, fields...); err != nil {
		c.t.Fatalf("send 0x%02X: %v", tag, err)
	}
	if err := c.w.Flush(); err != nil {
		c.t.Fatalf("send 0x%02X: %v", tag, err)
	}
}

// next returns the next message in words.
func (c *client) next() (string, error) {
	data, err := c.read()
	if err != nil {
		return "", err
	}
	m, err := parseMessage(data)
	if err != nil {
		return "", err
	}
	names := map[byte]string{msgSuccess: "SUCCESS", msgRecord: "RECORD", msgIgnored: "IGNORED", msgFailure: "FAILURE"}
	var b strings.Builder
	b.WriteString(names[m.Tag])
	for _, f := range m.Fields {
		dict, ok := f.(map[string]any)
		if !ok {
			fmt.Fprintf(&b, " %v", f)
			continue
		}
		for _, k := range sortedKeys(dict) {
			fmt.Fprintf(&b, " %s=%v", k, dict[k])
		}
	}
	return b.String(), nil
}

func (c *client) expect(want ...string) {
	c.t.Helper()
	for _, w := range want {
		got, err := c.next()
		if err != nil {
			c.t.Fatalf("wait for %q: %v", w, err)
		}
		if got != w {
			c.t.Fatalf("server said %q; want %q", got, w)
		}
	}
}

// expectEnd wants the connection to be closed without another word.
func (c *client) expectEnd() {
	c.t.Helper()
	got, err := c.next()
	if !errors.Is(err, io.EOF) {
		c.t.Fatalf("server said %q (%v); want it to hang up", got, err)
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	for i := range keys {
		for j := i; j > 0 && keys[j] < keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
	return keys
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for s := bufio.NewScanner(bytes.NewReader(l.b.Bytes())); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

func TestServeEndsEveryConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s := &Server{Handler: &script{}}
	go func() { done <- s.Serve(ctx, l) }()
	idle := connect(t, l.Addr().String(), Version{5, 2})
	busy := connect(t, l.Addr().String(), Version{5, 2})
	busy.send(msgRun, "wait", map[string]any{}, map[string]any{})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("serve after cancel = %v; want nil", err)
	}
	for _, c := range []*client{idle, busy} {
		if got, err := c.next(); err == nil {
			t.Errorf("after serve returned the server said %q; want a closed connection", got)
		}
	}
}

func TestServeSaysWhyAcceptingStopped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = (&Server{Handler: &script{}}).Serve(t.Context(), l)
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve on a closed listener = %v; want net.ErrClosed", err)
	}
}

func TestGarbageIsLoggedOncePerMinute(t *testing.T) {
	var log lines
	addr := start(t, &Server{Handler: &script{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for range 3 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, conn) // until the server hangs up
		conn.Close()
	}
	if got := log.all(); len(got) != 1 || !strings.Contains(got[0], "does not speak bolt") {
		t.Errorf("three peers sent garbage; log = %q, want one line", got)
	}
}
