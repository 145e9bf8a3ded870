package cypher

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"memgraph-controller/internal/standin/bolt"
)

// function is a scalar function. It gets at least min and at most max
// arguments (max < 0: any number).
type function struct {
	min, max int
	call     func(x *execution, name string, args []any) (any, error)
}

// functions by their names in lower case; range is the source of UNWIND
// without a list, too (see unwind).
var functions = map[string]function{
	"abs":        {1, 1, numeric(math.Abs)},
	"ceil":       {1, 1, numeric(math.Ceil)},
	"coalesce":   {1, -1, coalesce},
	"floor":      {1, 1, numeric(math.Floor)},
	"head":       {1, 1, listEnd},
	"id":         {1, 1, nodeID},
	"keys":       {1, 1, keysOf},
	"labels":     {1, 1, labelsOf},
	"last":       {1, 1, listEnd},
	"properties": {1, 1, propertiesOf},
	"rand":       {0, 0, func(*execution, string, []any) (any, error) { return rand.Float64(), nil }},
	"range":      {2, 3, rangeList},
	"round":      {1, 1, numeric(math.Round)},
	"size":       {1, 1, size},
	"timestamp":  {0, 0, func(*execution, string, []any) (any, error) { return time.Now().UnixMicro(), nil }},
	"toboolean":  {1, 1, toBoolean},
	"tofloat":    {1, 1, toFloatValue},
	"tointeger":  {1, 1, toInteger},
	"tolower":    {1, 1, changeCase},
	"tostring":   {1, 1, toString},
	"toupper":    {1, 1, changeCase},
}

// callExpr calls a scalar function.
type callExpr struct {
	name string // as written, for errors
	function
	args []expr
}

func (e callExpr) eval(x *execution) (any, error) {
	args := make([]any, len(e.args))
	for i, arg := range e.args {
		v, err := arg.eval(x)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	return e.call(x, strings.ToLower(e.name), args)
}

// wrongArgument is Memgraph's complaint about the type of an argument.
func wrongArgument(name, want string) error {
	return bolt.ClientError(fmt.Sprintf("'%s' argument must be %s.", name, want))
}

// numeric makes a function of numbers; integers stay integers.
func numeric(f func(float64) float64) func(*execution, string, []any) (any, error) {
	return func(_ *execution, name string, args []any) (any, error) {
		switch v := args[0].(type) {
		case nil:
			return nil, nil
		case int64:
			if name == "abs" && v < 0 {
				return -v, nil
			}
			return v, nil
		case float64:
			return f(v), nil
		}
		return nil, wrongArgument(name, "either an integer or a double")
	}
}

func coalesce(_ *execution, _ string, args []any) (any, error) {
	for _, v := range args {
		if v != nil {
			return v, nil
		}
	}
	return nil, nil
}

// listEnd is head and last.
func listEnd(_ *execution, name string, args []any) (any, error) {
	list, ok := args[0].([]any)
	switch {
	case args[0] == nil || ok && len(list) == 0:
		return nil, nil
	case !ok:
		return nil, wrongArgument(name, "a list")
	case name == "head":
		return list[0], nil
	}
	return list[len(list)-1], nil
}

func nodeID(_ *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case *Node:
		return v.ID, nil
	}
	return nil, wrongArgument(name, "either a node or an edge")
}

func keysOf(x *execution, name string, args []any) (any, error) {
	props, err := propertiesOf(x, name, args)
	m, ok := props.(map[string]any)
	if err != nil || !ok {
		return nil, err
	}
	list := make([]any, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, k)
	}
	return list, nil
}

func propertiesOf(x *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, nil
	case *Node:
		n, ok := x.node(v)
		if !ok {
			return nil, bolt.ClientError("Trying to get properties from a deleted object.")
		}
		if n.Props == nil {
			return map[string]any{}, nil
		}
		return n.Props, nil
	}
	return nil, wrongArgument(name, "either a node, an edge or a map")
}

func labelsOf(x *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case *Node:
		n, ok := x.node(v)
		if !ok {
			return nil, bolt.ClientError("Trying to get labels from a deleted node.")
		}
		list := make([]any, len(n.Labels))
		for i, label := range n.Labels {
			list[i] = label
		}
		return list, nil
	}
	return nil, wrongArgument(name, "a node")
}

// steps are the bounds of range(): from, to and by, both ends included.
type steps struct{ from, to, by int64 }

// stepsOf reads the arguments of range(); ok is false when one is null.
func stepsOf(args []any) (s steps, ok bool, err error) {
	values := [3]int64{0, 0, 1}
	for i, arg := range args {
		if arg == nil {
			return steps{}, false, nil
		}
		n, isInt := arg.(int64)
		if !isInt {
			return steps{}, false, bolt.ClientError("'range' arguments must be integers.")
		}
		values[i] = n
	}
	if values[2] == 0 {
		return steps{}, false, bolt.ClientError("'range' step must not be zero.")
	}
	return steps{values[0], values[1], values[2]}, true, nil
}

// each calls f for each number until f returns an error.
func (s steps) each(f func(int64) error) error {
	for i := s.from; s.by > 0 && i <= s.to || s.by < 0 && i >= s.to; i += s.by {
		if err := f(i); err != nil {
			return err
		}
		if s.by > 0 && i > math.MaxInt64-s.by || s.by < 0 && i < math.MinInt64-s.by {
			break
		}
	}
	return nil
}

// maxRange is the longest list that range() makes. UNWIND range() is not
// bound by it.
const maxRange = 1_000_000

func rangeList(x *execution, _ string, args []any) (any, error) {
	s, ok, err := stepsOf(args)
	if err != nil || !ok {
		return nil, err
	}
	list := []any{}
	err = s.each(func(i int64) error {
		if len(list) == maxRange {
			return bolt.ClientError(fmt.Sprintf("'range' of more than %d elements.", maxRange))
		}
		list = append(list, i)
		return x.tick()
	})
	return list, err
}

func size(_ *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	}
	return nil, wrongArgument(name, "either a string, a list, a map or a path")
}

func toBoolean(_ *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "t":
			return true, nil
		case "false", "f":
			return false, nil
		}
		return nil, nil
	}
	return nil, wrongArgument(name, "either a boolean, an integer or a string")
}

func toFloatValue(_ *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case int64, float64:
		return toFloat(v), nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return f, nil
		}
		return nil, nil
	}
	return nil, wrongArgument(name, "either a string or a number")
}

func toInteger(_ *execution, name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return nil, nil
	case bool:
		return int64(truthOf(v)), nil
	case int64:
		return v, nil
	case float64:
		return floatToInt(v), nil
	case string:
		v = strings.TrimSpace(v)
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n, nil
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return floatToInt(f), nil
		}
		return nil, nil
	}
	return nil, wrongArgument(name, "either a boolean, a number or a string")
}

// floatToInt cuts the fraction off; null if no integer is that large.
func floatToInt(f float64) any {
	if f >= math.MinInt64 && f < math.MaxInt64 {
		return int64(f)
	}
	return nil
}

func toString(_ *execution, name string, args []any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	if b, ok := args[0].(bool); ok {
		return strconv.FormatBool(b), nil
	}
	if s, ok := textual(args[0]); ok {
		return s, nil
	}
	return nil, wrongArgument(name, "either a string, a number or a boolean")
}

// changeCase is toLower and toUpper.
func changeCase(_ *execution, name string, args []any) (any, error) {
	s, ok := args[0].(string)
	switch {
	case args[0] == nil:
		return nil, nil
	case !ok:
		return nil, wrongArgument(name, "a string")
	case name == "tolower":
		return strings.ToLower(s), nil
	}
	return strings.ToUpper(s), nil
}
