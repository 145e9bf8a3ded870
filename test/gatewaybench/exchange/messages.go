package exchange

import (
	"bytes"
	"fmt"
	"strings"

	"memgraph-controller/internal/bolt"
)

// version is what both sides agree on.
var version = bolt.Version{Major: 5, Minor: 2}

// What is said, as it goes over the wire.
var (
	login = bytes.Join([][]byte{
		bolt.AppendMessage(nil, bolt.Hello, map[string]any{"user_agent": "gateway-bench/1"}),
		bolt.AppendMessage(nil, bolt.Logon, map[string]any{"scheme": "none"}),
	}, nil)
	goodbye = bolt.AppendMessage(nil, bolt.Goodbye)

	// A query whose answer is one small record. Drivers send RUN and PULL at once, too.
	question = append(run("RETURN 1"), pull...)
	pull     = bolt.AppendMessage(nil, bolt.Pull, map[string]any{"n": int64(-1)})

	success = bolt.AppendMessage(nil, bolt.Success, map[string]any{})
	fields  = bolt.AppendMessage(nil, bolt.Success, map[string]any{"fields": []any{"1"}})
	record  = bolt.AppendMessage(nil, bolt.Record, []any{int64(1)})
	summary = bolt.AppendMessage(nil, bolt.Success, map[string]any{"type": "r"})
	answer  = bytes.Join([][]byte{fields, record, summary}, nil)

	welcome = bytes.Join([][]byte{success, success}, nil) // to login
)

func run(query string) []byte {
	return bolt.AppendMessage(nil, bolt.Run, query, map[string]any{}, map[string]any{})
}

// BlockSize is the unit in which large results are made.
const BlockSize = 256 << 10

// Result is a large result.
type Result struct {
	Blocks     int // of BlockSize bytes each
	RecordSize int // bytes of a record as it goes over the wire: a power of two, 64 to 32768
}

// Bytes is how long the records of r are, all together.
func (r Result) Bytes() int64 { return int64(r.Blocks) * BlockSize }

const stream = "STREAM "

func (r Result) query() string { return fmt.Sprintf("%s%d %d", stream, r.Blocks, r.RecordSize) }

// parse reads what query has made; false if it is another query.
func parse(query string) (Result, bool) {
	var r Result
	rest, ok := strings.CutPrefix(query, stream)
	if !ok {
		return r, false
	}
	_, err := fmt.Sscanf(rest, "%d %d", &r.Blocks, &r.RecordSize)
	fits := r.RecordSize >= 64 && r.RecordSize <= 32<<10 && r.RecordSize&(r.RecordSize-1) == 0
	return r, err == nil && r.Blocks > 0 && fits
}

// block returns BlockSize bytes of whole records.
func (r Result) block() []byte {
	one := sized(r.RecordSize)
	return bytes.Repeat(one, BlockSize/len(one))
}

// sized returns a record that is size bytes long: its text fills what the rest leaves.
func sized(size int) []byte {
	around := len(bolt.AppendMessage(nil, bolt.Record, []any{strings.Repeat("x", 16)})) - 16
	return bolt.AppendMessage(nil, bolt.Record, []any{strings.Repeat("x", size-around)})
}
