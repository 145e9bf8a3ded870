package cypher

import (
	"memgraph-controller/internal/standin/bolt"
)

// aggregation is one aggregating function of a WITH or RETURN; its result
// goes to a slot of its own.
type aggregation struct {
	name     string // lower case
	arg      expr   // nil for count(*)
	distinct bool
	slot     int
}

// aggregates names the aggregating functions.
var aggregates = map[string]bool{"count": true, "collect": true, "sum": true, "min": true, "max": true, "avg": true}

// tally is the state of one aggregation in one group.
type tally struct {
	count int64
	sum   any // int64 or float64, nil before the first
	best  any // min or max so far
	list  []any
	seen  map[string]bool // for DISTINCT
}

// add takes the current frame into account.
func (a *aggregation) add(x *execution, t *tally) error {
	if a.arg == nil {
		t.count++
		return nil
	}
	v, err := a.arg.eval(x)
	if err != nil || v == nil {
		return err
	}
	if a.distinct {
		x.key = appendKey(x.key[:0], v)
		if t.seen[string(x.key)] {
			return nil
		}
		if t.seen == nil {
			t.seen = map[string]bool{}
		}
		t.seen[string(x.key)] = true
	}
	t.count++
	switch a.name {
	case "collect":
		t.list = append(t.list, v)
	case "sum", "avg":
		return t.plus(v)
	case "min", "max":
		return t.compare(v, a.name == "max")
	}
	return nil
}

func (t *tally) plus(v any) (err error) {
	if !isNumber(v) {
		return bolt.ClientError("Only numeric values allowed in SUM and AVG aggregations.")
	}
	if t.sum == nil {
		t.sum = int64(0)
	}
	t.sum, err = arithmetic("+", t.sum, v)
	return err
}

func (t *tally) compare(v any, greatest bool) error {
	switch v.(type) {
	case bool, int64, float64, string:
	default:
		return bolt.ClientError("Only boolean, numeric and string values are allowed in MIN and MAX aggregations.")
	}
	if t.best == nil {
		t.best = v
		return nil
	}
	c, err := order(v, t.best)
	if err != nil {
		return bolt.ClientError("Unable to get MIN or MAX of values of different types: " + err.Error())
	}
	if greatest && c > 0 || !greatest && c < 0 {
		t.best = v
	}
	return nil
}

// result is the value of the aggregation over all that was added.
func (a *aggregation) result(t *tally) any {
	switch a.name {
	case "count":
		return t.count
	case "collect":
		if t.list == nil {
			return []any{}
		}
		return t.list
	case "sum":
		if t.sum == nil {
			return int64(0)
		}
		return t.sum
	case "avg":
		if t.count == 0 {
			return nil
		}
		return toFloat(t.sum) / float64(t.count)
	}
	return t.best
}
