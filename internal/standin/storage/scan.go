package storage

import (
	"errors"
	"fmt"
	"io"

	"memgraph-controller/internal/standin/codec"
)

// scanned is what a log file holds.
type scanned struct {
	walMeta
	to   uint64 // highest timestamp, of undecided commits too
	last uint64 // highest timestamp of a commit that counts
	good int64  // bytes up to the first damage
	torn bool   // the file ends in damage
}

// scan reads a log file and calls fn for each commit that counts: a prepared one only if the
// decision for it follows. Damage ends the scan and is reported in the result, not as an error.
func scan(r io.Reader, size int64, fn func(Record) error) (scanned, error) {
	var s scanned
	in := readFrames(r, size)
	var pending *Record
	for first := true; ; first = false {
		payload, err := in.next()
		switch {
		case errors.Is(err, io.EOF):
			return s, nil
		case errors.Is(err, errTorn):
			s.torn = true
			return s, nil
		case err != nil:
			return s, err
		}
		if first {
			err = s.header(payload)
		} else {
			pending, err = s.frame(payload, pending, fn)
		}
		if err != nil {
			return s, err
		}
		s.good = in.good
	}
}

func (s *scanned) header(payload []byte) error {
	in := codec.NewReader(payload)
	kind := in.Byte()
	s.walMeta = walMeta{UUID: in.String(), Epoch: in.String(), Seq: in.Uint(), Base: in.Uint()}
	s.to, s.last = s.Base, s.Base
	if err := in.Done(); err != nil || kind != walHeader {
		return fmt.Errorf("log begins with no header (kind %d): %w", kind, errors.Join(errTorn, err))
	}
	return nil
}

// frame interprets one frame; pending is the commit that waits for its decision.
func (s *scanned) frame(payload []byte, pending *Record, fn func(Record) error) (*Record, error) {
	in := codec.NewReader(payload)
	kind, ts := in.Byte(), in.Uint()
	switch kind {
	case walCommitted, walPrepared:
		rec := &Record{TS: ts, Epoch: s.Epoch, Body: in.Bytes()}
		if err := in.Done(); err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		s.to = max(s.to, ts)
		if kind == walPrepared {
			return rec, nil
		}
		s.last = max(s.last, ts)
		return nil, fn(*rec)
	case walCommit, walAbort:
		if err := in.Done(); err != nil {
			return nil, fmt.Errorf("read log: %w", err)
		}
		if kind == walAbort || pending == nil || pending.TS != ts {
			return nil, nil
		}
		s.last = max(s.last, ts)
		return nil, fn(*pending)
	}
	return nil, fmt.Errorf("read log: unknown kind of frame %d", kind)
}
