package bolt

import (
	"io"
	"strings"
	"testing"
)

// What a peer of Bolt 1 sends, byte by byte.
const (
	oneInit    = "\x00\x16\xB2\x01\x86test/1\xA1\x86scheme\x84none\x00\x00"
	oneReset   = "\x00\x02\xB0\x0F\x00\x00"
	oneAck     = "\x00\x02\xB0\x0E\x00\x00"
	onePull    = "\x00\x02\xB0\x3F\x00\x00"
	oneDiscard = "\x00\x02\xB0\x2F\x00\x00"
	oneGoodbye = "\x00\x02\xB0\x02\x00\x00"
)

// And what it hears.
const (
	oneSuccess = "\x00\x03\xB1\x70\xA0\x00\x00"
	oneIgnored = "\x00\x02\xB0\x7E\x00\x00"
	oneFields  = "\x00\x0D\xB1\x70\xA1\x86fields\x91\x81x\x00\x00"
)

// oneRun is RUN(query, {}) of a query of less than 16 bytes.
func oneRun(query string) string {
	size := byte(len(query))
	return "\x00" + string([]byte{size + 4, 0xB2, 0x10, 0x80 | size}) + query + "\xA0\x00\x00"
}

// conversationsOne are what fuzzing starts from, the handshake left out.
func conversationsOne() [][]byte {
	return [][]byte{
		[]byte(oneInit + oneRun("rows 3 fail 2") + onePull + oneRun("echo") + oneAck + oneRun("echo") + onePull),
		[]byte(oneInit + oneRun("echo") + oneDiscard + oneReset + oneGoodbye),
		[]byte(oneInit + oneAck),
		[]byte("\x00\x05\xB2\x01\x80\xA0\xA0\x00\x00" + onePull),
	}
}

// connectOne returns a client that is past the INIT of Bolt 1.
func connectOne(t *testing.T, addr string) *client {
	t.Helper()
	c, answer, err := dial(t, addr, [4]byte{0, 0, 0, 1})
	if err != nil || answer != [4]byte{0, 0, 0, 1} {
		t.Fatalf("handshake offering 1.0 = % X (%v); want 1.0", answer, err)
	}
	c.say(oneInit)
	c.expect("SUCCESS connection_id=bolt-1 server=" + DefaultServerName)
	return c
}

func (c *client) say(raw ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, strings.Join(raw, "")); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) hear(raw ...string) {
	c.t.Helper()
	for _, want := range raw {
		got := make([]byte, len(want))
		if n, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
			c.t.Fatalf("server said % X (%v); want % X", got[:n], err, want)
		}
	}
}

func TestBoltOne(t *testing.T) {
	for _, version := range []string{"3.6.2", "3.12.0"} {
		t.Run(version, func(t *testing.T) {
			h := &script{}
			c := connectOne(t, start(t, &Server{Handler: h, Version: version}))
			c.say(oneRun("rows 2"), onePull)
			c.hear(oneFields, "\x00\x04\xB1\x71\x91\x01\x00\x00", "\x00\x04\xB1\x71\x91\x02\x00\x00")
			c.expect("SUCCESS has_more=false type=r")
			c.say("\x00\x0D\xB2\x10\x84echo\xA1\x81x\xC9\x03\xE8\x00\x00", onePull)
			c.hear(oneFields, "\x00\x06\xB1\x71\x91\xC9\x03\xE8\x00\x00")
			c.expect("SUCCESS has_more=false type=r")
			c.say(oneRun("rows 5"), oneDiscard)
			c.hear(oneFields)
			c.expect("SUCCESS has_more=false type=r")
			c.say(oneRun("rows 9"), oneReset, oneReset)
			c.hear(oneFields, oneSuccess, oneSuccess)
			c.conn.Close()
		})
	}
}

func TestBoltOneNode(t *testing.T) {
	c := connectOne(t, start(t, &Server{Handler: &script{}}))
	c.say(oneRun("node"), onePull)
	// One Node of three fields: id, labels, properties.
	c.hear(oneFields, "\x00\x0D\xB1\x71\x91\xB3\x4E\x07\x91\x81L\xA1\x81p\x01\x00\x00")
	c.expect("SUCCESS has_more=false type=r")
}

func TestBoltOneFailureIsAcknowledged(t *testing.T) {
	const refused = "FAILURE code=Memgraph.ClientError.MemgraphError.MemgraphError message=refused at run"
	for name, leave := range map[string]string{"ACK_FAILURE": oneAck, "RESET": oneReset} {
		t.Run(name, func(t *testing.T) {
			h := &script{}
			c := connectOne(t, start(t, &Server{Handler: h}))
			c.say(oneRun("refuse"), onePull, oneRun("rows 1"), oneGoodbye, leave)
			c.expect(refused)
			c.hear(oneIgnored, oneIgnored, oneIgnored, oneSuccess)
			c.say(oneRun("rows 3 fail 1"), onePull, leave)
			c.hear(oneFields, "\x00\x04\xB1\x71\x91\x01\x00\x00")
			c.expect("FAILURE code=Memgraph.TransientError.MemgraphError.MemgraphError message=failed at pull")
			c.hear(oneSuccess)
			c.say(oneRun("rows 0"), onePull)
			c.hear(oneFields)
			c.expect("SUCCESS has_more=false type=r")
			if got := h.noted(); strings.Contains(got, "reset") != (leave == oneReset) {
				t.Errorf("session saw %q; want a reset with RESET only", got)
			}
		})
	}
}

func TestBoltOneUnexpectedMessages(t *testing.T) {
	const bye = "FAILURE code=Memgraph.ExecutionException message=Something went wrong while executing the query! Check the server logs for more details."
	for name, raw := range map[string]string{
		"ACK_FAILURE without a failure": oneAck,
		"PULL_ALL without a result":     onePull,
		"PULL of Bolt 4":                oneRun("rows 1") + "\x00\x03\xB1\x3F\xA0\x00\x00",
		"DISCARD of Bolt 4":             oneRun("rows 1") + "\x00\x03\xB1\x2F\xA0\x00\x00",
		"RUN of Bolt 4":                 "\x00\x06\xB3\x10\x81x\xA0\xA0\x00\x00",
		"RUN during a result":           oneRun("rows 1") + oneRun("rows 1"),
		"BEGIN":                         "\x00\x03\xB1\x11\xA0\x00\x00",
		"COMMIT":                        "\x00\x02\xB0\x12\x00\x00",
		"ROLLBACK":                      "\x00\x02\xB0\x13\x00\x00",
		"GOODBYE":                       oneGoodbye,
		"INIT again":                    oneInit,
	} {
		t.Run(name, func(t *testing.T) {
			c := connectOne(t, start(t, &Server{Handler: &script{}}))
			c.say(raw)
			if strings.HasPrefix(raw, oneRun("rows 1")) {
				c.hear(oneFields)
			}
			c.expect(bye)
			c.expectEnd()
		})
	}
	for name, raw := range map[string]string{
		"HELLO of Bolt 4":     "\x00\x15\xB1\x01\xA1\x8Auser_agent\x86test/1\x00\x00",
		"auth that is no map": "\x00\x05\xB2\x01\x81x\x01\x00\x00",
		"RUN before INIT":     oneRun("rows 1"),
		"strange scheme":      "\x00\x12\xB2\x01\x81x\xA1\x86scheme\x85magic\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := dial(t, start(t, &Server{Handler: &script{}}), [4]byte{0, 0, 0, 1})
			if err != nil {
				t.Fatal(err)
			}
			c.say(raw)
			c.expect(bye)
			c.expectEnd()
		})
	}
}

func TestBoltOneCredentials(t *testing.T) {
	h := &script{}
	addr := start(t, &Server{Handler: h, Users: map[string]string{"ann": "secret"}})
	for password, want := range map[string]string{
		"secret": "SUCCESS connection_id=bolt-1 server=" + DefaultServerName,
		"wrong":  "FAILURE code=Memgraph.ClientError.Security.Unauthenticated message=Authentication failure",
	} {
		c, _, err := dial(t, addr, [4]byte{0, 0, 0, 1})
		if err != nil {
			t.Fatal(err)
		}
		c.send(msgHello, "test/1", map[string]any{"scheme": "basic", "principal": "ann", "credentials": password})
		c.expect(want)
		if password == "wrong" {
			c.expectEnd()
		}
	}
	if got := h.noted(); !strings.HasPrefix(got, "open 1.0 ann") || strings.Count(got, "open") != 1 {
		t.Errorf("handler saw %q; want ann on Bolt 1.0, once", got)
	}
}
