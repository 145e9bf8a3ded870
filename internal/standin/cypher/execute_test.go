package cypher

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"memgraph-controller/internal/standin/bolt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExpressions(t *testing.T) {
	for text, want := range map[string]string{
		"1":                                     "1",
		"-5 % 3":                                "-2",
		"7 / 2":                                 "3",
		"7 / 2.0":                               "3.5",
		"2 ^ 3":                                 "8.0",
		"1 + 2 * 3 - 4":                         "3",
		"(1 + 2) * 3":                           "9",
		"- (1 + 2)":                             "-3",
		"-9223372036854775808":                  "-9223372036854775808",
		"0x1F":                                  "31",
		"017":                                   "15",
		"1.5e3":                                 "1500.0",
		".5":                                    "0.5",
		"'a' + 1 + 2.5":                         "'a12.5'",
		"'it\\'s \\u00e4\\n'":                   "'it's ä\n'",
		`"double"`:                              "'double'",
		"[1, 2] + 3":                            "[1,2,3]",
		"[1] + [null]":                          "[1,null]",
		"[1, 2, 3][-1]":                         "3",
		"[1, 2, 3][5]":                          "null",
		"[1, 2, 3, 4][1..3]":                    "[2,3]",
		"[1, 2, 3, 4][..-1]":                    "[1,2,3]",
		"{a: 1, b: [2]}.b[0]":                   "2",
		"{a: 1}['a']":                           "1",
		"1 + null":                              "null",
		"null = null":                           "null",
		"1 = 1.0":                               "true",
		"9007199254740993 = 9007199254740992.0": "false",
		"1 = 1.5":                               "false",
		"1 < 1.5 AND -1 > -1.5 AND 1.5 > 1":     "true",
		"1 <> 'a'":                              "true",
		"1 < 2 <= 2":                            "true",
		"3 > 2 > 1":                             "true",
		"1 < 3 < 2":                             "false",
		"'a' < 'b'":                             "true",
		"[1, null] = [1, 2]":                    "null",
		"[1, null] = [2, 2]":                    "false",
		"{a: 1} = {a: 1.0}":                     "true",
		"true AND null":                         "null",
		"false AND null":                        "false",
		"true OR null":                          "true",
		"null OR false":                         "null",
		"true XOR true":                         "false",
		"true XOR null":                         "null",
		"NOT null":                              "null",
		"NOT NOT true":                          "true",
		"NOT 1 = 2 AND true":                    "true",
		"1 IN [1, 2]":                           "true",
		"3 IN [1, null]":                        "null",
		"3 IN [1, 2]":                           "false",
		"null IN []":                            "false",
		"'abc' STARTS WITH 'ab'":                "true",
		"'abc' ENDS WITH 'x'":                   "false",
		"'abc' CONTAINS 'b'":                    "true",
		"null CONTAINS 'b'":                     "null",
		"null IS NULL":                          "true",
		"1 IS NOT NULL":                         "true",
		"CASE WHEN false THEN 1 WHEN true THEN 2 END":  "2",
		"CASE 3 WHEN 1 THEN 'a' ELSE 'b' END":          "'b'",
		"CASE null WHEN null THEN 1 END":               "null",
		"range(1, 5, 2)":                               "[1,3,5]",
		"range(3, 1, -1)":                              "[3,2,1]",
		"range(3, 1)":                                  "[]",
		"size('äö')":                                   "2",
		"SIZE([1, 2])":                                 "2",
		"coalesce(null, 2, 3)":                         "2",
		"toString(1) + toString(true) + toString(2.0)": "'1true2.0'",
		"toInteger('42')":                              "42",
		"toInteger('4.9')":                             "4",
		"toInteger('x')":                               "null",
		"toFloat('1.5')":                               "1.5",
		"toBoolean('TRUE')":                            "true",
		"keys({b: 1, a: 2})":                           "['a','b']",
		"head([1, 2]) + last([1, 2])":                  "3",
		"head([])":                                     "null",
		"abs(-3)":                                      "3",
		"toUpper('ab') + toLower('CD')":                "'ABcd'",
		"$p + 1":                                       "8",
		"$`odd name`":                                  "'odd'",
		"timestamp() > 1600000000000000":               "true",
		"0 <= rand() AND rand() < 1":                   "true",
		"1 /* one */ + // two\n 2":                     "3",
	} {
		got, err := newMemory(t).do(t.Context(), "RETURN "+text, map[string]any{"p": int64(7), "odd name": "odd"})
		if err != nil || got != want {
			t.Errorf("%s = %s (%v); want %s", text, got, err, want)
		}
	}
}

// TestQueries runs each text on what the one before it left.
func TestQueries(t *testing.T) {
	m := newMemory(t)
	for _, step := range []struct{ text, want string }{
		{"CREATE (:S {i: 1, s: 'one'}), (:S:T {i: 2}), (:U {i: 3, none: null})", ""},
		{"MATCH (n:S) RETURN collect(n.i)", "[1,2]"},
		{"MATCH (n) RETURN count(*), count(n.s), sum(n.i), avg(n.i), min(n.i), max(n.i)", "3,1,6,2.0,1,3"},
		{"MATCH (n) RETURN labels(n), properties(n) ORDER BY n.i", "['S'],{i:1,s:'one'}; ['S','T'],{i:2}; ['U'],{i:3}"},
		{"MATCH (n) RETURN labels(n) AS l, n.i ORDER BY n.i DESC LIMIT 2", "['U'],3; ['S','T'],2"},
		{"MATCH (n) RETURN n.i ORDER BY n.i SKIP 1 LIMIT 1", "2"},
		{"MATCH (n:S {i: 2}) RETURN n", "(:S:T{i:2})"},
		{"MATCH (n) WHERE n.i >= 2 OR n:U RETURN n.i", "2; 3"},
		{"MATCH (n) WHERE n:S AND NOT n:T RETURN n.i", "1"},
		{"MATCH (n) WHERE n.s STARTS WITH 'o' RETURN n.i", "1"},
		{"MATCH (n) WHERE n.s IS NULL RETURN count(n)", "2"},
		{"MATCH (n) WHERE n.i IN [1, 3] RETURN n.i", "1; 3"},
		{"MATCH (a:S), (b:U) RETURN a.i + b.i", "4; 5"},
		{"MATCH (a), (b) WHERE a.i < b.i RETURN a.i, b.i", "1,2; 1,3; 2,3"},
		{"MATCH (a:S), (a:T) RETURN a.i", "2"},
		{"MATCH (n:S) SET n.x = n.i * 10, n:V RETURN n.x, n:V", "10,true; 20,true"},
		{"MATCH (n:V) SET n += {y: 1, x: null} RETURN properties(n)", "{i:1,s:'one',y:1}; {i:2,y:1}"},
		{"MATCH (n:V {i: 2}) SET n = {i: 20} RETURN properties(n)", "{i:20}"},
		{"MATCH (n:V) REMOVE n:V, n.y RETURN labels(n), n.y", "['S'],null; ['S','T'],null"},
		{"MERGE (n:Key {id: 1}) ON CREATE SET n.c = 1 ON MATCH SET n.c = n.c + 1 RETURN n.c", "1"},
		{"MERGE (n:Key {id: 1}) ON CREATE SET n.c = 1 ON MATCH SET n.c = n.c + 1 RETURN n.c", "2"},
		{"UNWIND [5, 6, 5, 6] AS i MERGE (n:Key {id: i}) RETURN count(n), count(DISTINCT n)", "4,2"},
		{"MATCH (n:Key) WHERE n.id IN [6, 1, 6.0, null] RETURN n.id", "6; 1"},
		{"MATCH (n:Key) WHERE 5 = n.id RETURN n.id", "5"},
		{"MATCH (a:Key), (b:Key) WHERE a.id = b.id RETURN count(*)", "3"},
		{"MATCH (n:Key {id: 5}) MATCH (m) WHERE id(m) = id(n) RETURN m.id", "5"},
		{"UNWIND [{id: 7, v: 'a'}, {id: 8, v: 'b'}] AS row CREATE (n:Key) SET n = row RETURN n.id, n.v", "7,'a'; 8,'b'"},
		{"MATCH (n:Key) WITH n ORDER BY n.id DESC LIMIT 2 SET n.last = true RETURN count(n)", "2"},
		{"MATCH (n:Key {last: true}) RETURN n.id", "7; 8"},
		{"MATCH (n) WITH labels(n)[0] AS l, count(*) AS c WHERE c > 1 RETURN l, c ORDER BY l", "'Key',5; 'S',2"},
		{"MATCH (n) RETURN labels(n)[0] AS l, count(*) + 1 AS c ORDER BY count(*) + 1 DESC, l", "'Key',6; 'S',3; 'U',2"},
		{"MATCH (n:Key) RETURN DISTINCT n.id > 6 AS big ORDER BY big", "false; true"},
		{"UNWIND [1, 1.0, 2, null, null] AS x RETURN DISTINCT x", "1; 2; null"},
		{"UNWIND [3, null, 1] AS x RETURN x ORDER BY x", "1; 3; null"},
		{"UNWIND [2, 1] AS x WITH x ORDER BY x RETURN collect(x)", "[1,2]"},
		{"UNWIND [1, 2] AS x UNWIND [10, 20] AS y RETURN x + y", "11; 21; 12; 22"},
		{"UNWIND [] AS x RETURN count(x), sum(x), avg(x), max(x), collect(x)", "0,0,null,null,[]"},
		{"UNWIND [] AS x RETURN x, count(*)", ""},
		{"OPTIONAL MATCH (n:Nobody) RETURN n, n.x, labels(n)", "null,null,null"},
		{"MATCH (u:U) OPTIONAL MATCH (k:Key) WHERE k.id = u.i + 2 RETURN u.i, k.id", "3,5"},
		{"UNWIND [1, 9] AS i OPTIONAL MATCH (k:Key {id: i}) RETURN i, k.id", "1,1; 9,null"},
		{"WITH 1 AS a, 2 AS b RETURN *", "1,2"},
		{"WITH 1 AS a WITH *, a + 1 AS b RETURN b, a", "2,1"},
		{"WITH 1 AS x WITH x + 1 AS x RETURN x", "2"},
		{"MATCH (n:Key) WHERE n.id = 1 WITH n CREATE (m:Key {id: n.id + 100}) RETURN m.id", "101"},
		{"MATCH (n:Key) CREATE (:Copy {id: n.id})", ""},
		{"MATCH (n:Copy) RETURN count(n)", "6"},
		{"MATCH (n:Copy) DELETE n", ""},
		{"MATCH (n:Copy), (m:Key) DETACH DELETE n, m", ""},
		{"MATCH (n:Copy) RETURN count(n)", "0"},
		{"MATCH (n:Key), (m:Key) DELETE n, m", ""},
		{"MATCH (n:Key) RETURN count(n)", "0"},
		{"CREATE (n) DELETE n", ""},
		{"CREATE (a:A {i: 1}), (b:A {i: a.i + 1}) RETURN b.i", "2"},
		{"MATCH (n:A) RETURN n.i LIMIT 0", ""},
		{"MATCH (n:A) SET n.z = 1 RETURN n.i LIMIT 1", "1"},
		{"MATCH (n:A) RETURN sum(n.z)", "2"},
		{"MATCH (n:A) RETURN {node: n, list: [n]} LIMIT 1", "{list:[(:A{i:1,z:1})],node:(:A{i:1,z:1})}"},
		{"MATCH (n:A) RETURN count(n) AS n;", "2"},
		{"UNWIND range(1, 1000000000000) AS i WITH i WHERE i = 1 RETURN i LIMIT 1", "1"},
		{"match (`odd`:A) return `odd`.i as `x y` order by `x y`", "1; 2"},
	} {
		got, err := m.do(t.Context(), step.text, nil)
		if err != nil || got != step.want {
			t.Errorf("%s\n got %s (%v)\nwant %s", step.text, got, err, step.want)
		}
	}
}

// TestUpdatesDoNotDisturbTheirMatch has updates that would change what their
// own MATCH finds, if it were still looking.
func TestUpdatesDoNotDisturbTheirMatch(t *testing.T) {
	for _, test := range []struct{ setup, text, check, want string }{
		{
			"UNWIND range(1, 4) AS i CREATE (:A {v: i})",
			"MATCH (a:A), (b:A) WHERE a.v = b.v - 1 SET b.v = b.v + 10", "MATCH (n:A) RETURN collect(n.v)", "[1,12,13,14]",
		},
		{
			"UNWIND range(1, 4) AS i CREATE (:A {v: i})",
			"MATCH (a:A), (b:A) WHERE a.v + 1 = b.v WITH a, b DELETE a", "MATCH (n:A) RETURN collect(n.v)", "[4]",
		},
		{
			"CREATE (:A {v: 1})",
			"MATCH (a:A) WITH a UNWIND [1, 2] AS i CREATE (:A {v: i + a.v})", "MATCH (n:A) RETURN collect(n.v)", "[1,2,3]",
		},
		{
			"UNWIND [1, 2] AS i CREATE (:Key {id: i})",
			"MATCH (a:Key) MERGE (b:Key {id: a.id + 1}) ON CREATE SET b.new = true", "MATCH (n:Key) RETURN collect(n.id)", "[1,2,3]",
		},
		{
			"UNWIND [1, 1, 2] AS i CREATE (:A {v: i})",
			"MERGE (n:A {v: 1}) ON MATCH SET n.v = 2", "MATCH (n:A) RETURN collect(n.v)", "[2,2,2]",
		},
		{
			"UNWIND [1, 2] AS i CREATE (:A {v: i})",
			"MATCH (n:A) SET n.v = n.v + 1 WITH n MATCH (m:A) WHERE m.v = n.v CREATE (:B {v: m.v})", "MATCH (n:B) RETURN collect(n.v)", "[2,3]",
		},
		{"CREATE (:A {v: 1})", "MATCH (n:A) SET n.v = 9 RETURN n.v LIMIT 0", "MATCH (n:A) RETURN n.v", "9"},
	} {
		m := newMemory(t)
		for _, text := range []string{test.setup, test.text} {
			if _, err := m.do(t.Context(), text, nil); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		if got, err := m.do(t.Context(), test.check, nil); err != nil || got != test.want {
			t.Errorf("after %s: %s (%v); want %s", test.text, got, err, test.want)
		}
	}
}

func TestColumnsAreNamedByTheirText(t *testing.T) {
	statement, err := Parse("MATCH (n:S) RETURN collect(n.i), n.i  +  1, count( * ), n AS `x y`, 'a'")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(statement.(*Query).Fields(), "|"), "collect(n.i)|n.i  +  1|count( * )|x y|'a'"; got != want {
		t.Errorf("columns = %s; want %s", got, want)
	}
}

func TestParametersInEveryPlace(t *testing.T) {
	m := newMemory(t)
	params := map[string]any{
		"props": map[string]any{"id": int64(1), "x": nil, "list": []any{"a"}},
		"rows":  []any{map[string]any{"id": int64(2)}, map[string]any{"id": int64(3)}},
		"id":    2.0, "skip": int64(1), "0": int64(9),
	}
	for _, step := range []struct{ text, want string }{
		{"CREATE (n:Key $props) RETURN properties(n)", "{id:1,list:['a']}"},
		{"UNWIND $rows AS row MERGE (n:Key {id: row.id}) SET n += row RETURN n.id", "2; 3"},
		{"MATCH (n:Key {id: $id}) RETURN n.id", "2"},
		{"MATCH (n:Key) RETURN n.id SKIP $skip", "2; 3"},
		{"RETURN $0", "9"},
	} {
		got, err := m.do(t.Context(), step.text, params)
		if err != nil || got != step.want {
			t.Errorf("%s\n got %s (%v)\nwant %s", step.text, got, err, step.want)
		}
	}
}

func TestStats(t *testing.T) {
	m := newMemory(t)
	for _, step := range []struct {
		text string
		want Stats
		kind string
	}{
		{"CREATE (:A:B {x: 1}), (:A)", Stats{NodesCreated: 2, LabelsAdded: 3}, "w"},
		{"MATCH (n:A) SET n.x = 5, n += {y: 1, z: 2}, n:C:A", Stats{PropertiesSet: 6, LabelsAdded: 2}, "rw"},
		{"MATCH (n:A) REMOVE n:C, n.y", Stats{PropertiesSet: 2, LabelsRemoved: 2}, "rw"},
		{"MERGE (:A {x: 6})", Stats{NodesCreated: 1, LabelsAdded: 1}, "rw"},
		{"MATCH (n), (m) DELETE n, m", Stats{NodesDeleted: 3}, "rw"},
		{"RETURN 1", Stats{}, "r"},
	} {
		statement, err := Parse(step.text)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := Execute(t.Context(), statement.(*Query), nil, m)
		if err != nil {
			t.Fatal(err)
		}
		for ok := true; ok; {
			if _, ok, err = rows.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		summary := rows.Summary()
		rows.Close()
		if rows.Stats() != step.want || summary["type"] != step.kind {
			t.Errorf("%s: stats %+v type %v; want %+v %s", step.text, rows.Stats(), summary["type"], step.want, step.kind)
		}
		stats, some := summary["stats"].(map[string]any)
		if some != (step.want != Stats{}) || some && stats["nodes-created"] != step.want.NodesCreated {
			t.Errorf("%s: summary %v", step.text, summary)
		}
	}
}

func TestIndexSparesTheWalk(t *testing.T) {
	m := newMemory(t)
	if _, err := m.do(t.Context(), "UNWIND range(1, 100) AS i CREATE (:Key {id: i})", nil); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"MATCH (n:Key {id: 5}) RETURN n.id",
		"MATCH (n:Key) WHERE n.id = 2 + 3 AND n.id > 0 RETURN n.id",
		"MATCH (n:Other:Key) WHERE n.id = 5 RETURN 5",
		"WITH 5 AS x MATCH (n:Key) WHERE n.id = x RETURN n.id",
		"MATCH (n:Key) WHERE n.id IN [5] RETURN n.id",
		"MATCH (n:Key) WHERE n.id = null RETURN n.id",
		"MERGE (n:Key {id: 5}) RETURN n.id",
		"MATCH (n) WHERE id(n) = 5 RETURN n.id",
		"MATCH (n:Key {id: 5}), (m:Key {id: n.id}) RETURN m.id",
	} {
		for _, indexed := range []bool{true, false} {
			m.walked, m.indexed = 0, indexed
			got, err := m.do(t.Context(), text, nil)
			if want := "5"; err != nil || got != want && got != "" {
				t.Errorf("%s (indexed %t) = %s (%v); want %s", text, indexed, got, err, want)
			}
			if indexed && m.walked > 0 {
				t.Errorf("%s walked over %d nodes", text, m.walked)
			}
		}
	}
}

func TestLabelScans(t *testing.T) {
	statement, err := Parse("MATCH (n:S:T), (m), (:U {i: 1}) WHERE n.j = 2 RETURN count(n)")
	if err != nil {
		t.Fatal(err)
	}
	scans := statement.(*Query).LabelScans()
	if len(scans) != 2 || scans[0].Variable != "n" || strings.Join(scans[0].Labels, ":") != "S:T" ||
		scans[0].Properties[0] != "j" || scans[1].Variable != "" || scans[1].Properties[0] != "i" {
		t.Errorf("scans = %+v", scans)
	}
}

func TestUnwindStreams(t *testing.T) {
	statement, err := Parse("UNWIND range(1, 1000000000000) AS i RETURN i, [i] LIMIT 100000")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Execute(t.Context(), statement.(*Query), nil, newMemory(t))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for ; ; n++ {
		row, ok, err := rows.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		if row[0] != int64(n+1) {
			t.Fatalf("row %d = %v", n, row)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n != 100000 {
		t.Errorf("%d rows; want 100000", n)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("heap grew by %d bytes", grown)
	}
}

func TestContextEndsAQuery(t *testing.T) {
	reason := bolt.TransientError("Transaction was asked to abort by another user.")
	for _, text := range []string{
		"UNWIND range(1, 1000000000000) AS i RETURN count(i)",
		"UNWIND range(1, 1000000000000) AS i CREATE (n) DELETE n",
		"UNWIND range(1, 1000000000000) AS i WITH i WHERE i < 0 RETURN i",
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(reason)
		if _, err := newMemory(t).do(ctx, text, nil); !errors.Is(err, reason) {
			t.Errorf("%s = %v; want %v", text, err, reason)
		}
	}
}

func TestClosedRowsStop(t *testing.T) {
	statement, err := Parse("UNWIND range(1, 1000000000000) AS i RETURN i")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Execute(t.Context(), statement.(*Query), nil, newMemory(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := rows.Next(t.Context()); !ok || err != nil {
		t.Fatalf("first row: %t %v", ok, err)
	}
	rows.Close()
	rows.Close()
	if _, ok, err := rows.Next(t.Context()); ok || err != nil {
		t.Errorf("after close: %t %v; want the end", ok, err)
	}
}
