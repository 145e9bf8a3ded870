package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/test/drivers/judge"
)

func TestWhatNodeTellsIsAnOperation(t *testing.T) {
	var got []judge.Op
	err := listen(strings.NewReader(`{"client":3,"id":7,"begin":1500.25,"end":1501.5,"tries":2,"sent":1,"door":"a:1"}
{"client":4,"id":0,"begin":1,"end":2,"tries":0,"sent":0,"door":"","failure":{"code":"ServiceUnavailable","text":"gone","retriable":true}}
`), func(o judge.Op) { got = append(got, o) })
	if err != nil || len(got) != 2 {
		t.Fatalf("%d operations, %v", len(got), err)
	}
	if o := got[0]; o.Client != 3 || o.ID != 7 || o.Tries != 2 || o.Sent != 1 || o.Door != "a:1" || o.Failure != nil ||
		!o.Begin.Equal(time.UnixMicro(1500250)) || !o.End.Equal(time.UnixMicro(1501500)) {
		t.Errorf("first operation %+v", o)
	}
	if o := got[1]; o.ID != 0 || o.Failure == nil || *o.Failure != (judge.Failure{Code: "ServiceUnavailable", Text: "gone", Retriable: true}) {
		t.Errorf("second operation %+v", o)
	}
	if err := listen(strings.NewReader("Warning: x\n"), func(judge.Op) {}); err == nil || !strings.Contains(err.Error(), "Warning: x") {
		t.Errorf("a line that is no operation: %v; want it named", err)
	}
}

func TestFailureIsWhatTheGoDriverTells(t *testing.T) {
	for _, tt := range []struct {
		err       error
		code      string
		retriable bool
	}{
		{&neo4j.Neo4jError{Code: "Memgraph.TransientError.Failover.NoMain", Msg: "none"}, "Memgraph.TransientError.Failover.NoMain", true},
		{&neo4j.Neo4jError{Code: "Memgraph.ClientError.Failover.CommitOutcomeUnknown"}, "Memgraph.ClientError.Failover.CommitOutcomeUnknown", false},
		{&neo4j.ConnectivityError{Inner: io.EOF}, "ConnectivityError", true},
		{errors.New("x"), "*errors.errorString", false},
	} {
		if got := failure(tt.err); got.Code != tt.code || got.Retriable != tt.retriable {
			t.Errorf("%v: %+v; want %s, retriable %t", tt.err, got, tt.code, tt.retriable)
		}
	}
	if failure(nil) != nil {
		t.Error("no error is a failure")
	}
}

func TestMissingDriverSaysWhatToRun(t *testing.T) {
	if err := CheckNode(t.TempDir()); err == nil || !strings.Contains(err.Error(), "test/drivers/js/install.sh") {
		t.Errorf("%v; want what to run", err)
	}
}
