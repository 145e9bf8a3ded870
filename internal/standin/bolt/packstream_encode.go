package bolt

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
)

// tagNode is the tag of a Node.
const tagNode = 0x4E

// appendValue appends v in PackStream; major is the Bolt version, which
// decides the shape of a Node. It fails on a type that has no encoding.
func appendValue(b []byte, v any, major byte) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 0xC0), nil
	case bool:
		if v {
			return append(b, 0xC3), nil
		}
		return append(b, 0xC2), nil
	case int64:
		return appendInt(b, v), nil
	case int:
		return appendInt(b, int64(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 0xC1), math.Float64bits(v)), nil
	case string:
		return appendString(b, v), nil
	case []byte:
		return append(appendSize(b, len(v), 0, 0xCC), v...), nil
	case []any:
		return appendList(b, v, major)
	case []string:
		return appendStrings(b, v), nil
	case map[string]any:
		return appendMap(b, v, major)
	case Node:
		return appendNode(b, v, major)
	case Structure:
		return appendStructure(b, v, major)
	}
	return b, fmt.Errorf("encode a value of type %T: no such Bolt type", v)
}

func appendInt(b []byte, v int64) []byte {
	switch {
	case v >= -16 && v <= math.MaxInt8:
		return append(b, byte(v))
	case v >= math.MinInt8 && v < 0:
		return append(b, 0xC8, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xC9), uint16(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xCA), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xCB), uint64(v))
}

// appendSize appends the marker for something of n parts: tiny | n when there
// is a tiny form (not 0) and n fits, else one of the three markers from wide.
func appendSize(b []byte, n int, tiny, wide byte) []byte {
	switch {
	case tiny != 0 && n < 16:
		return append(b, tiny|byte(n))
	case n <= math.MaxUint8:
		return append(b, wide, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, wide+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, wide+2), uint32(n))
}

func appendString(b []byte, s string) []byte {
	return append(appendSize(b, len(s), 0x80, 0xD0), s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = appendSize(b, len(list), 0x90, 0xD4)
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendList(b []byte, list []any, major byte) ([]byte, error) {
	b = appendSize(b, len(list), 0x90, 0xD4)
	var err error
	for _, v := range list {
		if b, err = appendValue(b, v, major); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendMap(b []byte, m map[string]any, major byte) ([]byte, error) {
	b = appendSize(b, len(m), 0xA0, 0xD8)
	var err error
	for k, v := range m {
		if b, err = appendValue(appendString(b, k), v, major); err != nil {
			return b, err
		}
	}
	return b, nil
}

func appendNode(b []byte, n Node, major byte) ([]byte, error) {
	fields := byte(3)
	if major >= 5 {
		fields = 4 // the id as a string, too
	}
	b = appendInt(append(b, 0xB0|fields, tagNode), n.ID)
	b = appendStrings(b, n.Labels)
	b, err := appendMap(b, n.Props, major)
	if major >= 5 {
		b = appendString(b, strconv.FormatInt(n.ID, 10))
	}
	return b, err
}

func appendStructure(b []byte, s Structure, major byte) ([]byte, error) {
	if len(s.Fields) > 15 {
		return b, fmt.Errorf("encode a structure of %d fields: 15 is the most", len(s.Fields))
	}
	b = append(b, 0xB0|byte(len(s.Fields)), s.Tag)
	var err error
	for _, v := range s.Fields {
		if b, err = appendValue(b, v, major); err != nil {
			return b, err
		}
	}
	return b, nil
}
