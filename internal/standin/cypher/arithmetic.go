package cypher

import (
	"fmt"
	"math"
	"strconv"

	"memgraph-controller/internal/standin/bolt"
)

type (
	arithExpr struct { // + - * / % ^
		op          string
		left, right expr
	}
	signExpr struct { // unary + and -
		op string
		of expr
	}
)

func (e signExpr) eval(x *execution) (any, error) {
	v, err := e.of.eval(x)
	if err != nil || v == nil {
		return nil, err
	}
	switch v := v.(type) {
	case int64:
		if e.op == "-" {
			return -v, nil
		}
		return v, nil
	case float64:
		if e.op == "-" {
			return -v, nil
		}
		return v, nil
	}
	return nil, bolt.ClientError(fmt.Sprintf("Invalid type %s for '%s'.", typeName(v), e.op))
}

func (e arithExpr) eval(x *execution) (any, error) {
	left, err := e.left.eval(x)
	if err != nil {
		return nil, err
	}
	right, err := e.right.eval(x)
	if err != nil {
		return nil, err
	}
	return arithmetic(e.op, left, right)
}

// arithmetic applies a binary operator. null with anything is null, save that
// a list may gain null.
func arithmetic(op string, left, right any) (any, error) {
	if op == "+" {
		if list, ok := join(left, right); ok {
			return list, nil
		}
	}
	if left == nil || right == nil {
		return nil, nil
	}
	a, ok1 := left.(int64)
	b, ok2 := right.(int64)
	if ok1 && ok2 && op != "^" {
		return integers(op, a, b)
	}
	if isNumber(left) && isNumber(right) {
		return floats(op, toFloat(left), toFloat(right)), nil
	}
	if op == "+" {
		l, ok1 := textual(left)
		r, ok2 := textual(right)
		if ok1 && ok2 {
			return l + r, nil
		}
	}
	return nil, bolt.ClientError(fmt.Sprintf("Invalid types: %s and %s for '%s'.", typeName(left), typeName(right), op))
}

// join concatenates when one side is a list.
func join(left, right any) ([]any, bool) {
	l, ok1 := left.([]any)
	r, ok2 := right.([]any)
	switch {
	case ok1 && ok2:
		return append(append(make([]any, 0, len(l)+len(r)), l...), r...), true
	case ok1 && right != nil:
		return append(append(make([]any, 0, len(l)+1), l...), right), true
	case ok2 && left != nil:
		return append([]any{left}, r...), true
	}
	return nil, false
}

func integers(op string, a, b int64) (any, error) {
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	}
	if b == 0 {
		return nil, bolt.ClientError("Division by zero.")
	}
	if op == "/" {
		return a / b, nil
	}
	return a % b, nil
}

func floats(op string, a, b float64) float64 {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "%":
		return math.Mod(a, b)
	}
	return math.Pow(a, b)
}

func toFloat(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	f, _ := v.(float64)
	return f
}

// textual returns v as it is joined to a string.
func textual(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return formatFloat(v), true
	}
	return "", false
}

// formatFloat always shows that f is not an integer.
func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if span(s, "-0123456789") == len(s) {
		s += ".0"
	}
	return s
}
