package cypher

import (
	"errors"
	"testing"

	"memgraph-controller/internal/standin/bolt"
)

func TestRunTimeErrors(t *testing.T) {
	m := newMemory(t)
	if _, err := m.do(t.Context(), "CREATE (:A {i: 1, s: 'x'})", nil); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"RETURN $x":                  "Parameter $x not provided.",
		"RETURN 1 / 0":               "Division by zero.",
		"RETURN 1 < 'a'":             "Invalid types: int and string for '<'.",
		"RETURN [] < 1":              "Invalid types: list and int for '<'.",
		"RETURN true + 1":            "Invalid types: bool and int for '+'.",
		"RETURN NOT 1":               "Invalid type int for 'NOT'.",
		"RETURN -'a'":                "Invalid type string for '-'.",
		"MATCH (n) WHERE 1 RETURN n": "Filter expression must evaluate to bool or null, got int.",
		"UNWIND 1 AS x RETURN x":     "Argument of UNWIND must be a list, but 'int' was provided.",
		"UNWIND [1, 'a'] AS x RETURN x ORDER BY x": "Can't compare value of type string to value of type int.",
		"RETURN 1 LIMIT -1":                        "Limit on number of returned elements must be non-negative.",
		"RETURN 1 SKIP 'a'":                        "Number of elements to skip must be an integer.",
		"MATCH (n) RETURN sum(n.s)":                "Only numeric values allowed in SUM and AVG aggregations.",
		"MATCH (n) RETURN max(n)":                  "Only boolean, numeric and string values are allowed in MIN and MAX aggregations.",
		"MATCH (n) CREATE (:B {n: [n]})":           "'vertex' cannot be used as a property value.",
		"MATCH (n) DELETE n.i":                     "Only edges and vertices can be deleted.",
		"CREATE (n) DELETE n RETURN n":             "Returning a deleted object as a result.",
		"CREATE (n) DELETE n RETURN n.x":           "Trying to get a property from a deleted object.",
		"CREATE (n) DELETE n SET n.x = 1":          "Trying to set properties on a deleted graph element.",
		"WITH 1 AS n SET n.x = 1":                  "Properties can only be set on edges and vertices.",
		"RETURN range(1, 2, 0)":                    "'range' step must not be zero.",
		"RETURN 1 IN 2":                            "IN expected a list, got int.",
		"MERGE (:A {i: null})":                     "Can't have null literal properties inside merge.",
	} {
		_, err := m.do(t.Context(), text, nil)
		coded, ok := errors.AsType[bolt.Coded](err)
		if !ok || coded.Error() != want || coded.BoltCode() != bolt.CodeClient {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestWrongTypesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"RETURN [1]['a']":                                  "Expected an integer as a list index, got string.",
		"RETURN {a: 1}[1]":                                 "Expected a string as a property name, got int.",
		"RETURN 1[0]":                                      "Expected a list, a map, a node or an edge to index with '[]', got int.",
		"RETURN [1][true..]":                               "Expected an integer for a bound in list slicing, got bool.",
		"RETURN 'a'[0..1]":                                 "Expected a list to slice, got string.",
		"RETURN 1.5.x":                                     "Only nodes, edges, maps, temporal types, points and graphs have properties to be looked-up.",
		"WITH 1 AS n RETURN n:A":                           "Expected a Node in labels test, got int.",
		"WITH 1 AS n MATCH (n) RETURN n":                   "Expected a value of type vertex, got int.",
		"WITH 1 AS n SET n:A":                              "Expected a value of type vertex, got int.",
		"CREATE (n) SET n = 1":                             "Right-hand side in SET expression must be a node, an edge or a map.",
		"CREATE (n $p)":                                    "Parameter $p must be a map to be used as properties, got int.",
		"RETURN 'a' STARTS WITH 1":                         "Invalid types: string and int for 'STARTS WITH'.",
		"RETURN CASE WHEN 1 THEN 2 END":                    "CASE expected boolean expression, got int.",
		"RETURN size(1)":                                   "'size' argument must be either a string, a list, a map or a path.",
		"RETURN labels(1)":                                 "'labels' argument must be a node.",
		"RETURN id('a')":                                   "'id' argument must be either a node or an edge.",
		"RETURN keys(1)":                                   "'keys' argument must be either a node, an edge or a map.",
		"RETURN abs('a')":                                  "'abs' argument must be either an integer or a double.",
		"RETURN head(1)":                                   "'head' argument must be a list.",
		"RETURN toString([])":                              "'tostring' argument must be either a string, a number or a boolean.",
		"RETURN toInteger([])":                             "'tointeger' argument must be either a boolean, a number or a string.",
		"RETURN toUpper(1)":                                "'toupper' argument must be a string.",
		"RETURN range('a', 2)":                             "'range' arguments must be integers.",
		"RETURN range(1, 99999999999)":                     "'range' of more than 1000000 elements.",
		"UNWIND [1, 'a'] AS x RETURN max(x)":               "Unable to get MIN or MAX of values of different types: Can't compare value of type string to value of type int.",
		"UNWIND [1, {a: 1}] AS x RETURN count(x) + {a: 1}": "Invalid types: int and map for '+'.",
	} {
		_, err := newMemory(t).do(t.Context(), text, map[string]any{"p": int64(1)})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	for _, text := range []string{
		"labels(null)", "id(null)", "keys(null)", "size(null)", "head(null)", "abs(null)", "toString(null)", "toUpper(null)",
		"toInteger(null)", "toFloat(null)", "toBoolean(null)", "range(1, null)", "null.x", "null[0]", "[1][null]", "[1][null..2]",
		"-null", "null IN null", "'a' < null", "coalesce(null)", "toFloat('x')", "toBoolean('x')", "{a: 1}.b", "max(null)", "avg(null)",
	} {
		if got, err := newMemory(t).do(t.Context(), "RETURN "+text, nil); err != nil || got != "null" {
			t.Errorf("%s = %s (%v); want null", text, got, err)
		}
	}
}
