package cypher

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/standin/bolt"
)

// database is a bolt.Handler over a memory graph: one transaction at a time,
// which is undone by putting the old nodes back.
type database struct {
	t     testing.TB
	mu    sync.Mutex // held by the open transaction
	graph *memory
}

func (d *database) Open(context.Context, bolt.Hello) (bolt.Session, error) {
	return &databaseSession{db: d}, nil
}

type databaseSession struct {
	db     *database
	before map[int64]Node // nodes when the open transaction began; nil: none is open
}

func (s *databaseSession) begin() {
	s.db.mu.Lock()
	s.before = maps.Clone(s.db.graph.nodes)
}

func (s *databaseSession) end(keep bool) {
	if s.before == nil {
		return
	}
	if !keep {
		s.db.graph.nodes = s.before
	}
	s.before = nil
	s.db.mu.Unlock()
}

func (s *databaseSession) Begin(context.Context, map[string]any) error { s.begin(); return nil }
func (s *databaseSession) Commit(context.Context) error                { s.end(true); return nil }
func (s *databaseSession) Rollback(context.Context) error              { s.end(false); return nil }
func (s *databaseSession) Reset(context.Context)                       { s.end(false) }
func (s *databaseSession) Close()                                      { s.end(false) }

func (s *databaseSession) Run(ctx context.Context, text string, params, _ map[string]any) (bolt.Result, error) {
	statement, err := Parse(text)
	if err != nil {
		return nil, err
	}
	q, ok := statement.(*Query)
	if !ok {
		return nil, bolt.ClientError(fmt.Sprintf("%T is not for this test", statement))
	}
	auto := s.before == nil
	if auto {
		s.begin()
	}
	rows, err := Execute(ctx, q, params, s.db.graph)
	if err != nil {
		if auto {
			s.end(false)
		}
		return nil, err
	}
	return &databaseResult{rows, s, auto}, nil
}

// databaseResult commits an auto-commit transaction after its last row.
type databaseResult struct {
	*Rows
	session *databaseSession
	auto    bool
}

func (r *databaseResult) Next(ctx context.Context) ([]any, bool, error) {
	row, ok, err := r.Rows.Next(ctx)
	if r.auto && !ok {
		r.session.end(err == nil)
	}
	return row, ok, err
}

func (r *databaseResult) Close() {
	r.Rows.Close()
	if r.auto {
		r.session.end(false)
	}
}

// serveDatabase serves a new database until the test ends.
func serveDatabase(t *testing.T) (addr string, graph *memory) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	graph = newMemory(t)
	server := &bolt.Server{Handler: &database{t: t, graph: graph}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String(), graph
}

// TestOfficialDriver takes the Go driver through what programs do with it.
func TestOfficialDriver(t *testing.T) {
	ctx := t.Context()
	addr, _ := serveDatabase(t)
	driver, err := neo4j.NewDriverWithContext("bolt://"+addr, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(context.WithoutCancel(ctx))
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(context.WithoutCancel(ctx))

	single := func(text string, params map[string]any) any {
		t.Helper()
		result, err := session.Run(ctx, text, params)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		record, err := result.Single(ctx)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return record.Values[0]
	}

	t.Run("auto-commit with parameters", func(t *testing.T) {
		result, err := session.Run(ctx, "UNWIND $rows AS row CREATE (n:P) SET n = row", map[string]any{
			"rows": []map[string]any{{"id": 1, "name": "Ann"}, {"id": 2, "tags": []string{"x"}, "none": nil}},
		})
		if err != nil {
			t.Fatal(err)
		}
		summary, err := result.Consume(ctx)
		if err != nil || summary.Counters().NodesCreated() != 2 || summary.Counters().PropertiesSet() != 5 {
			t.Fatalf("counters %+v (%v)", summary.Counters(), err)
		}
		if summary.StatementType() != neo4j.StatementTypeWriteOnly {
			t.Errorf("statement type = %v; want write only", summary.StatementType())
		}
		node, ok := single("MATCH (n:P {id: $id}) RETURN n", map[string]any{"id": 2}).(neo4j.Node)
		if !ok || node.Labels[0] != "P" || node.Props["tags"].([]any)[0] != "x" || len(node.Props) != 2 {
			t.Errorf("node = %+v", node)
		}
	})
	t.Run("ten thousand rows", func(t *testing.T) {
		result, err := session.Run(ctx, "UNWIND range(1, 10000) AS i RETURN i, toString(i) AS s", nil)
		if err != nil {
			t.Fatal(err)
		}
		records, err := result.Collect(ctx)
		if err != nil || len(records) != 10000 || records[9999].AsMap()["s"] != "10000" {
			t.Fatalf("%d records (%v)", len(records), err)
		}
	})
	t.Run("managed transactions", func(t *testing.T) {
		_, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
			for i := range 3 {
				if _, err := tx.Run(ctx, "MERGE (n:Key {id: $i})", map[string]any{"i": i}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		count, err := session.ExecuteRead(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
			result, err := tx.Run(ctx, "MATCH (n:Key) RETURN count(n) AS c", nil)
			if err != nil {
				return nil, err
			}
			return neo4j.SingleTWithContext(ctx, result, func(r *neo4j.Record) (any, error) { return r.Values[0], nil })
		})
		if err != nil || count != int64(3) {
			t.Errorf("count = %v (%v); want 3", count, err)
		}
	})
	t.Run("rollback", func(t *testing.T) {
		tx, err := session.BeginTransaction(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Run(ctx, "CREATE (:Gone)", nil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
		if got := single("MATCH (n:Gone) RETURN count(n)", nil); got != int64(0) {
			t.Errorf("%v nodes are left of a transaction rolled back", got)
		}
	})
	t.Run("failures leave no trace", func(t *testing.T) {
		for text, want := range map[string]string{
			"CREATE (:Gone) RETURN 1 / 0": "Division by zero.",
			"CREATE (:Gone) RETURN $no":   "Parameter $no not provided.",
			"CREATE (:Gone) RETURN":       "Error on line 1 position 22. The underlying parsing error is no viable alternative at input '<EOF>'",
			"CREATE ()-[:T]->()":          "Error on line 1 position 10. The underlying parsing error is extraneous input '-' (relationships are not yet supported by the stand-in)",
		} {
			result, err := session.Run(ctx, text, nil)
			if err == nil {
				_, err = result.Consume(ctx)
			}
			failed, ok := errors.AsType[*neo4j.Neo4jError](err)
			if !ok || failed.Msg != want || failed.Code != bolt.CodeClient {
				t.Errorf("%s: %v; want %s", text, err, want)
			}
		}
		tx, err := session.BeginTransaction(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Run(ctx, "CREATE (:Gone)", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Run(ctx, "RETURN x", nil); err == nil || !strings.Contains(err.Error(), "Unbound variable: x.") {
			t.Errorf("unbound variable in a transaction: %v", err)
		}
		if err := tx.Close(ctx); err != nil {
			t.Error(err)
		}
		if got := single("MATCH (n:Gone) RETURN count(n)", nil); got != int64(0) {
			t.Errorf("%v nodes are left of failed transactions", got)
		}
	})
	t.Run("stopping in the middle", func(t *testing.T) {
		result, err := session.Run(ctx, "UNWIND range(1, 5000) AS i RETURN i", nil)
		if err != nil || !result.Next(ctx) {
			t.Fatalf("first row: %v", err)
		}
		if got := single("CREATE (n) DELETE n RETURN 'marker'", nil); got != "marker" { // the driver discards the rest
			t.Errorf("marker = %v", got)
		}
	})
}
