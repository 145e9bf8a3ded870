package gateway

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/bolt"
)

// raw is a client that says exactly what a test wants.
type raw struct {
	net.Conn
	t    testing.TB
	gate *Gateway
	in   bolt.Scanner
}

func knock(t testing.TB, g *Gateway) *raw {
	t.Helper()
	c, err := net.Dial("tcp", g.opt.ReadWrite.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &raw{Conn: c, t: t, gate: g}
}

// greets agrees on 5.2 and logs in.
func (r *raw) greets() *raw {
	r.t.Helper()
	p := bolt.Only(bolt.Version{Major: 5, Minor: 2})
	r.send(p[:])
	var v [4]byte
	if _, err := io.ReadFull(r, v[:]); err != nil || v != [4]byte{0, 0, 2, 5} {
		r.t.Fatalf("agreed on % x, %v", v, err)
	}
	r.send(message(bolt.Hello, map[string]any{"user_agent": "raw"}), message(bolt.Logon, map[string]any{"scheme": "none"}))
	r.hears(bolt.Success, bolt.Success)
	return r
}

func message(t bolt.Tag, fields ...any) []byte { return bolt.AppendMessage(nil, t, fields...) }

var (
	run     = message(bolt.Run, "q", map[string]any{}, map[string]any{})
	pull    = message(bolt.Pull, map[string]any{"n": int64(-1)})
	whereTo = message(bolt.Route, map[string]any{"address": "graph.example.org:1234"}, []any{}, map[string]any{"db": "memgraph"})
)

func (r *raw) send(parts ...[]byte) {
	r.t.Helper()
	if _, err := r.Write(bytes.Join(parts, nil)); err != nil {
		r.t.Fatal(err)
	}
}

// next reads one message.
func (r *raw) next() (bolt.Tag, bolt.Structure) {
	r.t.Helper()
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(r, one); err != nil {
			r.t.Fatalf("waiting for an answer: %v", err)
		}
		switch _, e := r.in.Next(one); e {
		case bolt.Start:
			r.in.Keep(1 << 20)
		case bolt.End:
			body, _ := r.in.Kept()
			v, err := bolt.Unpack(body)
			if err != nil {
				r.t.Fatal(err)
			}
			return r.in.Tag(), v.(bolt.Structure)
		case bolt.Alien:
			r.t.Fatal("the answer is no Bolt")
		case bolt.More, bolt.Noop:
		}
	}
}

func (r *raw) hears(want ...bolt.Tag) {
	r.t.Helper()
	for i, w := range want {
		if got, s := r.next(); got != w {
			r.t.Fatalf("answer %d is %s %v, want %s", i, got, s.Fields, w)
		}
	}
}

func (r *raw) fails(code string) {
	r.t.Helper()
	tag, s := r.next()
	if m, _ := s.Fields[0].(map[string]any); tag != bolt.Failure || m["code"] != code {
		r.t.Fatalf("%s %v, want a failure with %s", tag, s.Fields, code)
	}
}

// What the gateway answers itself comes in its turn, wherever the pieces are cut.
func TestRouteIsAnsweredInItsTurn(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := knock(t, g).greets()
	all := bytes.Join([][]byte{run, pull, whereTo, run, pull, whereTo}, nil)
	for _, piece := range []int{len(all), 1, 7} {
		for b := all; len(b) > 0; b = b[min(piece, len(b)):] {
			c.send(b[:min(piece, len(b))])
		}
		for range 2 {
			c.hears(bolt.Success, bolt.Record, bolt.Success)
			tag, s := c.next()
			rt := s.Fields[0].(map[string]any)["rt"].(map[string]any)
			servers := rt["servers"].([]any)
			if tag != bolt.Success || rt["ttl"] != int64(5) || rt["db"] != "memgraph" || len(servers) != 3 {
				t.Fatalf("%s %v", tag, s.Fields)
			}
			_, readPort, _ := net.SplitHostPort(g.opt.ReadOnly.Addr().String())
			for role, want := range map[int]string{0: "graph.example.org:1234", 1: "graph.example.org:" + readPort, 2: "graph.example.org:1234"} {
				if got := servers[role].(map[string]any)["addresses"].([]any)[0]; got != want {
					t.Errorf("server %d is %s, want %s", role, got, want)
				}
			}
		}
	}
	c.send(message(bolt.Route, int64(1)))
	c.fails(codeRouting)
	c.send(message(bolt.Reset))
	c.hears(bolt.Success)
	if a.routes != 0 {
		t.Error("ROUTE was passed on")
	}
}

// TestOwnAnswersAreNoTraffic: the counters tell what servers were sent and have said,
// whether a ROUTE is answered at once or waits for its turn.
func TestOwnAnswersAreNoTraffic(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	asked, result := slices.Concat(run, pull), []bolt.Tag{bolt.Success, bolt.Record, bolt.Success}
	carried := func(visit func(c *raw)) (up, down uint64) {
		before := g.Stats()
		c := knock(t, g).greets()
		visit(c)
		c.Close()
		eventually(t, "the client has left", func() bool { return g.Stats().Clients == 0 }) // all of it is counted by then
		after := g.Stats()
		return after.BytesToServer - before.BytesToServer, after.BytesToClient - before.BytesToClient
	}
	up, down := carried(func(c *raw) {
		c.send(asked)
		c.hears(result...)
	})
	for name, visit := range map[string]func(c *raw){
		"at once": func(c *raw) {
			c.send(whereTo)
			c.hears(bolt.Success)
			c.send(asked)
			c.hears(result...)
		},
		"in its turn": func(c *raw) {
			c.send(slices.Concat(asked, whereTo))
			c.hears(append(result, bolt.Success)...)
		},
	} {
		if u, d := carried(visit); u != up || d != down {
			t.Errorf("with a ROUTE that is answered %s %d and %d bytes, want %d and %d as without", name, u, d, up, down)
		}
	}
}

// TestRouteWaitsForWhatIsBeingWritten: an answer is noted before all of it has gone to
// the client, who may be slow. What the gateway answers itself comes after it.
func TestRouteWaitsForWhatIsBeingWritten(t *testing.T) {
	var said talk
	table := message(bolt.Success, map[string]any{"rt": "a table"})
	said.ask(bolt.Run)
	said.down.Next(message(bolt.Success, map[string]any{})) // Start
	if own, _ := said.answered(bolt.Success, time.Now()); len(own) > 0 {
		t.Fatalf("%q is due after the answer", own)
	}
	if now, err := said.answers(table); err != nil || len(now) > 0 {
		t.Errorf("%q is said, %v, while the answer is being written; want nothing", now, err)
	}
	if own := said.spoken(); !bytes.Equal(own, table) {
		t.Errorf("after the answer %q is due, want the table", own)
	}
	if own := said.spoken(); len(own) > 0 {
		t.Errorf("then %q is due, want nothing", own)
	}
	if now, err := said.answers(table); err != nil || !bytes.Equal(now, table) {
		t.Errorf("with nothing under way %q is said, %v; want the table", now, err)
	}
}

// A server that has said FAILURE ignores what follows until it is reset; so does the
// gateway.
func TestRouteAfterAFailureIsIgnored(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := knock(t, g).greets()
	c.send(message(bolt.Route, "no map"))
	c.fails(codeRouting)
	c.send(whereTo, message(bolt.Reset), whereTo)
	c.hears(bolt.Ignored, bolt.Success, bolt.Success)
}

// In limbo the client is answered as a server would, and then moves.
func TestLimboAnswersWhatWasAsked(t *testing.T) {
	begin := message(bolt.Begin, map[string]any{})
	for name, after := range map[string]func(c *raw, a *database){
		"something was asked": func(c *raw, a *database) {
			defer a.stall(bolt.Run)()
			c.send(run, pull, run, pull)
			<-a.reached
			c.gate.Follow(Route{Epoch: 2, Main: "b", State: Closed})
			c.fails(codeMoved)
			c.hears(bolt.Ignored, bolt.Ignored, bolt.Ignored)
			c.send(run, message(bolt.Reset))
			c.hears(bolt.Ignored, bolt.Success)
		},
		"nothing was asked": func(c *raw, _ *database) {
			c.gate.Follow(Route{Epoch: 2, Main: "b", State: Closed})
			c.send(run, pull, message(bolt.Reset))
			c.fails(codeMoved)
			c.hears(bolt.Ignored, bolt.Success)
		},
		"it rolls back": func(c *raw, _ *database) {
			c.gate.Follow(Route{Epoch: 2, Main: "b", State: Closed})
			c.send(message(bolt.Rollback))
			c.hears(bolt.Success)
		},
		"it resets": func(c *raw, _ *database) {
			c.gate.Follow(Route{Epoch: 2, Main: "b", State: Closed})
			c.send(message(bolt.Reset))
			c.hears(bolt.Success)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newDatabase(t, "a"), newDatabase(t, "b")
			g := start(t, Options{})
			g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
			c := knock(t, g).greets()
			c.send(begin)
			c.hears(bolt.Success)
			after(c, a)
			g.Follow(Route{Epoch: 3, Main: b.addr(), State: Open})
			c.send(run, pull)
			c.hears(bolt.Success, bolt.Record, bolt.Success)
			if b.logins != 1 {
				t.Errorf("%d logins at b, want 1", b.logins)
			}
		})
	}
}

// Who has logged off is not logged in at the next server.
func TestLogoffIsNotUndoneByAMove(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := knock(t, g).greets()
	c.send(message(bolt.Logoff))
	c.hears(bolt.Success)
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	c.send(message(bolt.Reset))
	c.hears(bolt.Success)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.logins != 1 || b.logons != 0 {
		t.Errorf("b was told %d HELLO and %d LOGON, want 1 and none", b.logins, b.logons)
	}
}

func TestWhatIsNotUnderstoodIsPassedOn(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
	for name, c := range map[string]struct{ said, answer string }{
		"an old version":        {"\x60\x60\xB0\x17\x00\x00\x00\x01" + strings.Repeat("\x00", 12), "\x00\x00\x00\x01"},
		"nothing in common":     {"\x60\x60\xB0\x17\x00\x00\x00\x09" + strings.Repeat("\x00", 12), "\x00\x00\x00\x00"},
		"another protocol's no": {"\x60\x60\xB0\x17\x00\x00\x02\x05" + strings.Repeat("\x00", 12), "HTTP"},
		"TLS":                   {"\x16\x03\x01\x02\x00\x01\x00", "\x15\x03\x03\x00"},
		"WebSocket":             {"GET / HTTP/1.1\r\n", "HTTP/1.1 101"},
		"less than a handshake": {"\x60\x60\xB1", "what?"},
	} {
		t.Run(name, func(t *testing.T) {
			r := knock(t, g)
			r.send([]byte(c.said))
			srv, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			got := make([]byte, max(4, len(c.said)))[:len(c.said)]
			if _, err := io.ReadFull(srv, got); err != nil || string(got) != c.said {
				t.Fatalf("the server hears %q, %v; want %q", got, err, c.said)
			}
			if _, err := io.WriteString(srv, c.answer); err != nil {
				t.Fatal(err)
			}
			heard := make([]byte, len(c.answer))
			if _, err := io.ReadFull(r, heard); err != nil || string(heard) != c.answer {
				t.Fatalf("the client hears %q, %v; want %q", heard, err, c.answer)
			}
			r.send([]byte("more"))
			if _, err := io.ReadFull(srv, got[:4]); err != nil || string(got[:4]) != "more" {
				t.Fatalf("the server hears %q, %v after that", got[:4], err)
			}
		})
	}
	if st := g.Stats(); st.PlainTotal != 6 {
		t.Errorf("%d sessions carried as plain TCP, want 6", st.PlainTotal)
	}
}

// A negotiation by a list is passed on, and the session moves all the same.
func TestManifestIsPassedOn(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	b := newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
	r := knock(t, g)
	r.send([]byte("\x60\x60\xB0\x17\x00\x00\x01\xFF"), make([]byte, 12))
	srv, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	offer := []byte{0, 0, 1, 0xFF, 2, 0, 2, 2, 5, 0, 0, 4, 4, 0}
	if _, err := io.ReadFull(srv, make([]byte, bolt.HelloSize)); err != nil {
		t.Fatal(err)
	}
	_, _ = srv.Write(offer)
	heard := make([]byte, len(offer))
	if _, err := io.ReadFull(r, heard); err != nil || !bytes.Equal(heard, offer) {
		t.Fatalf("heard % x, %v", heard, err)
	}
	choice := []byte{0, 0, 2, 5, 0}
	r.send(choice)
	got := make([]byte, len(choice))
	if _, err := io.ReadFull(srv, got); err != nil || !bytes.Equal(got, choice) {
		t.Fatalf("the server hears % x, %v", got, err)
	}
	hello := message(bolt.Hello, map[string]any{"user_agent": "raw"})
	r.send(hello)
	if _, err := io.ReadFull(srv, make([]byte, len(hello))); err != nil {
		t.Fatal(err)
	}
	_, _ = srv.Write(message(bolt.Success, map[string]any{}))
	r.hears(bolt.Success)
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	r.send(run, pull)
	r.hears(bolt.Success, bolt.Record, bolt.Success)
}

func TestHostileClients(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{HandshakeTimeout: 200 * time.Millisecond})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	p := bolt.Only(bolt.Version{Major: 5, Minor: 2})
	agreed := func(t *testing.T) *raw {
		r := knock(t, g)
		r.send(p[:])
		if _, err := io.ReadFull(r, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	huge := binary.BigEndian.AppendUint16(nil, 0xFFFF)
	huge = append(huge, 0xB1, byte(bolt.Hello))
	for name, act := range map[string]func(t *testing.T) *raw{
		"says nothing":            func(t *testing.T) *raw { return knock(t, g) },
		"half a handshake":        func(t *testing.T) *raw { r := knock(t, g); r.send(p[:10]); return r },
		"agrees and says nothing": agreed,
		"half a HELLO":            func(t *testing.T) *raw { r := agreed(t); r.send(huge); return r },
		"an endless HELLO": func(t *testing.T) *raw {
			r := agreed(t)
			r.send(huge)
			_, _ = r.Write(bytes.Repeat([]byte("x"), 1<<20)) // it may have been closed meanwhile
			return r
		},
		"no message":  func(t *testing.T) *raw { r := knock(t, g).greets(); r.send([]byte("\x00\x05hello\x00\x00")); return r },
		"a wrong tag": func(t *testing.T) *raw { r := agreed(t); r.send([]byte{0, 1, 0x10, 0, 0}); return r },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := act(t)
			if _, err := io.Copy(io.Discard, r); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Error("it is still connected")
			}
		})
	}
	t.Run("others never notice", func(t *testing.T) {
		t.Parallel()
		for range 50 {
			c := knock(t, g).greets()
			c.send(run, pull)
			c.hears(bolt.Success, bolt.Record, bolt.Success)
			c.Close()
		}
	})
}

// A thousand sessions that are idle take less than 64 MiB.
func TestMemoryOfIdleSessions(t *testing.T) {
	a := newDatabase(t, "a")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	used := func() int64 { // once what earlier tests have left is gone
		for last := int64(-1); ; time.Sleep(50 * time.Millisecond) {
			var m runtime.MemStats
			debug.FreeOSMemory()
			runtime.ReadMemStats(&m)
			now := int64(m.HeapAlloc + m.StackInuse)
			if d := now - last; last >= 0 && -128<<10 < d && d < 128<<10 {
				return now
			}
			last = now
		}
	}
	const sessions = 500
	each := func(query string) int64 {
		before := used()
		for range sessions {
			c := knock(t, g).greets()
			c.send(message(bolt.Run, query, map[string]any{}, map[string]any{}), pull)
			c.hears(bolt.Success, bolt.Record, bolt.Success)
		}
		return (used() - before) / sessions
	}
	small := each("q")
	large := each(strings.Repeat("q", 3<<10)) // more than a small buffer takes
	t.Logf("%d bytes a session, its client and its server included; %d of one that has asked for more", small, large)
	if small > 64<<10 || large > small+16<<10 {
		t.Errorf("%d and %d bytes a session, with its client and server; want at most 64 KiB, and not 16 more", small, large)
	}
}

// TestResetWithTheLastAnswerEndsASession: a client has asked and says no more, and its
// server answers and resets in one moment. Nobody writes there any more, who would notice.
func TestResetWithTheLastAnswerEndsASession(t *testing.T) {
	a := newDatabase(t, "a")
	a.resets = true
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	for range 60 {
		c := knock(t, g).greets()
		c.send(run, pull)
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}
	for end := time.Now().Add(5 * time.Second); g.Stats().Clients > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d clients are there 5 s after all have gone", g.Stats().Clients)
		}
	}
}

// TestManyRoutesTakeNoMemory: a client asks for a large result, reads nothing, and asks
// ROUTE again and again. Its answers cannot be given, and are not kept without an end.
func TestManyRoutesTakeNoMemory(t *testing.T) {
	ln := listen(t)
	defer ln.Close()
	question := bytes.Join([][]byte{run, pull}, nil)
	go answers(ln, question, bytes.Join([][]byte{
		message(bolt.Success, map[string]any{}),
		bytes.Repeat(message(bolt.Record, []any{string(make([]byte, 1<<10))}), 16<<10),
		message(bolt.Success, map[string]any{}),
	}, nil))
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: ln.Addr().String(), State: Open})
	c := knock(t, g).greets()
	c.send(question)
	name := strings.Repeat("h", 7<<10)
	ask := message(bolt.Route, map[string]any{"address": name + ":1"}, []any{}, map[string]any{"db": name})
	used := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := used()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	for range 2000 {
		if _, err := c.Write(ask); err != nil {
			break // the session has ended
		}
	}
	if grown := used() - before; grown > 256<<10 {
		t.Errorf("it takes %d KiB", grown>>10)
	}
}

// TestRouteIsNotAnsweredFromBeforeAMove: what was to be answered is failed in limbo.
func TestRouteIsNotAnsweredFromBeforeAMove(t *testing.T) {
	a, b := newDatabase(t, "a"), newDatabase(t, "b")
	g := start(t, Options{})
	g.Follow(Route{Epoch: 1, Main: a.addr(), State: Open})
	c := knock(t, g).greets()
	c.send(message(bolt.Begin, map[string]any{}))
	c.hears(bolt.Success)
	defer a.stall(bolt.Run)()
	c.send(run, message(bolt.Route, "no map"))
	<-a.reached
	eventually(t, "its turn is waited for", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		for s := range g.main.sessions {
			s.talk.mu.Lock()
			defer s.talk.mu.Unlock()
			return len(s.talk.tables) == 1
		}
		return false
	})
	g.Follow(Route{Epoch: 2, Main: b.addr(), State: Open})
	c.fails(codeMoved)
	c.hears(bolt.Ignored)
	c.send(message(bolt.Reset))
	c.hears(bolt.Success)
	c.send(whereTo)
	c.hears(bolt.Success)
}
