package codec

import (
	"encoding/binary"
	"errors"
	"math"
)

// Reader takes primitives from a byte slice. After the first error every call returns a zero
// value, so that a decoder asks for Err once, at its end.
type Reader struct {
	buf []byte
	err error
}

// NewReader returns a Reader over b. Byte strings and strings it returns are copies.
func NewReader(b []byte) *Reader { return &Reader{buf: b} }

// Err returns the first error, or nil.
func (r *Reader) Err() error { return r.err }

// Rest returns the number of bytes not read yet.
func (r *Reader) Rest() int { return len(r.buf) }

// Done returns the first error, or an error if input is left over.
func (r *Reader) Done() error {
	if r.err == nil && len(r.buf) > 0 {
		r.err = errors.New("codec: input goes on after its end")
	}
	return r.err
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.buf = nil
}

// Byte takes one byte.
func (r *Reader) Byte() byte {
	if len(r.buf) == 0 {
		r.fail(ErrShort)
		return 0
	}
	b := r.buf[0]
	r.buf = r.buf[1:]
	return b
}

// Bool takes a truth value.
func (r *Reader) Bool() bool { return r.Byte() != 0 }

// Uint takes an unsigned number.
func (r *Reader) Uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail(ErrShort)
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

// Int takes a signed number.
func (r *Reader) Int() int64 {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail(ErrShort)
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *Reader) raw() []byte {
	n := r.Uint()
	if n > uint64(len(r.buf)) {
		r.fail(ErrShort)
		return nil
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

// Bytes takes a byte string.
func (r *Reader) Bytes() []byte { return append([]byte{}, r.raw()...) }

// String takes a string.
func (r *Reader) String() string { return string(r.raw()) }

// count takes the length of a list whose elements need at least one byte each.
func (r *Reader) count() int {
	n := r.Uint()
	if n > uint64(len(r.buf)) {
		r.fail(ErrShort)
		return 0
	}
	return int(n)
}

// Strings takes a list of strings; an empty list is nil.
func (r *Reader) Strings() []string {
	n := r.count()
	var list []string
	for range n {
		list = append(list, r.String())
		if r.err != nil {
			return nil
		}
	}
	return list
}

// Value takes a property value.
func (r *Reader) Value() any { return r.value(0) }

// Map takes a property map; it is never nil.
func (r *Reader) Map() map[string]any { return r.mapping(0) }

func (r *Reader) value(depth int) any {
	if depth > maxDepth {
		r.fail(errors.New("codec: value nested too deeply"))
		return nil
	}
	switch tag := r.Byte(); tag {
	case tagNull:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return r.Int()
	case tagFloat:
		return r.float()
	case tagString:
		return r.String()
	case tagBytes:
		return r.Bytes()
	case tagList:
		return r.list(depth + 1)
	case tagMap:
		return r.mapping(depth + 1)
	default:
		r.fail(errors.New("codec: unknown type of value"))
		return nil
	}
}

func (r *Reader) float() float64 {
	if len(r.buf) < 8 {
		r.fail(ErrShort)
		return 0
	}
	v := math.Float64frombits(binary.BigEndian.Uint64(r.buf))
	r.buf = r.buf[8:]
	return v
}

func (r *Reader) list(depth int) []any {
	n := r.count()
	list := make([]any, 0, min(n, 1024))
	for range n {
		list = append(list, r.value(depth))
		if r.err != nil {
			return nil
		}
	}
	return list
}

func (r *Reader) mapping(depth int) map[string]any {
	n := r.count()
	m := make(map[string]any, min(n, 64))
	for range n {
		k := r.String()
		m[k] = r.value(depth)
		if r.err != nil {
			return m
		}
	}
	return m
}
