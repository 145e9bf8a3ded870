package cypher

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"memgraph-controller/internal/standin/bolt"
)

func TestSystemStatements(t *testing.T) {
	for text, want := range map[string]Statement{
		"SHOW REPLICATION ROLE":                                   ShowReplicationRole{},
		"show  replication\trole ;":                               ShowReplicationRole{},
		"/* a */ SHOW REPLICAS // b":                              ShowReplicas{},
		"SHOW REPLICATION LAG":                                    Coordination{Text: "SHOW REPLICATION LAG"},
		"SHOW INSTANCES":                                          Coordination{Text: "SHOW INSTANCES"},
		"SHOW INSTANCE":                                           Coordination{Text: "SHOW INSTANCE"},
		"SET INSTANCE instance_1 TO MAIN":                         Coordination{Text: "SET INSTANCE"},
		"YIELD LEADERSHIP;":                                       Coordination{Text: "YIELD LEADERSHIP"},
		"SHOW VERSION":                                            ShowVersion{},
		"SHOW STORAGE INFO":                                       ShowStorageInfo{},
		"SHOW STORAGE INFO ON CURRENT DATABASE":                   ShowStorageInfo{Current: true},
		"SHOW STORAGE INFO ON DATABASE memgraph":                  ShowStorageInfo{Database: "memgraph"},
		"SHOW CONFIG":                                             ShowConfig{},
		"SHOW INDEX INFO":                                         ShowIndexInfo{},
		"SHOW CONSTRAINT INFO":                                    ShowConstraintInfo{},
		"SHOW TRANSACTIONS":                                       ShowTransactions{},
		"SHOW RUNNING TRANSACTIONS":                               ShowTransactions{State: "running"},
		"TERMINATE TRANSACTIONS '1', \"2\", $id, 4":               TerminateTransactions{IDs: []TextOrParameter{{Text: "1"}, {Text: "2"}, {Parameter: "id"}, {Text: "4"}}},
		"SHOW SNAPSHOTS":                                          ShowSnapshots{},
		"SHOW NEXT SNAPSHOT":                                      ShowNextSnapshot{},
		"SHOW METRICS":                                            ShowMetrics{},
		"SHOW METRICS INFO":                                       ShowMetrics{},
		"SHOW LICENSE INFO":                                       ShowLicenseInfo{},
		"SHOW USERS":                                              ShowUsers{},
		"SHOW ACTIVE USERS INFO":                                  ShowActiveUsersInfo{},
		"SHOW DATABASES":                                          ShowDatabases{},
		"SHOW CURRENT DATABASE":                                   ShowDatabase{},
		"SET REPLICATION ROLE TO MAIN":                            SetReplicationRole{Main: true},
		"SET REPLICATION ROLE TO REPLICA WITH PORT 10":            SetReplicationRole{Port: 10},
		"set replication role to replica with port 99999;":        SetReplicationRole{Port: 99999},
		"REGISTER REPLICA b SYNC TO \"127.0.0.1:10001\"":          RegisterReplica{Name: "b", Mode: Sync, Address: "127.0.0.1:10001"},
		"REGISTER REPLICA `mg-0` STRICT_SYNC TO 'mg-0.mg:10000'":  RegisterReplica{Name: "mg-0", Mode: StrictSync, Address: "mg-0.mg:10000"},
		"REGISTER REPLICA Sync ASYNC TO ''":                       RegisterReplica{Name: "Sync", Mode: Async},
		"DROP REPLICA `mg-0`":                                     DropReplica{Name: "mg-0"},
		"CREATE SNAPSHOT;":                                        CreateSnapshot{},
		"STORAGE MODE IN_MEMORY_ANALYTICAL":                       StorageMode{Mode: "IN_MEMORY_ANALYTICAL"},
		"FREE MEMORY":                                             FreeMemory{},
		"CREATE INDEX ON :S":                                      CreateIndex{Label: "S"},
		"CREATE INDEX ON :S(i)":                                   CreateIndex{Label: "S", Properties: []string{"i"}},
		"DROP INDEX ON :S(i, j)":                                  DropIndex{Label: "S", Properties: []string{"i", "j"}},
		"CREATE CONSTRAINT ON (n:X) ASSERT EXISTS (n.a)":          CreateConstraint{Constraint: Constraint{Rule: "exists", Label: "X", Properties: []string{"a"}}},
		"CREATE CONSTRAINT ON (n:M) ASSERT n.i, n.j IS UNIQUE":    CreateConstraint{Constraint: Constraint{Rule: "unique", Label: "M", Properties: []string{"i", "j"}}},
		"DROP CONSTRAINT ON (n:M) ASSERT n.i IS TYPED STRING":     DropConstraint{Constraint: Constraint{Rule: "data_type", Label: "M", Properties: []string{"i"}, DataType: "STRING"}},
		"SET GLOBAL TRANSACTION ISOLATION LEVEL READ COMMITTED":   SetIsolationLevel{Scope: "GLOBAL", Level: "READ_COMMITTED"},
		"SET NEXT TRANSACTION ISOLATION LEVEL SNAPSHOT ISOLATION": SetIsolationLevel{Scope: "NEXT", Level: "SNAPSHOT_ISOLATION"},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %#v (%v); want %#v", text, got, err, want)
			continue
		}
		if got.Kind() != System {
			t.Errorf("%s has kind %d", text, got.Kind())
		}
	}
}

func TestFamiliesOfStatements(t *testing.T) {
	for text, want := range map[string]struct{ replication, schema bool }{
		"SHOW REPLICAS": {replication: true}, "DROP REPLICA x": {replication: true}, "SET REPLICATION ROLE TO MAIN": {replication: true},
		"CREATE INDEX ON :A": {schema: true}, "DROP CONSTRAINT ON (n:A) ASSERT EXISTS (n.b)": {schema: true}, "SHOW VERSION": {},
	} {
		s, err := Parse(text)
		if err != nil || IsReplication(s) != want.replication || ChangesSchema(s) != want.schema {
			t.Errorf("%s: replication %t, schema %t (%v); want %+v", text, IsReplication(s), ChangesSchema(s), err, want)
		}
	}
}

func TestKindOfQueries(t *testing.T) {
	for text, want := range map[string]Kind{
		"RETURN 1": Read, "MATCH (n) RETURN n": Read, "CREATE (n) DELETE n": Write, "MERGE (n:A)": Write,
		"MATCH (n) SET n.x = 1": Write, "MATCH (n) REMOVE n.x": Write, "MATCH (n) DETACH DELETE n": Write,
	} {
		if s, err := Parse(text); err != nil || s.Kind() != want {
			t.Errorf("%s has kind %v (%v); want %v", text, s, err, want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for text, want := range map[string]string{
		// Recorded on 3.6.2, but for the full list of what was expected:
		"SET REPLICATION ROLE TO REPLICA WITH PORT -1": "Error on line 1 position 43. The underlying parsing error is extraneous input '-' expecting {",
		"FOO":                               "Error on line 1 position 1. The underlying parsing error is mismatched input 'FOO' expecting {",
		"":                                  "Error on line 1 position 1. The underlying parsing error is mismatched input '<EOF>' expecting {",
		"RETURN":                            "Error on line 1 position 7. The underlying parsing error is no viable alternative at input '<EOF>'",
		"RETURN 1 2":                        "Error on line 1 position 10. The underlying parsing error is mismatched input '2' expecting {<EOF>, ';'}",
		"RETURN 1\n  2":                     "Error on line 2 position 3. The underlying parsing error is mismatched input '2' expecting {<EOF>, ';'}",
		"MATCH (n RETURN n":                 "Error on line 1 position 10. The underlying parsing error is no viable alternative at input '(nRETURN'",
		"CREATE ()-[:T]->()":                "Error on line 1 position 10. The underlying parsing error is extraneous input '-' (relationships are not yet supported by the stand-in)",
		"MATCH (a)<-[:T]-(b) RETURN a":      "Error on line 1 position 10. The underlying parsing error is extraneous input '<-' (relationships",
		"MATCH p = (a) RETURN p":            "Error on line 1 position 7. The underlying parsing error is extraneous input 'p' (named paths",
		"CALL mg.procedures() YIELD *":      "Error on line 1 position 1. The underlying parsing error is extraneous input 'CALL' (CALL is not yet",
		"RETURN 1 UNION RETURN 2":           "Error on line 1 position 10. The underlying parsing error is extraneous input 'UNION'",
		"RETURN [x IN [1] | x]":             "Error on line 1 position 9. The underlying parsing error is extraneous input 'x' (list comprehensions",
		"RETURN 'a' =~ 'b'":                 "Error on line 1 position 12. The underlying parsing error is extraneous input '=~' (regular",
		"RETURN 'abc":                       "Error on line 1 position 8. The underlying parsing error is token recognition error at: ''abc'",
		"RETURN 1 ? 2":                      "Error on line 1 position 10. The underlying parsing error is token recognition error at: '?'",
		"REGISTER REPLICA mg-0 SYNC TO 'x'": "Error on line 1 position 20. The underlying parsing error is mismatched input '-' expecting {",
		"REGISTER REPLICA a SYNC TO $x":     "Error on line 1 position 28. The underlying parsing error is mismatched input '$x' expecting {",
		"SHOW REPLICATION":                  "Error on line 1 position 6. The underlying parsing error is mismatched input 'REPLICATION' expecting {",
		"SHOW REPLICAS x":                   "Error on line 1 position 15. The underlying parsing error is mismatched input 'x' expecting {<EOF>, ';'}",
		"RETURN 1; RETURN 2":                "Error on line 1 position 11. The underlying parsing error is mismatched input 'RETURN' expecting {<EOF>, ';'}",
		"RETURN x y":                        "Error on line 1 position 10. The underlying parsing error is mismatched input 'y'", // syntax before meaning
		"RETURN ä.b c":                      "Error on line 1 position 12. ",
	} {
		_, err := Parse(text)
		syntax, ok := errors.AsType[*SyntaxError](err)
		if !ok || !strings.HasPrefix(syntax.Error(), want) || syntax.BoltCode() != bolt.CodeClient {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

func TestErrorsOfMeaning(t *testing.T) {
	for text, want := range map[string]string{
		"RETURN x":                                      "Unbound variable: x.",
		"MATCH (n) WHERE m.x = 1 RETURN n":              "Unbound variable: m.",
		"MATCH (n) WITH n.x AS x RETURN n":              "Unbound variable: n.",
		"SET n.x = 1":                                   "Unbound variable: n.",
		"MATCH (n) CREATE (n)":                          "Redeclaring variable: n.",
		"UNWIND [1] AS x UNWIND [2] AS x RETURN x":      "Redeclaring variable: x.",
		"MATCH (n) WITH n.x RETURN 1":                   "Only variables can be non-aliased in WITH.",
		"RETURN 1 AS a, 2 AS a":                         "Multiple results with the same name 'a' are not allowed.",
		"MATCH (n)":                                     "Query should either create or update something, or return results!",
		"MATCH (n) RETURN n RETURN n":                   "There can only be one RETURN in a clause.",
		"RETURN 1 AS n CREATE ()":                       "Update clause can't be used after RETURN.",
		"CREATE (n) MATCH (m) RETURN m":                 "MATCH can't be put after RETURN clause or after an update.",
		"CREATE (n) UNWIND [1] AS x RETURN x":           "UNWIND can't be put after RETURN clause or after an update.",
		"OPTIONAL MATCH (n) MATCH (m) RETURN m":         "MATCH can't be put after OPTIONAL MATCH.",
		"RETURN *":                                      "There are no variables in scope to use for '*'.",
		"RETURN foo(1)":                                 "Function 'FOO' doesn't exist.",
		"RETURN size()":                                 "'size' requires exactly 1 argument.",
		"RETURN range(1)":                               "'range' requires between 2 and 3 arguments.",
		"MATCH (n) WHERE count(n) > 1 RETURN n":         "Aggregation functions are only allowed in WITH and RETURN.",
		"RETURN sum(count(1))":                          "Using aggregation functions inside aggregation functions is not allowed.",
		"MATCH (n) RETURN n.x ORDER BY count(n)":        "Aggregation functions are only allowed in WITH and RETURN.",
		"WITH 1 AS x RETURN x LIMIT x":                  "Variables are not allowed in LIMIT.",
		"WITH 1 AS x RETURN x AS y SKIP y":              "Variables are not allowed in SKIP.",
		"RETURN 9223372036854775808":                    "Integer literal exceeds 64 bits.",
		"SET REPLICATION ROLE TO REPLICA":               "Replica must set a port!",
		"SET REPLICATION ROLE TO MAIN WITH PORT 1":      "Main can't set a port!",
		"SET REPLICATION ROLE TO REPLICA WITH PORT '1'": "Port must be an integer literal!",
		"REGISTER REPLICA a SYNC TO 10000":              "Socket address should be a string literal!",
	} {
		_, err := Parse(text)
		failed, ok := errors.AsType[*bolt.Error](err)
		if !ok || failed.Message != want || failed.Code != bolt.CodeClient {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestHostileDepthIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses": "RETURN " + strings.Repeat("(", 21_000),
		"lists":       "RETURN " + strings.Repeat("[", 21_000),
		"maps":        "RETURN " + strings.Repeat("{a:", 21_000),
		"NOT":         "RETURN " + strings.Repeat("NOT ", 21_000) + "true",
		"signs":       "RETURN " + strings.Repeat("- ", 21_000) + "x",
		"sums":        "RETURN 1" + strings.Repeat(" + 1", 21_000),
		"properties":  "WITH {} AS n RETURN n" + strings.Repeat(".a", 21_000),
		"indexes":     "WITH {} AS n RETURN 1 IN n" + strings.Repeat("['a']", 21_000),
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s nested 21000 deep were accepted", name)
		}
	}
	deep := "RETURN 1" + strings.Repeat(" + 1", 10_000)
	if got, err := newMemory(t).do(t.Context(), deep, nil); err != nil || got != "10001" {
		t.Errorf("a sum of 10001 numbers = %s (%v)", got, err)
	}
}

func TestSplitStatements(t *testing.T) {
	for text, want := range map[string][]string{
		"":                                      nil,
		" ;; \n // only a comment\n ; /* ; */ ": nil,
		"A":                                     {"A"},
		"A;B;":                                  {"A", "B"},
		"SET REPLICATION ROLE TO MAIN;\nCREATE (:A {s: ';', t: \"a\\\";\"}); MATCH (`a;b`) RETURN 1 // c;\n;": {
			"SET REPLICATION ROLE TO MAIN", "CREATE (:A {s: ';', t: \"a\\\";\"})", "MATCH (`a;b`) RETURN 1 // c;",
		},
		"A; RETURN 'open; B": {"A", "RETURN 'open; B"},
	} {
		if got := SplitStatements(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q was split into %q; want %q", text, got, want)
		}
	}
}
