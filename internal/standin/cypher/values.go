package cypher

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"memgraph-controller/internal/standin/bolt"
)

// Inside the executor a node is a *Node: what was seen when it was matched.
// In a query that writes only its ID is trusted (see execution.node).

// typeName is Memgraph's name for the type of v.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "double"
	case string:
		return "string"
	case []any:
		return "list"
	case map[string]any:
		return "map"
	case *Node:
		return "vertex"
	}
	return "unknown"
}

// truth is three-valued: Cypher's null is unknown.
type truth int

const (
	no truth = iota
	yes
	unknown
)

// value returns t as a Cypher value.
func (t truth) value() any {
	switch t {
	case no:
		return false
	case yes:
		return true
	}
	return nil
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// equal compares as Cypher's = does.
func equal(a, b any) truth {
	if a == nil || b == nil {
		return unknown
	}
	switch a := a.(type) {
	case bool:
		b, ok := b.(bool)
		return truthOf(ok && a == b)
	case string:
		b, ok := b.(string)
		return truthOf(ok && a == b)
	case int64, float64:
		c, ok := compareNumbers(a, b)
		return truthOf(ok && c == 0)
	case *Node:
		b, ok := b.(*Node)
		return truthOf(ok && a.ID == b.ID)
	case []byte:
		b, ok := b.([]byte)
		return truthOf(ok && slices.Equal(a, b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return no
		}
		return equalLists(a, b)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return no
		}
		return equalMaps(a, b)
	}
	return no
}

func equalLists(a, b []any) truth {
	all := yes
	for i := range a {
		switch equal(a[i], b[i]) {
		case no:
			return no
		case unknown:
			all = unknown
		}
	}
	return all
}

func equalMaps(a, b map[string]any) truth {
	all := yes
	for k, v := range a {
		w, ok := b[k]
		if !ok {
			return no
		}
		switch equal(v, w) {
		case no:
			return no
		case unknown:
			all = unknown
		}
	}
	return all
}

// compareNumbers compares integers and floats; NaN compares with nothing.
func compareNumbers(a, b any) (int, bool) {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b), true
		case float64:
			return compareMixed(a, b)
		}
	case float64:
		switch b := b.(type) {
		case int64:
			c, ok := compareMixed(b, a)
			return -c, ok
		case float64:
			return cmp.Compare(a, b), !math.IsNaN(a) && !math.IsNaN(b)
		}
	}
	return 0, false
}

// compareMixed compares without losing the low bits of a large integer.
func compareMixed(a int64, b float64) (int, bool) {
	switch {
	case math.IsNaN(b):
		return 0, false
	case b >= math.MaxInt64:
		return -1, true
	case b < math.MinInt64:
		return 1, true
	}
	whole := math.Trunc(b)
	if c := cmp.Compare(a, int64(whole)); c != 0 {
		return c, true
	}
	return cmp.Compare(whole, b), true
}

// isNumber reports whether v is an integer or a float.
func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// order compares for ORDER BY, min and max: null is the greatest. Values of
// different types have no order.
func order(a, b any) (int, error) {
	switch {
	case a == nil && b == nil:
		return 0, nil
	case a == nil:
		return 1, nil
	case b == nil:
		return -1, nil
	case isNumber(a) && isNumber(b):
		if c, ok := compareNumbers(a, b); ok {
			return c, nil
		}
		return compareNaN(a, b), nil
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b), nil
		}
	case bool:
		if b, ok := b.(bool); ok {
			return cmp.Compare(truthOf(a), truthOf(b)), nil
		}
	case []any:
		if b, ok := b.([]any); ok {
			return orderLists(a, b)
		}
	}
	return 0, bolt.ClientError(fmt.Sprintf("Can't compare value of type %s to value of type %s.", typeName(a), typeName(b)))
}

// compareNaN orders when one or both are NaN, which is after all numbers.
func compareNaN(a, b any) int {
	fa, _ := a.(float64)
	fb, _ := b.(float64)
	return cmp.Compare(truthOf(math.IsNaN(fa)), truthOf(math.IsNaN(fb)))
}

func orderLists(a, b []any) (int, error) {
	for i := range min(len(a), len(b)) {
		if c, err := order(a[i], b[i]); c != 0 || err != nil {
			return c, err
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

// appendKey appends a text that is the same for values that DISTINCT and
// grouping take for the same: 1 and 1.0, null and null.
func appendKey(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 'n')
	case bool:
		return append(b, 'b', byte(truthOf(v)))
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
	case float64:
		if whole := int64(v); v >= math.MinInt64 && v < math.MaxInt64 && float64(whole) == v {
			return appendKey(b, whole)
		}
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
	case string:
		b = binary.AppendUvarint(append(b, 's'), uint64(len(v)))
		return append(b, v...)
	case []byte:
		b = binary.AppendUvarint(append(b, 'x'), uint64(len(v)))
		return append(b, v...)
	case *Node:
		return binary.BigEndian.AppendUint64(append(b, 'v'), uint64(v.ID))
	case []any:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v)))
		for _, e := range v {
			b = appendKey(b, e)
		}
		return b
	case map[string]any:
		b = binary.AppendUvarint(append(b, 'm'), uint64(len(v)))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendKey(appendKey(b, k), v[k])
		}
		return b
	}
	return append(b, '?')
}

// storable returns an error if v cannot be a property.
func storable(v any) error {
	switch v := v.(type) {
	case *Node:
		return bolt.ClientError("'vertex' cannot be used as a property value.")
	case []any:
		for _, e := range v {
			if err := storable(e); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, e := range v {
			if err := storable(e); err != nil {
				return err
			}
		}
	}
	return nil
}
