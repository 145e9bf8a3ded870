package cypher

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/standin/bolt"
)

func seeds(f *testing.F) {
	for _, text := range []string{
		"CREATE (:S {i: 1, s: 'one'}), (n:U) SET n.x = 1, n:V, n += {a: null} RETURN n",
		"MATCH (n:S {i: 2}), (m) WHERE n.i IN [1, $p] AND NOT m:T OR m.x STARTS WITH 'a' RETURN DISTINCT n.i AS x, count(*) ORDER BY x DESC SKIP 1 LIMIT 2",
		"MERGE (n:Key {id: 1}) ON CREATE SET n.c = 1 ON MATCH SET n.c = n.c + 1 RETURN CASE n.c WHEN 1 THEN [1][0..1] ELSE {a: -1.5e3}.a END",
		"UNWIND range(1, 10) AS i OPTIONAL MATCH (k:Key {id: i}) WITH i, collect(k) AS ks WHERE size(ks) >= 0 DETACH DELETE ks",
		"CREATE CONSTRAINT ON (n:M) ASSERT n.i, n.j IS UNIQUE;", "REGISTER REPLICA `mg-0` STRICT_SYNC TO 'a:1'",
		"SET REPLICATION ROLE TO REPLICA WITH PORT -1", "TERMINATE TRANSACTIONS '1', $x", "RETURN 'it\\'s \\u00e4' // c\n", "MATCH (n) RETURN *",
	} {
		f.Add(text)
	}
}

// FuzzParse looks for texts that make the parser panic, and checks that every
// error is one that can be sent.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if (s == nil) == (err == nil) {
			t.Fatalf("%q = %v, %v", text, s, err)
		}
		if err != nil {
			if _, ok := errors.AsType[bolt.Coded](err); !ok {
				t.Fatalf("%q: %v has no code", text, err)
			}
			return
		}
		if !strings.Contains(text, ";") {
			if again, err := Parse(text + " ;"); err != nil && !strings.Contains(text, "//") {
				t.Fatalf("%q parses but not with a semicolon: %v, %v", text, again, err)
			}
		}
	})
}

// FuzzExecute runs what parses on a small graph.
func FuzzExecute(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 300 || strings.Contains(strings.ToLower(text), "range") {
			return // a long product of lists takes all memory, here as in Memgraph
		}
		m := newMemory(t)
		for _, setup := range []string{"CREATE (:S {i: 1, s: 'a'}), (:S:T {i: 2}), (:Key {id: 1})"} {
			if _, err := m.do(t.Context(), setup, nil); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := m.do(ctx, text, map[string]any{"p": int64(1), "x": "1"})
		if err == nil || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), " is a cypher.") {
			return
		}
		if _, ok := errors.AsType[bolt.Coded](err); !ok {
			t.Fatalf("%q: %v has no code", text, err)
		}
	})
}

// FuzzSplitStatements checks that nothing but semicolons, spaces and comments
// is lost.
func FuzzSplitStatements(f *testing.F) {
	f.Add("A; 'b;c' ; `d;` // e;\n; /* f; */ g")
	f.Fuzz(func(t *testing.T, text string) {
		rest := text
		for _, s := range SplitStatements(text) {
			i := strings.Index(rest, s)
			if i < 0 || strings.TrimSpace(s) == "" {
				t.Fatalf("%q gave %q, which is not there", text, s)
			}
			rest = rest[i+len(s):]
		}
	})
}
