package replication

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"memgraph-controller/internal/standin/codec"
	"memgraph-controller/internal/standin/storage"
)

// A frame is magic (4 bytes), length of the rest (4 bytes), kind (1 byte), payload. Every request
// is answered by one reply; nothing else is ever sent.
var magic = [4]byte{'M', 'G', 'S', '1'}

const (
	headSize   = 9
	maxPayload = 1 << 30
)

type kind byte

// Kinds of requests, and the reply to all of them.
const (
	kindPing kind = iota + 1
	kindSwapMain
	kindSystem
	kindHeartbeat
	kindPrepare
	kindFinalize
	kindLog
	kindSnapshot
	kindReply
)

// request is any request; which fields count depends on its kind.
type request struct {
	kind    kind
	main    string // uuid of the MAIN's reign; all but ping
	storage string // uuid of its database; all but ping and swap

	delivery storage.Delivery // prepare
	ts       uint64           // finalize
	commit   bool             // finalize
	records  []storage.Record // log
	chunk    []byte           // snapshot
	last     bool             // snapshot: that was all of it
}

// reply is the answer of a replica.
type reply struct {
	ok    bool
	ldt   uint64
	epoch string // heartbeat: the last epoch with a commit
	main  string // ping: whom the replica obeys
}

func writeFrame(w io.Writer, k kind, payload []byte) error {
	frame := make([]byte, headSize, headSize+len(payload))
	copy(frame, magic[:])
	binary.BigEndian.PutUint32(frame[4:], uint32(len(payload)))
	frame[8] = byte(k)
	_, err := w.Write(append(frame, payload...))
	return err
}

func readFrame(r *bufio.Reader) (kind, []byte, error) {
	var head [headSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	if [4]byte(head[:4]) != magic {
		return 0, nil, errors.New("the peer does not speak this protocol")
	}
	size := int64(binary.BigEndian.Uint32(head[4:]))
	if size > maxPayload {
		return 0, nil, fmt.Errorf("frame of %d bytes is too long", size)
	}
	if size <= 1<<16 {
		payload := make([]byte, size)
		_, err := io.ReadFull(r, payload)
		return kind(head[8]), payload, err
	}
	// A large frame costs memory only as it arrives.
	payload, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(payload)) < size {
		err = io.ErrUnexpectedEOF
	}
	return kind(head[8]), payload, err
}

func (q request) encode() ([]byte, error) {
	w := codec.NewWriter(make([]byte, 0, 128+len(q.delivery.Body)))
	w.String(q.main)
	w.String(q.storage)
	switch q.kind {
	case kindPrepare:
		writeRecord(w, q.delivery.Record)
		w.Uint(q.delivery.Prev)
		w.Bool(q.delivery.TwoPhase)
	case kindFinalize:
		w.Uint(q.ts)
		w.Bool(q.commit)
	case kindLog:
		w.Uint(uint64(len(q.records)))
		for _, rec := range q.records {
			writeRecord(w, rec)
		}
	case kindSnapshot:
		w.Bytes(q.chunk)
		w.Bool(q.last)
	}
	return w.Result()
}

func decodeRequest(k kind, payload []byte) (request, error) {
	r := codec.NewReader(payload)
	q := request{kind: k, main: r.String(), storage: r.String()}
	switch k {
	case kindPing, kindSwapMain, kindSystem, kindHeartbeat:
	case kindPrepare:
		q.delivery = storage.Delivery{Record: readRecord(r), Prev: r.Uint(), TwoPhase: r.Bool()}
	case kindFinalize:
		q.ts, q.commit = r.Uint(), r.Bool()
	case kindLog:
		for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
			q.records = append(q.records, readRecord(r))
		}
	case kindSnapshot:
		q.chunk, q.last = r.Bytes(), r.Bool()
	default:
		return q, fmt.Errorf("unknown request %d", k)
	}
	if err := r.Done(); err != nil {
		return q, fmt.Errorf("decode request %d: %w", k, err)
	}
	return q, nil
}

func writeRecord(w *codec.Writer, rec storage.Record) {
	w.Uint(rec.TS)
	w.String(rec.Epoch)
	w.Bytes(rec.Body)
}

func readRecord(r *codec.Reader) storage.Record {
	return storage.Record{TS: r.Uint(), Epoch: r.String(), Body: r.Bytes()}
}

func (p reply) encode() ([]byte, error) {
	w := codec.NewWriter(make([]byte, 0, 96))
	w.Bool(p.ok)
	w.Uint(p.ldt)
	w.String(p.epoch)
	w.String(p.main)
	return w.Result()
}

func decodeReply(k kind, payload []byte) (reply, error) {
	if k != kindReply {
		return reply{}, fmt.Errorf("answer of kind %d", k)
	}
	r := codec.NewReader(payload)
	p := reply{ok: r.Bool(), ldt: r.Uint(), epoch: r.String(), main: r.String()}
	if err := r.Done(); err != nil {
		return reply{}, fmt.Errorf("decode reply: %w", err)
	}
	return p, nil
}
