package bolt

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

// drive returns a session of the official driver on a server for h.
func drive(t *testing.T, s *Server) (neo4j.DriverWithContext, neo4j.SessionWithContext) {
	t.Helper()
	driver, err := neo4j.NewDriverWithContext("bolt://"+start(t, s), neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	session := driver.NewSession(t.Context(), neo4j.SessionConfig{})
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(session.Close(ctx), driver.Close(ctx)); err != nil {
			t.Errorf("close the driver: %v", err)
		}
	})
	return driver, session
}

func TestDriverReadsManyRows(t *testing.T) {
	_, session := drive(t, &Server{Handler: &script{}})
	result, err := session.Run(t.Context(), "rows 10000", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for result.Next(t.Context()) {
		if n++; result.Record().Values[0] != n {
			t.Fatalf("row %d holds %v", n, result.Record().Values)
		}
	}
	summary, err := result.Consume(t.Context())
	if err != nil || n != 10000 {
		t.Fatalf("read %d rows (%v); want 10000", n, err)
	}
	if v := summary.Server().ProtocolVersion(); v.Major != 5 || v.Minor != 2 {
		t.Errorf("driver speaks %v; want 5.2", v)
	}
	if got := summary.Server().Agent(); got != DefaultServerName {
		t.Errorf("agent = %q", got)
	}
}

func TestDriverStopsInTheMiddle(t *testing.T) {
	h := &script{}
	_, session := drive(t, &Server{Handler: h})
	result, err := session.Run(t.Context(), "rows 10000", nil)
	if err != nil || !result.Next(t.Context()) {
		t.Fatalf("first row: %v", err)
	}
	if _, err := result.Consume(t.Context()); err != nil { // DISCARDs the rest
		t.Fatal(err)
	}
	if got := h.noted(); !strings.HasSuffix(got, "end; closed after 10000") {
		t.Errorf("session saw %q; want the result run to its end", got)
	}
}

func TestDriverTransactions(t *testing.T) {
	h := &script{}
	_, session := drive(t, &Server{Handler: h})
	work := func(tx neo4j.ManagedTransaction) (any, error) {
		result, err := tx.Run(t.Context(), "echo", map[string]any{"x": []any{int64(1), "ä", 1.5, nil, map[string]any{"k": true}}})
		if err != nil {
			return nil, err
		}
		record, err := result.Single(t.Context())
		if err != nil {
			return nil, err
		}
		return record.Values[0], nil
	}
	got, err := session.ExecuteWrite(t.Context(), work)
	if list, ok := got.([]any); err != nil || !ok || len(list) != 5 || list[1] != "ä" {
		t.Fatalf("echo = %v (%v)", got, err)
	}
	tx, err := session.BeginTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Run(t.Context(), "node", nil); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "open 5.2 ; begin; end; closed after 1; commit; begin; end; closed after 1; rollback"
	if got := h.noted(); got != want {
		t.Errorf("session saw %q; want %q", got, want)
	}
}

func TestDriverSeesFailures(t *testing.T) {
	driver, session := drive(t, &Server{Handler: &script{}})
	_, err := session.Run(t.Context(), "refuse", nil)
	refused, ok := errors.AsType[*neo4j.Neo4jError](err)
	if !ok || refused.Code != CodeClient || refused.Msg != "refused at run" || neo4j.IsRetryable(err) {
		t.Errorf("refused at run = %v", err)
	}
	result, err := session.Run(t.Context(), "rows 3 fail 2", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = result.Collect(t.Context())
	failed, ok := errors.AsType[*neo4j.Neo4jError](err)
	if !ok || failed.Code != CodeTransient || failed.Msg != "failed at pull" || !neo4j.IsRetryable(err) {
		t.Errorf("failed at pull = %v", err)
	}
	result, err = session.Run(t.Context(), "node", nil) // the same connection, after RESET
	if err != nil {
		t.Fatal(err)
	}
	record, err := result.Single(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	node, ok := record.Values[0].(neo4j.Node)
	if !ok || node.GetElementId() != "7" || node.Labels[0] != "L" || node.Props["p"] != int64(1) {
		t.Errorf("node = %#v", record.Values[0])
	}
	if err := driver.VerifyConnectivity(t.Context()); err != nil {
		t.Errorf("verify connectivity: %v", err)
	}
}

func TestDriverCannotRoute(t *testing.T) {
	addr := start(t, &Server{Handler: &script{}})
	driver, err := neo4j.NewDriverWithContext("neo4j://"+addr, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(context.WithoutCancel(t.Context()))
	err = driver.VerifyConnectivity(t.Context())
	if err == nil || !strings.Contains(err.Error(), "You cannot fetch routing table from an instance which is not part of a cluster.") {
		t.Errorf("neo4j:// = %v; want Memgraph's refusal", err)
	}
}

func TestDriverIsRefusedWithoutThePassword(t *testing.T) {
	addr := start(t, &Server{Handler: &script{}, Users: map[string]string{"ann": "secret"}})
	for password, want := range map[string]string{"secret": "", "wrong": "Authentication failure"} {
		driver, err := neo4j.NewDriverWithContext("bolt://"+addr, neo4j.BasicAuth("ann", password, ""))
		if err != nil {
			t.Fatal(err)
		}
		err = driver.VerifyConnectivity(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("with password %q: %v; want %q", password, err, want)
		}
		if err := driver.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
