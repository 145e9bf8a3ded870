package register

import (
	"errors"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/sandbox/bench"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// at makes an operation of register 1 that lasts from begin to end, in milliseconds
// after noon.
func at(begin, end int, write bool, value int64, outcome bench.Outcome) Operation {
	ms := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Millisecond) }
	return Operation{Key: 1, Write: write, Value: value, Begin: ms(begin), End: ms(end), Outcome: outcome}
}

const write, read = true, false

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		history []Operation
		want    Linearizable
	}{
		"nothing was done": {nil, Unknown},
		"nothing is known": {[]Operation{at(0, 1, read, 0, bench.Unknown), at(2, 3, write, 7, bench.Refused)}, Unknown},
		"one after another": {[]Operation{
			at(0, 1, read, Initial, bench.Acked), at(2, 3, write, 1, bench.Acked), at(4, 5, read, 1, bench.Acked),
		}, Yes},
		"a read beside a write sees either": {[]Operation{
			at(0, 9, write, 1, bench.Acked), at(1, 2, read, Initial, bench.Acked), at(3, 4, read, 1, bench.Acked),
		}, Yes},
		"a stale read": {[]Operation{
			at(0, 1, write, 1, bench.Acked), at(2, 3, write, 2, bench.Acked), at(4, 5, read, 1, bench.Acked),
		}, No},
		"an acknowledged write is gone": {[]Operation{at(0, 1, write, 1, bench.Acked), at(4, 5, read, Initial, bench.Acked)}, No},
		"the register is gone":          {[]Operation{at(4, 5, read, Absent, bench.Acked)}, No},
		"a read goes back": {[]Operation{
			at(0, 9, write, 1, bench.Acked), at(1, 2, read, 1, bench.Acked), at(3, 4, read, Initial, bench.Acked),
		}, No},
		"a refused write is seen": {[]Operation{at(0, 1, write, 1, bench.Refused), at(2, 3, read, 1, bench.Acked)}, No},
		"an unknown write takes effect long after the client gave up": {[]Operation{
			at(0, 1, write, 1, bench.Unknown), at(2, 3, read, Initial, bench.Acked), at(4, 5, read, 1, bench.Acked),
		}, Yes},
		"an unknown write is not undone": {[]Operation{
			at(0, 1, write, 1, bench.Unknown), at(2, 3, read, 1, bench.Acked), at(4, 5, read, Initial, bench.Acked),
		}, No},
		"an unknown write does not happen before it was begun": {[]Operation{
			at(0, 1, read, 1, bench.Acked), at(2, 3, write, 1, bench.Unknown),
		}, No},
	} {
		if got := Check(c.history, time.Minute); got.Linearizable != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

func TestCheckJudgesRegistersApart(t *testing.T) {
	other := func(o Operation) Operation { o.Key = 2; return o }
	good := []Operation{at(0, 1, write, 1, bench.Acked), at(2, 3, read, 1, bench.Acked), other(at(2, 3, read, Initial, bench.Acked))}
	if got := Check(good, time.Minute); got != (Judgement{Linearizable: Yes, Operations: 3, Key: 1}) {
		t.Errorf("%+v", got)
	}
	if got := Check(append(good, other(at(4, 5, read, 1, bench.Acked))), time.Minute); got.Linearizable != No || got.Key != 2 {
		t.Errorf("register 2 has a value nobody wrote: %+v", got)
	}
}

// Writes whose outcome is unknown and that nobody saw cost no time.
func TestCheckWithManyUnknownWrites(t *testing.T) {
	var history []Operation
	for i := range 500 {
		history = append(history, at(i, i+1, write, int64(i+1), bench.Unknown))
	}
	history = append(history, at(600, 601, read, 250, bench.Acked), at(602, 603, read, 499, bench.Acked))
	if got := Check(history, time.Minute); got.Linearizable != Yes || got.Operations != 4 {
		t.Errorf("%+v, want yes by 4 operations", got)
	}
}

func TestWorse(t *testing.T) {
	for _, c := range []struct{ a, b, want Linearizable }{
		{"", "", ""},
		{"", Yes, Yes},
		{Yes, Unknown, Unknown},
		{No, Unknown, No},
		{Yes, No, No},
		{Unknown, "", Unknown},
	} {
		if got := c.a.Worse(c.b); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestClassify(t *testing.T) {
	server := func(text string) error { return &neo4j.Neo4jError{Code: "Memgraph.TransientError", Msg: text} }
	for _, c := range []struct {
		err  error
		want bench.Outcome
	}{
		{nil, bench.Acked},
		{server("Cannot resolve conflicting transactions. You can retry this transaction when the conflicting transaction is finished."), bench.Refused},
		{server("Write queries are forbidden on the replica instance."), bench.Refused},
		{server("Transaction is still committed on the main instance"), bench.Unknown},
		{errors.New("EOF"), bench.Unknown},
	} {
		if got := classify(c.err); got != c.want {
			t.Errorf("%v: outcome %d, want %d", c.err, got, c.want)
		}
	}
}

func TestLast(t *testing.T) {
	reads := Last(map[int64]int64{1: 5}, []int64{1, 2}, noon, noon.Add(time.Second))
	if len(reads) != 2 || reads[0].Value != 5 || reads[1].Value != Absent || reads[0].Write || reads[0].Outcome != bench.Acked {
		t.Errorf("%+v", reads)
	}
}
