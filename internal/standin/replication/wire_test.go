package replication

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"reflect"
	"testing"
	"time"

	"memgraph-controller/internal/standin/storage"
)

func samples() []request {
	rec := storage.Record{TS: 7, Epoch: "e", Body: []byte("body")}
	return []request{
		{kind: kindPing},
		{kind: kindSwapMain, main: "m"},
		{kind: kindHeartbeat, main: "m", storage: "s"},
		{kind: kindPrepare, main: "m", delivery: storage.Delivery{Record: rec, Prev: 5, TwoPhase: true}},
		{kind: kindFinalize, ts: 7, commit: true},
		{kind: kindLog, records: []storage.Record{rec, rec}},
		{kind: kindSnapshot, chunk: []byte("chunk"), last: true},
	}
}

func TestRequestsRoundTrip(t *testing.T) {
	for _, q := range samples() {
		payload, err := q.encode()
		if err != nil {
			t.Fatal(err)
		}
		var wire bytes.Buffer
		if err := writeFrame(&wire, q.kind, payload); err != nil {
			t.Fatal(err)
		}
		k, got, err := readFrame(bufio.NewReader(&wire))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeRequest(k, got); err != nil || !reflect.DeepEqual(back, q) {
			t.Errorf("%+v came back as %+v, %v", q, back, err)
		}
	}
}

func TestServerHangsUpOnStrangers(t *testing.T) {
	m := newMember(t).demote()
	conn, err := net.Dial("tcp", (Registration{Host: "127.0.0.1", Port: m.port}).Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, conn); n != 0 || isTimeout(err) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func FuzzRequest(f *testing.F) {
	for _, q := range samples() {
		payload, _ := q.encode()
		f.Add(byte(q.kind), payload)
	}
	f.Fuzz(func(t *testing.T, k byte, payload []byte) {
		q, err := decodeRequest(kind(k), payload)
		if err != nil {
			return
		}
		if _, err := q.encode(); err != nil {
			t.Errorf("cannot encode what was decoded: %v", err)
		}
		_, _ = decodeReply(kindReply, payload)
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("MGS1\x00\x00\x00\x01\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, payload, err := readFrame(bufio.NewReader(bytes.NewReader(b))); err == nil && len(payload) > len(b) {
			t.Errorf("%d bytes out of %d", len(payload), len(b))
		}
	})
}
