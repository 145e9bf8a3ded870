//go:build linux

package cases

import (
	"errors"
	"fmt"
	"io"
	"time"

	"memgraph-controller/test/contract/client"
	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
	"memgraph-controller/test/contract/wire"
)

var boltCases = []judge.Case{
	{ID: "26", Title: "Bolt handshake: 4.0, 4.1, 4.3, 5.2, and 4.4 since 3.12; ranges are searched; nothing else", Brief: true, Run: handshakes},
	{ID: "26h", Title: "Bolt handshake: version 1 is still spoken", Run: handshakeOne},
	{ID: "26b", Title: "HELLO and LOGON: the agent string and connection id, and any credentials pass without users", Run: hello},
	{ID: "26c", Title: "after a FAILURE messages are IGNORED until RESET", Run: failureReset},
	{ID: "26d", Title: "ROUTE is refused on an instance that is in no cluster", Run: route},
	{ID: "26e", Title: "LOGOFF is not answered up to 3.9, and with SUCCESS in 3.12", Run: logoff},
	{ID: "26f", Title: "RUN, PULL and DISCARD: fields, has_more, type; an auto-commit statement commits at its last PULL", Run: pullAndDiscard},
	{ID: "26g", Title: "BEGIN, COMMIT and ROLLBACK; RESET rolls back", Run: transactionMessages},
}

// patience bounds the wait for a Bolt answer.
const patience = 5 * time.Second

var newest = wire.Version{Major: 5, Minor: 2}

func handshakes(t *judge.T) {
	n := up(t, "a")[0]
	good := []wire.Version{{Major: 4}, {Major: 4, Minor: 1}, {Major: 4, Minor: 3}, newest}
	bad := []wire.Version{{Major: 3}, {Major: 4, Minor: 2}, {Major: 5, Minor: 9}, {Major: 6}}
	v44 := wire.Version{Major: 4, Minor: 4}
	if t.Version.AtLeast(3, 12) {
		good = append(good, v44)
	} else {
		bad = append(bad, v44)
	}
	for _, offer := range good {
		if got, err := shake(t, n, offer); err != nil || got.String() != offer.String() {
			t.Errorf("handshake offering "+offer.String(), offer.String(), fmt.Sprintf("%v, %v", got, err))
		}
	}
	for _, offer := range bad {
		got, err := shake(t, n, offer)
		if err == nil && got != (wire.Version{}) {
			t.Errorf("handshake offering "+offer.String(), "closed, or no version", got.String())
		}
	}
	ranged := wire.Version{Major: 5, Minor: 4, Back: 4}
	if got, err := shake(t, n, ranged, wire.Version{Major: 4, Minor: 1}); err != nil || got.String() != "5.2" {
		t.Errorf("handshake offering 5.4 back to 5.0, then 4.1", "5.2", fmt.Sprintf("%v, %v", got, err))
	}
	if got, err := shake(t, n, wire.Version{Major: 9}, newest); err != nil || got.String() != "5.2" {
		t.Errorf("handshake offering 9.0, then 5.2", "5.2", fmt.Sprintf("%v, %v", got, err))
	}
}

func handshakeOne(t *judge.T) {
	n := up(t, "a")[0]
	if got, err := shake(t, n, wire.Version{Major: 1}); err != nil || got.String() != "1.0" {
		t.Errorf("handshake offering 1.0", "1.0", fmt.Sprintf("%v, %v", got, err))
	}
}

func shake(t *judge.T, n *server.Node, offers ...wire.Version) (wire.Version, error) {
	c, err := wire.Dial(t.Context(), n.Addr())
	t.Check(err)
	defer c.Close()
	return c.Handshake(patience, offers...)
}

// session is one raw Bolt connection of a case.
type session struct {
	t *judge.T
	c *wire.Conn
}

func open(t *judge.T, n *server.Node) session {
	c, err := wire.Dial(t.Context(), n.Addr())
	t.Check(err)
	t.Cleanup(c.Close)
	_, err = c.Handshake(patience, newest)
	t.Check(err)
	return session{t, c}
}

// greeted opens a session past HELLO and LOGON.
func greeted(t *judge.T, n *server.Node) session {
	s := open(t, n)
	s.want(wire.Success, wire.Hello, map[string]any{"user_agent": "contract/1"})
	s.want(wire.Success, wire.Logon, map[string]any{"scheme": "none"})
	return s
}

func (s session) send(sig byte, fields ...any) {
	s.t.Check(s.c.Send(sig, fields...))
}

// next returns the next message; it must come.
func (s session) next() wire.Structure {
	m, err := s.c.Receive(patience)
	s.t.Check(err)
	return m
}

// meta returns the map a SUCCESS or FAILURE carries.
func meta(m wire.Structure) map[string]any {
	if len(m.Fields) == 1 {
		if kv, ok := m.Fields[0].(map[string]any); ok {
			return kv
		}
	}
	return map[string]any{}
}

func name(sig byte) string {
	switch sig {
	case wire.Success:
		return "SUCCESS"
	case wire.Record:
		return "RECORD"
	case wire.Ignored:
		return "IGNORED"
	case wire.Failure:
		return "FAILURE"
	}
	return fmt.Sprintf("0x%02X", sig)
}

// want sends a message and demands this kind of answer; it returns its map.
func (s session) want(answer, sig byte, fields ...any) map[string]any {
	s.send(sig, fields...)
	return s.expect(answer, fmt.Sprintf("answer to 0x%02X %s", sig, client.Value(fields)))
}

func (s session) expect(answer byte, what string) map[string]any {
	m := s.next()
	s.t.Note("bolt: %s → %s %s", what, name(m.Signature), client.Value(m.Fields))
	if m.Signature != answer {
		s.t.Errorf(what, name(answer), name(m.Signature)+" "+client.Value(m.Fields))
	}
	return meta(m)
}

func (s session) run(answer byte, query string) map[string]any {
	return s.want(answer, wire.Run, query, map[string]any{}, map[string]any{})
}

func all() map[string]any { return map[string]any{"n": -1} }

const agent = "Neo4j/v5.11.0 compatible graph database server - Memgraph"

func (s session) wantAgent(what string, m map[string]any) {
	if m["server"] != agent || m["connection_id"] != "bolt-1" {
		s.t.Errorf(what, fmt.Sprintf("server %q, connection_id \"bolt-1\"", agent), client.Value(m))
	}
}

func hello(t *judge.T) {
	n := up(t, "a")[0]
	for _, auth := range []map[string]any{
		{"scheme": "none"},
		{"scheme": "basic", "principal": "nobody", "credentials": "wrong"},
		{"scheme": "basic", "principal": "", "credentials": ""},
	} {
		s := open(t, n)
		s.wantAgent("HELLO on 5.2", s.want(wire.Success, wire.Hello, map[string]any{"user_agent": "contract/1"}))
		s.wantAgent("LOGON on 5.2", s.want(wire.Success, wire.Logon, auth))
		s.run(wire.Success, "RETURN 1")
	}
	// Up to 4.4 HELLO carries the credentials.
	c, err := wire.Dial(t.Context(), n.Addr())
	t.Check(err)
	t.Cleanup(c.Close)
	_, err = c.Handshake(patience, wire.Version{Major: 4, Minor: 3})
	t.Check(err)
	s := session{t, c}
	s.wantAgent("HELLO on 4.3", s.want(wire.Success, wire.Hello, map[string]any{
		"user_agent": "contract/1", "scheme": "basic", "principal": "x", "credentials": "y",
	}))
	s.run(wire.Success, "RETURN 1")

	got, bolt, err := client.Server(t.Context(), n.Addr())
	t.Check(err)
	if got != agent || bolt != "5.2" {
		t.Errorf("what the driver sees", agent+", Bolt 5.2", got+", Bolt "+bolt)
	}
}

func failureReset(t *judge.T) {
	n := up(t, "a")[0]
	s := greeted(t, n)
	m := s.run(wire.Failure, "THIS IS NO CYPHER")
	if m["code"] != judge.ClientError {
		t.Errorf("code of a parsing error", judge.ClientError, client.Value(m["code"]))
	}
	s.want(wire.Ignored, wire.Pull, all())
	s.run(wire.Ignored, "RETURN 1")
	s.want(wire.Success, wire.Reset)
	s.run(wire.Success, "RETURN 1")
	s.want(wire.Record, wire.Pull, all())
	s.expect(wire.Success, "summary")

	// A replication statement fails on PULL, and the session lives on.
	s.run(wire.Success, "DROP REPLICA nope")
	f := s.want(wire.Failure, wire.Pull, all())
	if want := dropUnknown(t.Version, "nope"); f["message"] != want.Text || f["code"] != want.Code {
		t.Errorf("failure of PULL", want.String(), client.Value(f))
	}
	s.run(wire.Ignored, "RETURN 1")
	s.want(wire.Success, wire.Reset)
	// Pipelined behind a failing RUN, PULL is ignored.
	s.send(wire.Run, "CREATE", map[string]any{}, map[string]any{})
	s.send(wire.Pull, all())
	s.expect(wire.Failure, "pipelined RUN")
	s.expect(wire.Ignored, "pipelined PULL")
	s.want(wire.Success, wire.Reset)
	s.send(wire.Goodbye)
	if _, err := s.c.Receive(patience); !errors.Is(err, io.EOF) {
		t.Errorf("after GOODBYE", "the connection closed", fmt.Sprint(err))
	}
}

func route(t *judge.T) {
	n := up(t, "a")[0]
	text := "You cannot fetch routing table from an instance which is not part of a cluster."
	s := greeted(t, n)
	m := s.want(wire.Failure, wire.Route, map[string]any{}, []any{}, map[string]any{})
	if m["message"] != text || m["code"] != judge.TransientError {
		t.Errorf("ROUTE", fmt.Sprintf("code=%s msg=%q", judge.TransientError, text), client.Value(m))
	}
	s.want(wire.Success, wire.Reset)
	a := client.Verify(t.Context(), "neo4j://"+n.Addr())
	t.Note("neo4j:// VerifyConnectivity → %s", a)
	t.WantRefusal("neo4j:// VerifyConnectivity", a, judge.Refusal{Code: judge.TransientError, Text: text})
}

func logoff(t *judge.T) {
	n := up(t, "a")[0]
	s := greeted(t, n)
	s.send(wire.Logoff)
	if t.Version.AtLeast(3, 12) {
		s.expect(wire.Success, "answer to LOGOFF")
	} else if m, err := s.c.Receive(500 * time.Millisecond); !errors.Is(err, wire.ErrSilent) {
		t.Errorf("answer to LOGOFF", "none", fmt.Sprintf("%s %v", name(m.Signature), err))
	}
	s.want(wire.Success, wire.Logon, map[string]any{"scheme": "none"})
	s.run(wire.Success, "RETURN 1")
}

func pullAndDiscard(t *judge.T) {
	n := up(t, "a")[0]
	s := greeted(t, n)
	m := s.run(wire.Success, "UNWIND range(1,3) AS i RETURN i")
	if got := client.Value(m["fields"]); got != `["i"]` {
		t.Errorf("fields of RUN", `["i"]`, got)
	}
	s.want(wire.Record, wire.Pull, map[string]any{"n": 2})
	s.expect(wire.Record, "second record")
	if m := s.expect(wire.Success, "end of the batch"); m["has_more"] != true {
		t.Errorf("summary of PULL 2 of 3", "has_more true", client.Value(m))
	}
	s.want(wire.Record, wire.Pull, all())
	if m := s.expect(wire.Success, "end of the result"); m["has_more"] == true || m["type"] != "r" {
		t.Errorf("last summary", `type "r", no more`, client.Value(m))
	}

	s.run(wire.Success, "SHOW REPLICATION ROLE")
	s.want(wire.Record, wire.Pull, all())
	if m := s.expect(wire.Success, "summary of SHOW REPLICATION ROLE"); m["type"] != "rw" {
		t.Errorf("type of SHOW REPLICATION ROLE", `"rw"`, client.Value(m["type"]))
	}

	s.run(wire.Success, put(1)) // not pulled yet: not committed
	t.Value(n, "MATCH (n:S) RETURN count(n)", "0")
	s.want(wire.Success, wire.Pull, all())
	t.Value(n, "MATCH (n:S) RETURN count(n)", "1")
	s.run(wire.Success, put(2))
	s.want(wire.Success, wire.Discard, all()) // DISCARD executes too
	holds(t, n, 1, 2)
}

func transactionMessages(t *judge.T) {
	n := up(t, "a")[0]
	s := greeted(t, n)
	begin := func() { s.want(wire.Success, wire.Begin, map[string]any{}) }
	begin()
	m := s.run(wire.Success, put(1))
	if _, ok := m["qid"].(int64); !ok {
		t.Errorf("RUN inside a transaction", "a qid", client.Value(m))
	}
	s.want(wire.Success, wire.Pull, all())
	t.Value(n, "MATCH (n:S) RETURN count(n)", "0")
	if c := s.want(wire.Success, wire.Commit); c["bookmark"] != nil {
		t.Errorf("COMMIT", "no bookmark", client.Value(c))
	}
	holds(t, n, 1)

	begin()
	s.run(wire.Success, put(2))
	s.want(wire.Success, wire.Pull, all())
	s.want(wire.Success, wire.Rollback)
	begin()
	s.run(wire.Success, put(3))
	s.want(wire.Success, wire.Pull, all())
	s.want(wire.Success, wire.Reset)
	holds(t, n, 1)

	begin() // a failure inside ends the transaction
	s.run(wire.Success, put(4))
	s.want(wire.Success, wire.Pull, all())
	s.run(wire.Failure, "THIS IS NO CYPHER")
	s.want(wire.Ignored, wire.Commit)
	s.want(wire.Success, wire.Reset)
	holds(t, n, 1)
}
