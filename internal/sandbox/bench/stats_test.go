package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
)

func TestClassifyCallsRefusedOnlyWhatWasNotApplied(t *testing.T) {
	server := func(msg string) error {
		return &neo4j.Neo4jError{Code: "Memgraph.ClientError.MemgraphError.MemgraphError", Msg: msg}
	}
	for _, tt := range []struct {
		name string
		err  error
		want Outcome
	}{
		{"no error", nil, Acked},
		{"3.12 abort", server("Replication Exception: Failed to replicate to STRICT_SYNC replica 'b': RPC communication error. Replica will be recovered automatically. Transaction was aborted on all instances. Check the status of the replicas using 'SHOW REPLICAS' query."), Refused},
		{"3.6 abort", server("At least one STRICT_SYNC replica has not confirmed committing last transaction. Transaction will be aborted on all instances."), Refused},
		{"SYNC keeps it", server("At least one SYNC replica has not confirmed committing last transaction."), Unknown},
		{"3.12 SYNC keeps it", server("Replication Exception: Failed to replicate to SYNC replica 'b': RPC communication error. Replica will be recovered automatically. Transaction is still committed on the main instance and other alive replicas."), Unknown},
		{"a replica", server("Write queries are forbidden on the replica instance. Replica instances accept only read queries, while the main instance accepts read and write queries. Please retry your query on the main instance."), Refused},
		{"demoted while committing", server("Cannot commit because instance is not main anymore."), Unknown},
		{"nobody listens", &neo4j.ConnectivityError{Inner: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}, Refused},
		{"connection lost", &neo4j.ConnectivityError{Inner: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}, Unknown},
		{"connection closed", &neo4j.ConnectivityError{Inner: io.EOF}, Unknown},
		{"no answer in time", context.DeadlineExceeded, Unknown},
	} {
		if got := Classify(tt.err); got != tt.want {
			t.Errorf("%s: outcome %d; want %d", tt.name, got, tt.want)
		}
	}
}

func TestQuantilesAreNearestRank(t *testing.T) {
	for _, tt := range []struct {
		n        int // of 1 ms, 2 ms … n ms
		p50, p99 float64
	}{{1, 1, 1}, {2, 1, 2}, {3, 2, 3}, {4, 2, 4}, {5, 3, 5}, {50, 25, 50}, {99, 50, 99}, {100, 50, 99}, {101, 51, 100}, {200, 100, 198}} {
		var ds []time.Duration
		for i := range tt.n {
			ds = append(ds, time.Duration(tt.n-i)*time.Millisecond)
		}
		if got, want := Summarize(ds), (Quantiles{P50: tt.p50, P99: tt.p99, Max: float64(tt.n)}); got != want {
			t.Errorf("of 1..%d ms = %+v; want %+v", tt.n, got, want)
		}
	}
	if got, want := Summarize([]time.Duration{1234 * time.Microsecond}), (Quantiles{P50: 1.2, P99: 1.2, Max: 1.2}); got != want {
		t.Errorf("of one = %+v; want %+v", got, want)
	}
	if got := Summarize(nil); got != (Quantiles{}) {
		t.Errorf("of none = %+v; want zeros", got)
	}
}

func TestAnyWrongFailsTheBench(t *testing.T) {
	if r := (Report{Acked: 9, Unknown: 2, Refused: 3, ClientErrors: 5}); !r.Passed() {
		t.Error("a report without anything wrong fails")
	}
	for _, r := range []Report{{Lost: 1}, {Dup: 1}, {RefusedFound: 1}, {Unequal: 1}, {Problem: "not healed"}} {
		if r.Passed() {
			t.Errorf("%+v passes", r)
		}
	}
}

// at is a moment in milliseconds.
func at(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

func ack(writer, begin, end int) Attempt {
	return Attempt{Writer: writer, Begin: at(begin), End: at(end), Outcome: Acked}
}

func TestResumedCountsOnlyWritesBegunAfterTheFault(t *testing.T) {
	blow := Blow{Before: at(100), After: at(102)}
	attempts := []Attempt{
		ack(0, 90, 95),
		ack(0, 101, 103),  // begun while the fault struck: the old MAIN may have answered
		ack(1, 99, 2500),  // was in flight
		ack(2, 150, 1900), // the first
		{Writer: 1, Begin: at(110), End: at(120), Outcome: Refused},
		ack(0, 140, 1950),
	}
	if got, ok := Resumed(attempts, blow); !ok || got != 1800*time.Millisecond {
		t.Errorf("resumed after %s, %t; want 1.8s, from the fault to the end of the first write begun after it", got, ok)
	}
	if got, ok := Resumed(attempts[:3], blow); ok {
		t.Errorf("resumed after %s though no write begun after the fault was acknowledged", got)
	}
}

func TestLongestGapIsOfOneWriterAroundTheFault(t *testing.T) {
	blow := Blow{Before: at(1000), After: at(1001)}
	attempts := []Attempt{
		ack(0, 0, 10), ack(0, 890, 900), // a long wait before the fault does not count
		ack(0, 901, 1100), ack(0, 1101, 1110),
		ack(1, 990, 995), ack(1, 1300, 1320), ack(1, 1330, 1340),
		{Writer: 1, Begin: at(1200), End: at(1210)},
	}
	if got, over := LongestGap(attempts, blow, at(1400)); got != 325*time.Millisecond || over != 320*time.Millisecond {
		t.Errorf("longest gap = %s, over %s after the fault; want 325ms, of writer 1 from 995 to 1320", got, over)
	}
	silent := append(slices.Clone(attempts), ack(2, 800, 950))
	if got, _ := LongestGap(silent, blow, at(1400)); got != 450*time.Millisecond {
		t.Errorf("longest gap = %s; want 450ms, of writer 2 that was never acknowledged again", got)
	}
}

func TestJudgeNamesEveryKindOfWrong(t *testing.T) {
	var attempts []Attempt
	for i, o := range []Outcome{Acked, Acked, Acked, Refused, Refused, Unknown, Unknown} {
		attempts = append(attempts, Attempt{ID: int64(i + 1), Outcome: o})
	}
	whole := map[int64]int{1: 1, 2: 1, 3: 1, 6: 1}
	v := Judge(attempts, []map[int64]int{whole, whole, whole})
	if !v.Clean() || v.Acked != 3 || v.Refused != 2 || v.Unknown != 2 {
		t.Errorf("verdict on equal nodes = %+v; want it clean with 3, 2 and 2", v)
	}
	v = Judge(attempts, []map[int64]int{{1: 1, 2: 2, 3: 1, 4: 1}, {1: 1, 2: 2, 4: 1}})
	check := func(what string, got []int64, want ...int64) {
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v; want %v", what, got, want)
		}
	}
	check("lost", v.Lost, 3)
	check("dup", v.Dup, 2)
	check("lies", v.Lies, 4)
	check("unequal", v.Unequal, 3)
}
