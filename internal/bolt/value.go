package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Structure is a PackStream structure: a Bolt message, or a value in one.
type Structure struct {
	Tag    byte
	Fields []any // at most 15
}

// AppendValue packs nil, bool, int64, string, []any, map[string]any and
// Structures of these. Anything else is a mistake of the program and packed as
// nil.
func AppendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 0xC3)
		}
		return append(b, 0xC2)
	case int64:
		if v >= -16 && v <= 127 {
			return append(b, byte(v))
		}
		return binary.BigEndian.AppendUint64(append(b, 0xCB), uint64(v))
	case string:
		return append(appendSize(b, 0x80, 0xD0, len(v)), v...)
	case []any:
		b = appendSize(b, 0x90, 0xD4, len(v))
		for _, item := range v {
			b = AppendValue(b, item)
		}
		return b
	case map[string]any:
		b = appendSize(b, 0xA0, 0xD8, len(v))
		for key, item := range v {
			b = AppendValue(AppendValue(b, key), item)
		}
		return b
	case Structure:
		b = append(b, 0xB0|byte(len(v.Fields)&0x0F), v.Tag)
		for _, field := range v.Fields {
			b = AppendValue(b, field)
		}
		return b
	default:
		return append(b, 0xC0)
	}
}

// appendSize writes the marker of a sized value: tiny has the size in its low
// half, wide is followed by four bytes of it.
func appendSize(b []byte, tiny, wide byte, size int) []byte {
	if size < 16 {
		return append(b, tiny|byte(size))
	}
	return binary.BigEndian.AppendUint32(append(b, wide+2), uint32(size))
}

// maxDepth bounds how deep values nest; what is read here nests three deep.
const maxDepth = 32

// ErrMalformed is wrapped by every error of Unpack.
var ErrMalformed = errors.New("malformed packstream")

// Unpack reads one value that fills b. Integers are int64, floats float64,
// bytes []byte, lists []any, maps map[string]any. What it allocates is bounded
// by the length of b.
func Unpack(b []byte) (any, error) {
	u := unpacker{rest: b}
	v := u.value(0)
	if u.err == nil && len(u.rest) > 0 {
		u.fail("%d bytes too many", len(u.rest))
	}
	return v, u.err
}

type unpacker struct {
	rest []byte
	err  error
}

func (u *unpacker) fail(format string, args ...any) {
	if u.err == nil {
		u.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	u.rest = nil
}

// take returns the next n bytes, nil if there are not as many.
func (u *unpacker) take(n int) []byte {
	if u.err != nil || n < 0 || n > len(u.rest) {
		u.fail("cut short")
		return nil
	}
	b := u.rest[:n:n]
	u.rest = u.rest[n:]
	return b
}

// number reads a big-endian unsigned number of size bytes.
func (u *unpacker) number(size int) uint64 {
	var n uint64
	for _, b := range u.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

// count reads a size whose items take at least one byte each.
func (u *unpacker) count(size int) int {
	n := u.number(size)
	if n > uint64(len(u.rest)) {
		u.fail("cut short")
		return 0
	}
	return int(n)
}

func (u *unpacker) value(depth int) any {
	head := u.take(1)
	if head == nil || depth > maxDepth {
		u.fail("nested too deep")
		return nil
	}
	marker := head[0]
	switch {
	case marker <= 0x7F || marker >= 0xF0:
		return int64(int8(marker))
	case marker <= 0x8F:
		return string(u.take(int(marker & 0x0F)))
	case marker <= 0x9F:
		return u.list(int(marker&0x0F), depth)
	case marker <= 0xAF:
		return u.dictionary(int(marker&0x0F), depth)
	case marker <= 0xBF:
		tag := u.number(1)
		return Structure{Tag: byte(tag), Fields: u.list(int(marker&0x0F), depth)}
	}
	switch marker {
	case 0xC0:
		return nil
	case 0xC1:
		return math.Float64frombits(u.number(8))
	case 0xC2, 0xC3:
		return marker == 0xC3
	case 0xC8:
		return int64(int8(u.number(1)))
	case 0xC9:
		return int64(int16(u.number(2)))
	case 0xCA:
		return int64(int32(u.number(4)))
	case 0xCB:
		return int64(u.number(8))
	case 0xCC, 0xCD, 0xCE:
		return u.take(u.count(1 << (marker - 0xCC)))
	case 0xD0, 0xD1, 0xD2:
		return string(u.take(u.count(1 << (marker - 0xD0))))
	case 0xD4, 0xD5, 0xD6:
		return u.list(u.count(1<<(marker-0xD4)), depth)
	case 0xD8, 0xD9, 0xDA:
		return u.dictionary(u.count(1<<(marker-0xD8)), depth)
	}
	u.fail("marker %#x", marker)
	return nil
}

func (u *unpacker) list(n, depth int) []any {
	items := make([]any, 0, min(n, len(u.rest)))
	for range n {
		if u.err != nil {
			return nil
		}
		items = append(items, u.value(depth+1))
	}
	return items
}

func (u *unpacker) dictionary(n, depth int) map[string]any {
	items := make(map[string]any, min(n, len(u.rest)/2))
	for range n {
		key, ok := u.value(depth + 1).(string)
		if u.err != nil {
			return nil
		}
		if !ok {
			u.fail("key is no string")
			return nil
		}
		items[key] = u.value(depth + 1)
	}
	return items
}
