package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Limits of what a message may hold. They are far above what drivers send.
const (
	maxDepth  = 128     // nesting of lists, maps and structures
	maxValues = 8 << 20 // values in one message
)

// Structure is a PackStream structure that is not a Node.
type Structure struct {
	Tag    byte
	Fields []any
}

// errShort reports a value that goes on after the end of its message.
var errShort = errors.New("value is cut off")

// decoder reads PackStream values from one whole message.
type decoder struct {
	buf    []byte
	values int // decoded so far
}

// decode returns the single value that data holds.
func decode(data []byte) (any, error) {
	d := decoder{buf: data}
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if len(d.buf) > 0 {
		return nil, fmt.Errorf("%d bytes after the value", len(d.buf))
	}
	return v, nil
}

// take returns the next n bytes, which stay part of the message.
func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.buf) {
		return nil, errShort
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b, nil
}

// uint returns the next n (1, 2, 4 or 8) bytes as an unsigned number.
func (d *decoder) uint(n int) (uint64, error) {
	b, err := d.take(n)
	if err != nil {
		return 0, err
	}
	switch n {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(binary.BigEndian.Uint16(b)), nil
	case 4:
		return uint64(binary.BigEndian.Uint32(b)), nil
	}
	return binary.BigEndian.Uint64(b), nil
}

// value decodes the next value at the given depth of nesting.
func (d *decoder) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values are nested deeper than %d", maxDepth)
	}
	if d.values++; d.values > maxValues {
		return nil, fmt.Errorf("message holds more than %d values", maxValues)
	}
	b, err := d.take(1)
	if err != nil {
		return nil, err
	}
	marker := b[0]
	switch {
	case marker <= 0x7F || marker >= 0xF0:
		return int64(int8(marker)), nil
	case marker <= 0x8F:
		return d.text(uint64(marker & 0x0F))
	case marker <= 0x9F:
		return d.list(uint64(marker&0x0F), depth)
	case marker <= 0xAF:
		return d.dict(uint64(marker&0x0F), depth)
	case marker <= 0xBF:
		return d.structure(int(marker&0x0F), depth)
	case marker <= 0xC3:
		return d.atom(marker)
	case marker >= 0xC8 && marker <= 0xCB:
		return d.integer(1 << (marker - 0xC8))
	}
	return d.sized(marker, depth)
}

// atom decodes null, a float or a boolean.
func (d *decoder) atom(marker byte) (any, error) {
	switch marker {
	case 0xC0:
		return nil, nil
	case 0xC1:
		bits, err := d.uint(8)
		return math.Float64frombits(bits), err
	}
	return marker == 0xC3, nil
}

// integer decodes a signed number of n bytes.
func (d *decoder) integer(n int) (any, error) {
	u, err := d.uint(n)
	shift := 64 - 8*n
	return int64(u<<shift) >> shift, err
}

// sized decodes a value whose size follows the marker.
func (d *decoder) sized(marker byte, depth int) (any, error) {
	var width int
	switch marker {
	case 0xCC, 0xD0, 0xD4, 0xD8:
		width = 1
	case 0xCD, 0xD1, 0xD5, 0xD9:
		width = 2
	case 0xCE, 0xD2, 0xD6, 0xDA:
		width = 4
	default:
		return nil, fmt.Errorf("unknown marker 0x%02X", marker)
	}
	n, err := d.uint(width)
	if err != nil {
		return nil, err
	}
	switch {
	case marker <= 0xCE:
		b, err := d.take(int(n))
		return append([]byte{}, b...), err
	case marker <= 0xD2:
		return d.text(n)
	case marker <= 0xD6:
		return d.list(n, depth)
	}
	return d.dict(n, depth)
}

// text decodes a string of n bytes.
func (d *decoder) text(n uint64) (string, error) {
	b, err := d.take(int(n))
	return string(b), err
}

// room bounds the space made for n announced elements, each of at least size
// bytes, by what the message can really hold and by a modest first step.
func (d *decoder) room(n uint64, size int) int {
	return int(min(n, uint64(len(d.buf)/size), 4096))
}

func (d *decoder) list(n uint64, depth int) (any, error) {
	if n > uint64(len(d.buf)) {
		return nil, errShort
	}
	list := make([]any, 0, d.room(n, 1))
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (d *decoder) dict(n uint64, depth int) (any, error) {
	if n > uint64(len(d.buf)/2) {
		return nil, errShort
	}
	dict := make(map[string]any, d.room(n, 2))
	for range n {
		k, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			return nil, fmt.Errorf("key of a map is %T, not a string", k)
		}
		if dict[key], err = d.value(depth + 1); err != nil {
			return nil, err
		}
	}
	return dict, nil
}

func (d *decoder) structure(n, depth int) (any, error) {
	tag, err := d.take(1)
	if err != nil {
		return nil, err
	}
	s := Structure{Tag: tag[0], Fields: make([]any, 0, n)}
	for range n {
		v, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		s.Fields = append(s.Fields, v)
	}
	return s, nil
}
