package bolt

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// The fuzzer follows coverage and is slow for that: some thousand inputs a second. Here
// the same checks run at the speed of the parsers, on mutations of what a client and a
// server really say.
var executions = flag.Int("executions", 60_000, "how many inputs TestMutations gives the parsers in all")

// checks are those of the fuzz tests. piece is a second, small input.
var checks = map[string]func(t testing.TB, b []byte, piece uint8){
	"scanner":      checkPieces,
	"skip":         checkSkip,
	"peek":         func(t testing.TB, b []byte, _ uint8) { checkPeek(t, b) },
	"handshake":    func(t testing.TB, b []byte, _ uint8) { checkHandshake(t, b) },
	"conversation": func(t testing.TB, b []byte, _ uint8) { checkConversation(t, b) },
	"unpack":       func(t testing.TB, b []byte, _ uint8) { checkUnpack(t, b) },
}

// said is what the mutations begin with.
func said() [][]byte {
	deep := any(map[string]any{"x": int64(1)})
	for range 20 {
		deep = []any{deep, "y"}
	}
	values := []any{
		Structure{byte(Success), []any{map[string]any{"fields": []any{"a", "b"}, "has_more": true, "t_first": int64(0)}}},
		Structure{byte(Record), []any{[]any{int64(-129), int64(1 << 40), true, nil, "text", map[string]any{}}}},
		Structure{byte(Failure), []any{map[string]any{"code": "Memgraph.TransientError.MemgraphError.MemgraphError", "message": "m"}}},
		Structure{byte(Record), []any{deep}},
	}
	var list [][]byte
	var stream []byte
	for _, v := range values {
		list = append(list, AppendValue(nil, v))
	}
	stream = AppendMessage(stream, Hello, map[string]any{"user_agent": "x/1", "scheme": "basic", "credentials": "p"})
	stream = AppendMessage(stream, Begin, map[string]any{"mode": "r"})
	stream = AppendMessage(stream, Run, "MATCH (n) RETURN n", map[string]any{}, map[string]any{})
	stream = AppendMessage(stream, Pull, map[string]any{"n": int64(1000)})
	stream = append(stream, 0, 0) // an empty chunk
	stream = AppendMessage(stream, Record, []any{"a"})
	stream = AppendMessage(stream, Record, []any{"b"})
	stream = AppendMessage(stream, Success, map[string]any{"has_more": false})
	stream = AppendMessage(stream, Commit)
	return append(list, stream,
		[]byte{2, 0, 0, 8, 5, 0, 0, 4, 4, 0x81, 0x01, 0x60, 0x60, 0xB0, 0x17, 0, 0, 1, 0xFF},
		[]byte{byte(Hello), byte(Success), byte(Begin), byte(Run), byte(Pull), byte(Success), byte(Record), byte(Success), byte(Commit), byte(Failure), byte(Reset), byte(Success), byte(Route), byte(Ignored), byte(Goodbye)},
	)
}

// TestMutations gives every parser an equal share of the inputs. What makes one fail is
// printed and belongs into its fuzz test.
func TestMutations(t *testing.T) {
	workers := runtime.GOMAXPROCS(0)
	share := max(1, *executions/len(checks)/workers)
	for name, check := range checks {
		for w := range workers {
			t.Run(fmt.Sprint(name, w), func(t *testing.T) {
				t.Parallel()
				mutate(t, check, share)
			})
		}
	}
	t.Cleanup(func() { t.Logf("executions=%d parsers=%d", share*workers*len(checks), len(checks)) })
}

// mutate runs check on n inputs.
func mutate(t *testing.T, check func(testing.TB, []byte, uint8), n int) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	from := said()
	var b []byte
	var piece uint8
	defer func() {
		if r := recover(); r != nil || t.Failed() {
			t.Errorf("seed %d, input []byte(%q), piece %d: %v", seed, b, piece, r)
		}
	}()
	for range n {
		b, piece = mutated(rnd, from, b[:0]), uint8(rnd.Uint32())
		check(t, b, piece)
	}
}

// mutated appends to b one of the texts, changed in one to eight places.
func mutated(rnd *rand.Rand, from [][]byte, b []byte) []byte {
	b = append(b, from[rnd.IntN(len(from))]...)
	for range 1 + rnd.IntN(8) {
		i := rnd.IntN(len(b) + 1)
		j := i + rnd.IntN(len(b)-i+1)
		switch rnd.IntN(8) {
		case 0, 1: // a bit
			if i < len(b) {
				b[i] ^= 1 << rnd.IntN(8)
			}
		case 2: // a byte of those that mean something
			if i < len(b) {
				b[i] = []byte{0, 1, 0x0F, 0x7F, 0x80, 0x8F, 0xB0, 0xB1, 0xC0, 0xC3, 0xCB, 0xD0, 0xD2, 0xD6, 0xDA, 0xFE, 0xFF}[rnd.IntN(17)]
			}
		case 3: // any byte
			b = slices.Insert(b, i, byte(rnd.Uint32()))
		case 4: // a piece less
			b = slices.Delete(b, i, min(j, i+16))
		case 5: // the end
			b = b[:i]
		case 6: // a piece twice
			if len(b) < 4<<10 {
				b = slices.Insert(b, i, bytes.Clone(b[i:min(j, i+64)])...)
			}
		case 7: // a piece of another one
			other := from[rnd.IntN(len(from))]
			if k := rnd.IntN(len(other) + 1); len(b) < 4<<10 {
				b = slices.Insert(b, i, other[k:min(len(other), k+32)]...)
			}
		}
	}
	return b
}
