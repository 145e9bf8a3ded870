package gateway

import (
	"cmp"
	"errors"
	"net"

	"memgraph-controller/internal/bolt"
)

// maxTables is how many answers to ROUTE may wait for their turn: a client that asks for
// more does not read.
const maxTables = 32

// maxName is how long a name may be that the client says and the answer has again: that of
// a host with its port has 261 bytes at most, that of a database fewer.
const maxName = 261

var errTables = errors.New("too many ROUTE are not answered yet")

// route answers ROUTE, which Memgraph Community does not know: writers and routers are
// at the read/write door, readers at the read-only one, at the host by which the client
// has come. It waits for its turn: requests are answered in the order in which they came.
func (s *session) route() error {
	t := s.talk
	body, whole := t.up.Kept()
	v, err := bolt.Unpack(body)
	m, ok := v.(bolt.Structure)
	answer := failure(codeRouting, "ROUTE: want a map of the routing context first")
	if whole && err == nil && ok && len(m.Fields) > 0 {
		if context, is := m.Fields[0].(map[string]any); is {
			answer = bolt.AppendMessage(nil, bolt.Success, map[string]any{"rt": s.doors(context, databaseOf(m.Fields))})
		}
	}
	before := t.begin
	if err := s.pass(before); err != nil { // what came before is asked before
		return err
	}
	t.drop(t.seen)
	t.begin = 0
	now, err := t.answers(answer)
	if err != nil || len(now) == 0 {
		return err
	}
	return s.hand(now)
}

// answers has answer be given to a ROUTE in its turn, and returns what is to be said at
// once: nothing while the client is still being told something else.
func (t *talk) answers(answer []byte) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.tables) == maxTables {
		return nil, errTables
	}
	t.conv.Ask(bolt.Route)
	t.tables = append(t.tables, answer)
	if t.speaks {
		return nil, nil
	}
	return t.due(), nil
}

// due returns the answers of the gateway itself whose turn it is. t.mu is held.
func (t *talk) due() []byte {
	var out []byte
	for len(t.tables) > 0 {
		if next, ok := t.conv.Next(); !ok || next != bolt.Route {
			break
		}
		answer := t.tables[0]
		t.tables = t.tables[1:]
		tag := bolt.Success
		switch {
		case t.conv.Ignores():
			answer, tag = bolt.AppendMessage(nil, bolt.Ignored), bolt.Ignored
		case answer[3] == byte(bolt.Failure):
			tag = bolt.Failure
		}
		t.conv.Answer(tag, false)
		out = append(out, answer...)
	}
	return out
}

// databaseOf returns the database that a ROUTE names, "" if none: the third field, or,
// from 4.4 on, an entry of it.
func databaseOf(fields []any) string {
	if len(fields) < 3 {
		return ""
	}
	switch f := fields[2].(type) {
	case string:
		return f
	case map[string]any:
		name, _ := f["db"].(string)
		return name
	}
	return ""
}

// doors is the routing table.
func (s *session) doors(context map[string]any, database string) map[string]any {
	came, _ := context["address"].(string)
	if len(came) > maxName {
		came = ""
	}
	if len(database) > maxName {
		database = ""
	}
	writers, readers := s.gate.doorsFor(s.door, came)
	server := func(role, addr string) any {
		return map[string]any{"addresses": []any{addr}, "role": role}
	}
	rt := map[string]any{
		"ttl":     int64(s.gate.opt.RouteTTL.Seconds()),
		"servers": []any{server("WRITE", writers), server("READ", readers), server("ROUTE", writers)},
	}
	if database != "" {
		rt["db"] = database
	}
	return rt
}

// doorsFor returns what leads a client to both doors that has come in at one of them, by
// came, host:port as it has it; empty if it does not say.
func (g *Gateway) doorsFor(door Door, came string) (writers, readers string) {
	write, read := g.opt.ReadWrite, g.opt.ReadOnly
	if write == nil {
		write = read
	}
	if read == nil {
		read = write
	}
	writers, readers = write.Addr().String(), read.Addr().String()
	if host, port, err := net.SplitHostPort(came); err == nil {
		_, writePort, _ := net.SplitHostPort(writers)
		_, readPort, _ := net.SplitHostPort(readers)
		if door == ReadWrite {
			writePort = port
		} else {
			readPort = port
		}
		if read == write {
			readPort = writePort
		}
		writers, readers = net.JoinHostPort(host, writePort), net.JoinHostPort(host, readPort)
	}
	return cmp.Or(g.opt.AdvertisedReadWrite, writers), cmp.Or(g.opt.AdvertisedReadOnly, readers)
}
