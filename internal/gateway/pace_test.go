package gateway

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/bolt"
)

func TestPaceTellsOfTheLastSeconds(t *testing.T) {
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	p := pace{began: began}
	demand := func(when float64, count int, mean, longest time.Duration) {
		t.Helper()
		if n, m, l := p.lately(at(when)); n != count || m != mean || l != longest {
			t.Errorf("after %v s: %d answers, %v on the average, %v at the longest; want %d, %v, %v", when, n, m, l, count, mean, longest)
		}
	}
	demand(0, 0, 0, 0)
	p.note(at(0.1), 10*time.Millisecond)
	p.note(at(0.9), 30*time.Millisecond)
	demand(0.95, 0, 0, 0) // the present second is not over
	demand(1, 2, 20*time.Millisecond, 30*time.Millisecond)
	p.note(at(3), 80*time.Millisecond)
	demand(3.9, 2, 20*time.Millisecond, 30*time.Millisecond)
	demand(4, 3, 40*time.Millisecond, 80*time.Millisecond)
	demand(5.9, 3, 40*time.Millisecond, 80*time.Millisecond)
	demand(6, 1, 80*time.Millisecond, 80*time.Millisecond)
	p.note(at(6), time.Millisecond) // where the first ones were
	demand(7, 2, 40500*time.Microsecond, 80*time.Millisecond)
	p.note(at(0.9), time.Minute) // its client did not read until now: another second is in its place
	demand(7, 2, 40500*time.Microsecond, 80*time.Millisecond)
	demand(100, 0, 0, 0)
}

func TestPaceAllocatesNothing(t *testing.T) {
	p := pace{began: time.Now()}
	if n := testing.AllocsPerRun(100, func() {
		p.note(time.Now(), time.Millisecond)
		p.lately(time.Now())
	}); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// TestAnswersAreTimedToTheirEnd: the server takes a statement at once and commits it
// half a second later, which is when the client knows. The read-only door does not
// count.
func TestAnswersAreTimedToTheirEnd(t *testing.T) {
	for name, door := range map[string]struct {
		options func(*pipes) Options
		count   int
	}{
		"read/write": {func(p *pipes) Options { return Options{ReadWrite: p, Dial: p.dial} }, 1},
		"read-only":  {func(p *pipes) Options { return Options{ReadOnly: p, Dial: p.dial} }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipes()
				g := start(t, door.options(p))
				g.Follow(Route{Epoch: 1, Main: "m:1", State: Open})
				ours, theirs := net.Pipe()
				t.Cleanup(func() { ours.Close() })
				p.clients <- theirs
				go func() { commitsLate(<-p.servers, 500*time.Millisecond) }()
				r := (&raw{Conn: ours, t: t, gate: g}).greets()
				r.send(run, pull)
				r.hears(bolt.Success, bolt.Success)
				time.Sleep(time.Second)
				st := g.Stats()
				if st.Answers != door.count {
					t.Fatalf("%d answers; want %d", st.Answers, door.count)
				}
				if want := time.Duration(door.count) * 500 * time.Millisecond; st.AnswerMean != want || st.AnswerLongest != want {
					t.Errorf("%v on the average, %v at the longest; want %v", st.AnswerMean, st.AnswerLongest, want)
				}
			})
		})
	}
}

// commitsLate serves one client, and ends the first result after a while.
func commitsLate(c net.Conn, after time.Duration) {
	defer c.Close()
	login := bytes.Join([][]byte{message(bolt.Hello, map[string]any{"user_agent": "raw"}), message(bolt.Logon, map[string]any{"scheme": "none"})}, nil)
	agreed := bolt.Version{Major: 5, Minor: 2}.Answer()
	yes := message(bolt.Success, map[string]any{})
	for _, step := range []struct {
		wants int
		says  []byte
		after time.Duration
	}{
		{bolt.HelloSize, agreed[:], 0},
		{len(login), append(yes, yes...), 0},
		{len(run) + len(pull), yes, 0},
		{0, yes, after},
		{1, nil, 0}, // until the client goes
	} {
		if _, err := io.ReadFull(c, make([]byte, step.wants)); err != nil {
			return
		}
		time.Sleep(step.after)
		if _, err := c.Write(step.says); err != nil {
			return
		}
	}
}
