package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxDepth bounds the nesting of a decoded value, so that a hostile reply
// cannot exhaust the stack.
const maxDepth = 32

// ErrMalformed reports bytes that are no PackStream value.
var ErrMalformed = errors.New("malformed packstream")

// Structure is a PackStream structure: a signature and its fields. A Bolt
// message is one of these; nodes inside records are too.
type Structure struct {
	Signature byte
	Fields    []any
}

// Encode returns the PackStream form of v, which may be nil, bool, int, int64,
// string, []any, map[string]any (written in the order of its keys) or
// Structure. Any other type is an error.
func Encode(v any) ([]byte, error) {
	return appendValue(nil, v)
}

func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 0xC0), nil
	case bool:
		if v {
			return append(b, 0xC3), nil
		}
		return append(b, 0xC2), nil
	case int:
		return appendInt(b, int64(v)), nil
	case int64:
		return appendInt(b, v), nil
	case string:
		return append(appendSize(b, len(v), 0x80, 0xD0), v...), nil
	case []any:
		b = appendSize(b, len(v), 0x90, 0xD4)
		return appendAll(b, v)
	case map[string]any:
		return appendMap(b, v)
	case Structure:
		if len(v.Fields) > 15 {
			return nil, fmt.Errorf("encode structure 0x%02X: %d fields, at most 15", v.Signature, len(v.Fields))
		}
		return appendAll(append(b, 0xB0|byte(len(v.Fields)), v.Signature), v.Fields)
	default:
		return nil, fmt.Errorf("encode %T: no packstream form", v)
	}
}

func appendAll(b []byte, vs []any) ([]byte, error) {
	var err error
	for _, v := range vs {
		if b, err = appendValue(b, v); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendMap(b []byte, m map[string]any) ([]byte, error) {
	b = appendSize(b, len(m), 0xA0, 0xD8)
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var err error
	for _, k := range keys {
		b = append(appendSize(b, len(k), 0x80, 0xD0), k...)
		if b, err = appendValue(b, m[k]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= -16 && i <= 127:
		return append(b, byte(i))
	case i >= math.MinInt8 && i <= math.MaxInt8:
		return append(b, 0xC8, byte(i))
	case i >= math.MinInt16 && i <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xC9), uint16(i))
	case i >= math.MinInt32 && i <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xCA), uint32(i))
	default:
		return binary.BigEndian.AppendUint64(append(b, 0xCB), uint64(i))
	}
}

// appendSize writes a size marker: tiny is the marker of sizes below 16, wide
// the marker of the one-byte form, followed by the two- and four-byte forms.
func appendSize(b []byte, n int, tiny, wide byte) []byte {
	switch {
	case n < 16:
		return append(b, tiny|byte(n))
	case n < 1<<8:
		return append(b, wide, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, wide+1), uint16(n))
	default:
		return binary.BigEndian.AppendUint32(append(b, wide+2), uint32(n))
	}
}

// Decode reads exactly one value from b. Integers come back as int64. It
// returns ErrMalformed, wrapped, for anything else than one whole value.
func Decode(b []byte) (any, error) {
	d := decoder{rest: b}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if len(d.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the value", ErrMalformed, len(d.rest))
	}
	return v, nil
}

type decoder struct{ rest []byte }

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.rest) {
		return nil, fmt.Errorf("%w: %d bytes wanted, %d left", ErrMalformed, n, len(d.rest))
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b, nil
}

func (d *decoder) uint(width int) (uint64, error) {
	b, err := d.take(width)
	if err != nil {
		return 0, err
	}
	var u uint64
	for _, c := range b {
		u = u<<8 | uint64(c)
	}
	return u, nil
}

func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrMalformed, maxDepth)
	}
	m, err := d.take(1)
	if err != nil {
		return nil, err
	}
	marker := m[0]
	switch {
	case marker < 0x80 || marker >= 0xF0:
		return int64(int8(marker)), nil
	case marker < 0x90:
		return d.text(int(marker & 0x0F))
	case marker < 0xA0:
		return d.list(int(marker&0x0F), depth)
	case marker < 0xB0:
		return d.mapping(int(marker&0x0F), depth)
	case marker < 0xC0:
		return d.structure(int(marker&0x0F), depth)
	default:
		return d.wide(marker, depth)
	}
}

func (d *decoder) wide(marker byte, depth int) (any, error) {
	switch marker {
	case 0xC0:
		return nil, nil
	case 0xC2, 0xC3:
		return marker == 0xC3, nil
	case 0xC1:
		u, err := d.uint(8)
		return math.Float64frombits(u), err
	case 0xC8, 0xC9, 0xCA, 0xCB:
		width := 1 << (marker - 0xC8)
		u, err := d.uint(width)
		shift := 64 - 8*width
		return int64(u<<shift) >> shift, err
	}
	for _, f := range []struct {
		first byte
		read  func(n, depth int) (any, error)
	}{
		{0xCC, func(n, _ int) (any, error) { b, err := d.take(n); return slices.Clone(b), err }},
		{0xD0, func(n, _ int) (any, error) { return d.text(n) }},
		{0xD4, d.list},
		{0xD8, d.mapping},
	} {
		if marker >= f.first && marker <= f.first+2 {
			n, err := d.uint(1 << (marker - f.first))
			if err != nil {
				return nil, err
			}
			if n > uint64(len(d.rest)) {
				return nil, fmt.Errorf("%w: size %d, %d bytes left", ErrMalformed, n, len(d.rest))
			}
			return f.read(int(n), depth)
		}
	}
	return nil, fmt.Errorf("%w: unknown marker 0x%02X", ErrMalformed, marker)
}

func (d *decoder) text(n int) (any, error) {
	b, err := d.take(n)
	return string(b), err
}

func (d *decoder) list(n, depth int) (any, error) {
	vs := []any{}
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	return vs, nil
}

func (d *decoder) mapping(n, depth int) (any, error) {
	m := map[string]any{}
	for range n {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("%w: map key is a %T", ErrMalformed, k)
		}
		if m[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (d *decoder) structure(n, depth int) (any, error) {
	sig, err := d.take(1)
	if err != nil {
		return nil, err
	}
	fields, err := d.list(n, depth)
	if err != nil {
		return nil, err
	}
	return Structure{Signature: sig[0], Fields: fields.([]any)}, nil
}
