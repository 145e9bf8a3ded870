// Package codec is the stand-in's binary form of property values: it is what the write-ahead
// log, the snapshots and the replication protocol are written in.
//
// It promises that whatever Writer accepted, Reader gives back with the same Go type, and that
// Reader never panics and never allocates more than its input justifies, whatever the input is.
// It knows nothing of checksums, files or frames.
package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sort"
)

// ErrShort is the error of a Reader that was asked for more than its input holds.
var ErrShort = errors.New("codec: input ends too early")

// maxDepth bounds the nesting of lists and maps, in both directions.
const maxDepth = 64

// Tags of the value types. They are part of the file format.
const (
	tagNull byte = iota
	tagFalse
	tagTrue
	tagInt
	tagFloat
	tagString
	tagBytes
	tagList
	tagMap
)

// Writer appends primitives to a byte slice. The zero value is ready for use.
// The first value it cannot express is remembered and returned by Err.
type Writer struct {
	buf []byte
	err error
}

// NewWriter returns a Writer that appends to buf, which it owns from now on.
func NewWriter(buf []byte) *Writer { return &Writer{buf: buf} }

// Result returns what was written, or the first error.
func (w *Writer) Result() ([]byte, error) { return w.buf, w.err }

// Len returns the number of bytes written so far.
func (w *Writer) Len() int { return len(w.buf) }

// Byte appends one byte.
func (w *Writer) Byte(b byte) { w.buf = append(w.buf, b) }

// Bool appends a truth value.
func (w *Writer) Bool(b bool) {
	if b {
		w.Byte(1)
		return
	}
	w.Byte(0)
}

// Uint appends an unsigned number.
func (w *Writer) Uint(v uint64) { w.buf = binary.AppendUvarint(w.buf, v) }

// Int appends a signed number.
func (w *Writer) Int(v int64) { w.buf = binary.AppendVarint(w.buf, v) }

// Bytes appends a byte string with its length.
func (w *Writer) Bytes(b []byte) {
	w.Uint(uint64(len(b)))
	w.buf = append(w.buf, b...)
}

// String appends a string with its length.
func (w *Writer) String(s string) {
	w.Uint(uint64(len(s)))
	w.buf = append(w.buf, s...)
}

// Strings appends a list of strings.
func (w *Writer) Strings(list []string) {
	w.Uint(uint64(len(list)))
	for _, s := range list {
		w.String(s)
	}
}

// Value appends a property value: nil, bool, int64, float64, string, []byte, []any or
// map[string]any, the last two of values again.
func (w *Writer) Value(v any) { w.value(v, 0) }

// Map appends a property map, keys in order.
func (w *Writer) Map(m map[string]any) { w.mapping(m, 0) }

func (w *Writer) value(v any, depth int) {
	if depth > maxDepth {
		w.fail(errors.New("codec: value nested too deeply"))
		return
	}
	switch v := v.(type) {
	case nil:
		w.Byte(tagNull)
	case bool:
		if v {
			w.Byte(tagTrue)
		} else {
			w.Byte(tagFalse)
		}
	case int64:
		w.Byte(tagInt)
		w.Int(v)
	case float64:
		w.Byte(tagFloat)
		w.buf = binary.BigEndian.AppendUint64(w.buf, math.Float64bits(v))
	case string:
		w.Byte(tagString)
		w.String(v)
	case []byte:
		w.Byte(tagBytes)
		w.Bytes(v)
	case []any:
		w.Byte(tagList)
		w.Uint(uint64(len(v)))
		for _, e := range v {
			w.value(e, depth+1)
		}
	case map[string]any:
		w.Byte(tagMap)
		w.mapping(v, depth+1)
	default:
		w.fail(fmt.Errorf("codec: %T is no property value", v))
	}
}

func (w *Writer) mapping(m map[string]any, depth int) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	w.Uint(uint64(len(keys)))
	for _, k := range keys {
		w.String(k)
		w.value(m[k], depth)
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
