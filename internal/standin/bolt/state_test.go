package bolt

import (
	"strings"
	"testing"
)

var none = map[string]any{}

func TestAutoCommit(t *testing.T) {
	for _, v := range []Version{{4, 0}, {4, 1}, {4, 3}, {4, 4}, {5, 2}} {
		t.Run(v.String(), func(t *testing.T) {
			h := &script{}
			c := connect(t, start(t, &Server{Handler: h}), v)
			c.send(msgRun, "rows 3", none, none)
			c.send(msgPull, map[string]any{"n": int64(2)})
			c.expect("SUCCESS fields=[x]", "RECORD [1]", "RECORD [2]", "SUCCESS has_more=true")
			c.send(msgPull, map[string]any{"n": int64(2), "qid": int64(-1)})
			c.expect("RECORD [3]", "SUCCESS has_more=false type=r")
			c.send(msgRun, "rows 2", none, none)
			c.send(msgPull, map[string]any{"n": int64(2)})
			c.expect("SUCCESS fields=[x]", "RECORD [1]", "RECORD [2]", "SUCCESS has_more=false type=r")
			c.send(msgRun, "rows 5", none, none)
			c.send(msgDiscard, map[string]any{"n": int64(-1)})
			c.expect("SUCCESS fields=[x]", "SUCCESS has_more=false type=r")
			c.send(msgGoodbye)
			c.expectEnd()
		})
	}
}

func TestExplicitTransactionNumbersItsResults(t *testing.T) {
	h := &script{}
	c := connect(t, start(t, &Server{Handler: h}), Version{5, 2})
	c.send(msgBegin, none)
	c.expect("SUCCESS")
	c.send(msgRun, "rows 1", none, none)
	c.send(msgPull, map[string]any{"n": int64(-1), "qid": int64(0)})
	c.expect("SUCCESS fields=[x] qid=0", "RECORD [1]", "SUCCESS has_more=false type=r")
	c.send(msgRun, "rows 1", none, none)
	c.send(msgPull, map[string]any{"n": int64(-1), "qid": int64(0)})
	c.expect("SUCCESS fields=[x] qid=1",
		"FAILURE code=Memgraph.ClientError.MemgraphError.MemgraphError message=Query with specified ID does not exist!")
	c.send(msgReset)
	c.expect("SUCCESS")
	c.send(msgBegin, none)
	c.send(msgRun, "rows 0", none, none)
	c.send(msgPull, none)
	c.send(msgCommit)
	c.expect("SUCCESS", "SUCCESS fields=[x] qid=0", "SUCCESS has_more=false type=r", "SUCCESS")
	c.send(msgRun, "rows 0", none, none)
	c.expect("SUCCESS fields=[x]")
	c.send(msgGoodbye)
	c.expectEnd()
	want := "open 5.2 ; begin; end; closed after 1; closed after 0; reset; begin; end; closed after 0; commit; closed after 0; close"
	if got := h.noted(); got != want {
		t.Errorf("session saw %q; want %q", got, want)
	}
}

func TestFailureIsFollowedByIgnoredUntilReset(t *testing.T) {
	h := &script{}
	c := connect(t, start(t, &Server{Handler: h}), Version{4, 3})
	c.send(msgRun, "refuse", none, none)
	c.send(msgPull, none)
	c.send(msgCommit)
	c.expect("FAILURE code=Memgraph.ClientError.MemgraphError.MemgraphError message=refused at run", "IGNORED", "IGNORED")
	c.send(msgReset)
	c.expect("SUCCESS")
	c.send(msgRun, "rows 3 fail 2", none, none)
	c.send(msgPull, none)
	c.expect("SUCCESS fields=[x]", "RECORD [1]", "RECORD [2]",
		"FAILURE code=Memgraph.TransientError.MemgraphError.MemgraphError message=failed at pull")
	c.send(msgRun, "rows 1", none, none)
	c.expect("IGNORED")
	c.send(msgReset)
	c.send(msgRun, "odd", none, none)
	c.send(msgPull, none)
	c.expect("SUCCESS", "SUCCESS fields=[x]",
		"FAILURE code=Memgraph.DatabaseError.MemgraphError.MemgraphError message=encode a value of type struct {}: no such Bolt type")
}

func TestResetGivesTheOpenResultUp(t *testing.T) {
	h := &script{}
	c := connect(t, start(t, &Server{Handler: h}), Version{5, 2})
	c.send(msgRun, "rows 9", none, none)
	c.send(msgPull, map[string]any{"n": int64(1)})
	c.send(msgReset)
	c.send(msgRun, "rows 1", none, none)
	c.send(msgPull, none)
	c.expect("SUCCESS fields=[x]", "RECORD [1]", "SUCCESS has_more=true", "SUCCESS",
		"SUCCESS fields=[x]", "RECORD [1]", "SUCCESS has_more=false type=r")
	if got := h.noted(); !strings.Contains(got, "closed after 2; reset;") {
		t.Errorf("session saw %q; want the result closed, then the reset", got)
	}
}

func TestUnexpectedMessageEndsTheConnection(t *testing.T) {
	const bye = "FAILURE code=Memgraph.ExecutionException message=Something went wrong while executing the query! Check the server logs for more details."
	tests := map[string]func(c *client){
		"PULL without a result": func(c *client) { c.send(msgPull, none) },
		"unknown message":       func(c *client) { c.send(0x55) },
		"RUN without a map":     func(c *client) { c.send(msgRun, "rows 1", int64(1), none) },
		"RUN without a query":   func(c *client) { c.send(msgRun) },
		"n that is no number": func(c *client) {
			c.send(msgRun, "x", none, none)
			c.expect("SUCCESS fields=[x]")
			c.send(msgPull, map[string]any{"n": "1"})
		},
		"RUN during a result": func(c *client) {
			c.send(msgRun, "rows 1", none, none)
			c.expect("SUCCESS fields=[x]")
			c.send(msgRun, "rows 1", none, none)
		},
		"LOGOFF in Bolt 4": func(c *client) { c.send(msgLogoff) },
		"half a value":     func(c *client) { c.raw(0xB1, msgRun, 0x8F, 'x') },
		"not a structure":  func(c *client) { c.raw(0x01) },
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			h := &script{}
			c := connect(t, start(t, &Server{Handler: h}), Version{4, 4})
			act(c)
			c.expect(bye)
			c.expectEnd()
		})
	}
}

// raw sends one chunk of bytes as a message.
func (c *client) raw(b ...byte) {
	c.t.Helper()
	message := append([]byte{0, byte(len(b))}, b...)
	if _, err := c.conn.Write(append(message, 0, 0)); err != nil {
		c.t.Fatal(err)
	}
}

func TestNoopIsSkippedAndChunksAreJoined(t *testing.T) {
	c := connect(t, start(t, &Server{Handler: &script{}}), Version{5, 2})
	big := strings.Repeat("ä", 100_000) // 200 000 bytes: four chunks each way
	if _, err := c.conn.Write([]byte{0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	c.send(msgRun, "echo", map[string]any{"x": big}, none)
	c.send(msgPull, none)
	c.expect("SUCCESS fields=[x]", "RECORD ["+big+"]", "SUCCESS has_more=false type=r")
	if _, err := c.conn.Write([]byte{0, 1, 0xB0, 0, 1, msgReset, 0, 0}); err != nil { // a chunk per byte
		t.Fatal(err)
	}
	c.expect("SUCCESS")
}

func TestTooLongAMessageEndsTheConnection(t *testing.T) {
	c := connect(t, start(t, &Server{Handler: &script{}}), Version{5, 2})
	chunk := make([]byte, 2+0xFFFF)
	chunk[0], chunk[1] = 0xFF, 0xFF
	go func() { // the server may hang up while this writes
		for range MaxMessage/0xFFFF + 1 {
			if _, err := c.conn.Write(chunk); err != nil {
				return
			}
		}
	}()
	c.expect("FAILURE code=Memgraph.ExecutionException message=message is longer than 67108864 bytes")
}

func TestStructuresAreRefusedAsParameters(t *testing.T) {
	c := connect(t, start(t, &Server{Handler: &script{}}), Version{5, 2})
	c.send(msgRun, "echo", map[string]any{"x": []any{Structure{Tag: 0x44, Fields: []any{int64(1)}}}}, none)
	c.expect("FAILURE code=Memgraph.ClientError.MemgraphError.MemgraphError message=Parameters of structure type 0x44 are not supported.")
	c.send(msgReset)
	c.expect("SUCCESS")
}

func TestNodeHasTheShapeOfItsVersion(t *testing.T) {
	addr := start(t, &Server{Handler: &script{}})
	for v, want := range map[Version]string{
		{4, 3}: "RECORD [{78 [7 [L] map[p:1]]}]",
		{5, 2}: "RECORD [{78 [7 [L] map[p:1] 7]}]",
	} {
		c := connect(t, addr, v)
		c.send(msgRun, "node", none, none)
		c.send(msgPull, none)
		c.expect("SUCCESS fields=[x]", want, "SUCCESS has_more=false type=r")
	}
}

func TestRoute(t *testing.T) {
	const enterprise = "FAILURE code=Memgraph.TransientError.MemgraphError.MemgraphError message=You cannot fetch routing table from an instance which is not part of a cluster."
	const community = "FAILURE code=66 message=Route message is not supported in Memgraph!"
	for want, s := range map[string]*Server{
		enterprise: {Handler: &script{}},
		community:  {Handler: &script{}, Community: true},
	} {
		c := connect(t, start(t, s), Version{5, 2})
		c.send(msgRoute, none, []any{}, none)
		c.expect(want)
		c.send(msgReset)
		c.expect("SUCCESS")
	}
}

func TestLogoff(t *testing.T) {
	for version, answered := range map[string]bool{"3.6.2": false, "3.12.0": true} {
		t.Run(version, func(t *testing.T) {
			h := &script{}
			c := connect(t, start(t, &Server{Handler: h, Version: version}), Version{5, 2})
			c.send(msgLogoff)
			if answered {
				c.expect("SUCCESS")
			}
			c.send(msgLogon, map[string]any{"scheme": "basic", "principal": "ann", "credentials": "x"})
			c.expect(`SUCCESS connection_id=bolt-1 server=` + DefaultServerName)
			c.send(msgGoodbye)
			c.expectEnd()
			if got, want := h.noted(), "open 5.2 ; close; open 5.2 ann; close"; got != want {
				t.Errorf("handler saw %q; want %q", got, want)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	addr := start(t, &Server{Handler: &script{}, Users: map[string]string{"ann": "secret", "banned": "x"}, ServerName: "mine"})
	const ok, denied = "SUCCESS connection_id=bolt-1 server=mine", "FAILURE code=Memgraph.ClientError.Security.Unauthenticated message=Authentication failure"
	tests := []struct {
		name  string
		hello map[string]any
		want  string
		ends  bool
	}{
		{"right", map[string]any{"user_agent": "x", "scheme": "basic", "principal": "ann", "credentials": "secret"}, ok, false},
		{"wrong password", map[string]any{"user_agent": "x", "scheme": "basic", "principal": "ann", "credentials": "secre"}, denied, true},
		{"unknown user", map[string]any{"user_agent": "x", "scheme": "basic", "principal": "bob", "credentials": ""}, denied, true},
		{"nobody", map[string]any{"user_agent": "x", "scheme": "none"}, denied, true},
		{
			"refused by the handler",
			map[string]any{"user_agent": "x", "scheme": "basic", "principal": "banned", "credentials": "x"},
			"FAILURE code=Memgraph.ClientError.MemgraphError.MemgraphError message=go away", true,
		},
		{
			"no user agent",
			map[string]any{"scheme": "none"},
			"FAILURE code=Memgraph.ExecutionException message=Something went wrong while executing the query! Check the server logs for more details.", true,
		},
		{
			"strange scheme",
			map[string]any{"user_agent": "x", "scheme": "kerberos"},
			"FAILURE code=Memgraph.ExecutionException message=Something went wrong while executing the query! Check the server logs for more details.", true,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, _, err := dial(t, addr, [4]byte{0, 0, 3, 4})
			if err != nil {
				t.Fatal(err)
			}
			c.send(msgHello, test.hello)
			c.expect(test.want)
			if test.ends {
				c.expectEnd()
			}
		})
	}
}
