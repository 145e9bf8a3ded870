package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/inmemory"
	"memgraph-controller/internal/sandbox/bench"
)

// do carries out commands and returns what the last one said.
func do(t *testing.T, s *Sandbox, lines ...string) (said string) {
	t.Helper()
	for _, line := range lines {
		var err error
		if said, err = s.Do(t.Context(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return said
}

// untilAdvised waits until the screen gives an advice.
func untilAdvised(t *testing.T, s *Sandbox, advice string) {
	t.Helper()
	decision := func() string { return s.Snapshot().Decision }
	until(t, "the screen advises: "+advice, func() bool { return strings.Contains(decision(), advice) }, decision)
}

// untilSilent waits until the leader has seen that nodes do not answer: before
// that it acts upon what it saw last.
func untilSilent(t *testing.T, s *Sandbox, nodes ...cluster.Ordinal) {
	t.Helper()
	until(t, fmt.Sprintf("%v are silent", nodes), func() bool {
		rows := s.Snapshot().Nodes
		return !slices.ContainsFunc(nodes, func(n cluster.Ordinal) bool { return rows[n].State != "silent" })
	}, s.Lacks)
}

func TestRecordIsForgottenAndClientsDoNotNotice(t *testing.T) {
	t.Parallel()
	s, _ := started(t, "")
	untilWhole(t, s)
	ctx := t.Context()
	driver, err := neo4j.NewDriverWithContext("bolt://"+s.slots[0].write, neo4j.NoAuth())
	if err != nil {
		t.Fatal(err)
	}
	defer driver.Close(ctx)
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer session.Close(ctx)
	tx, err := session.BeginTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	write := func(id int) {
		t.Helper()
		if _, err := tx.Run(ctx, "CREATE (:W {id: $id})", map[string]any{"id": id}); err != nil {
			t.Fatalf("write in the open transaction: %v", err)
		}
	}
	write(1)
	epoch, before := s.Epoch(), s.record.Load()
	do(t, s, "forget")
	until(t, "the record is written anew", func() bool {
		r := s.record.Load()
		return r != nil && r != before
	}, s.Lacks)
	untilWhole(t, s)
	write(2)
	if err := tx.Commit(ctx); err != nil {
		t.Errorf("commit of a transaction that was begun before the record was deleted: %v", err)
	}
	if s.Epoch() != epoch {
		t.Errorf("epoch %d after %d; want the same reign adopted", s.Epoch(), epoch)
	}
	for _, sl := range s.slots {
		r, _ := sl.alive()
		if cut := r.Status().Gateway.CutTotal; cut != 0 {
			t.Errorf("%s cut %d sessions (P9)", sl.name, cut)
		}
	}
}

func TestHumanDecidesWhatTheControllersRefuseToGuess(t *testing.T) {
	t.Parallel()
	s, _ := started(t, "")
	untilWhole(t, s)
	write(t, s, 0, 1)

	do(t, s, "pause all")
	untilSilent(t, s, 0, 1, 2)
	do(t, s, "forget")
	crashed, err := s.CrashLeader() // it kept the record, and would go on with it
	if err == nil {
		err = s.Replace(crashed)
	}
	if err != nil {
		t.Fatal(err)
	}
	do(t, s, "kill all")
	untilAdvised(t, s, "choose: adopt N")
	if said := do(t, s, "adopt --main 2"); !strings.Contains(said, ": bootstrap: adopted by request; memgraph-2 is promoted") {
		t.Errorf("adopt said %q; want the controller's own words", said)
	}
	untilWhole(t, s)
	if main, _ := s.Main(); main != 2 {
		t.Errorf("MAIN is %s; want the one adopted", main)
	}
	if _, err := s.Do(t.Context(), "adopt 1"); err == nil || !strings.Contains(err.Error(), "adopt refused: memgraph-2 is recorded as MAIN") {
		t.Errorf("adopt beside a record: %v; want the controller's refusal", err)
	}

	seat := s.record.Load().Promotable[0].Node
	other := 1 - seat // 2 is MAIN
	do(t, s, fmt.Sprintf("cut %d", seat))
	untilSilent(t, s, seat)
	do(t, s, "wipe main")
	untilAdvised(t, s, "promote NODE --accept-data-loss")
	promote := fmt.Sprintf("promote %d", other)
	if _, err := s.Do(t.Context(), promote); err == nil || !strings.Contains(err.Error(), "add --accept-data-loss") {
		t.Errorf("%s: %v; want the controller's refusal", promote, err)
	}
	if said := do(t, s, promote+" --accept-data-loss"); !strings.Contains(said, "is promoted by request, accepting the loss") {
		t.Errorf("promote said %q; want the controller's own words", said)
	}
	do(t, s, "heal all")
	untilWhole(t, s)
	if main, _ := s.Main(); main != other {
		t.Errorf("MAIN is %s; want %s, which was promoted by request", main, other)
	}
	for _, addr := range s.Nodes() {
		if held, err := bench.Read(t.Context(), addr); err != nil || held[1] != 1 {
			t.Errorf("%s holds %v, %v; want the write of before", addr, held, err)
		}
	}
}

func TestForgetNeedsARecord(t *testing.T) {
	s := &Sandbox{objects: inmemory.New()}
	for i := range s.slots {
		s.slots[i] = &slot{}
	}
	if _, err := s.forget(); err == nil {
		t.Error("a record that does not exist was deleted")
	}
	s.objects = newObjects(cluster.Record{Main: 0, Epoch: 1, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode})
	if _, err := s.forget(); err != nil || s.objects.Data() != nil {
		t.Errorf("forget: %v, %v is left", err, s.objects.Data())
	}
	if _, err := s.ask(t.Context(), cluster.Request{Ask: cluster.AskAdopt}); err == nil {
		t.Error("a request was handed to a leader that does not exist")
	}
}

func TestAnswersAreHeardByWhoAskedWhateverIsLogged(t *testing.T) {
	var text strings.Builder
	var a answers
	log := a.heard(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelError}))).With("controller", "c")
	first, answer := a.expect("adopt")
	second, other := a.expect("adopt")
	log.Info("request answered", "step", first, "reason", "done")
	log.Info("request answered", "step", "of nobody", "reason", "lost")
	log.Info("something else", "step", second, "reason", "wrong")
	if got := <-answer; got != "done" {
		t.Errorf("the answer is %q; want done", got)
	}
	select {
	case got := <-other:
		t.Errorf("the other request was answered %q", got)
	default:
	}
	log.Error("broken")
	if got := text.String(); !strings.Contains(got, "msg=broken controller=c") || strings.Contains(got, "request answered") {
		t.Errorf("the log is %q; want it as it was without ears", got)
	}
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("ears make debug lines worth building")
	}
}

// TestMainHandsOverUnderWrites: clients wait, and lose the connection that was to
// MAIN; none is told by a node that it is a replica, which is what one gets that is
// still forwarded to a MAIN that has stepped down.
func TestMainHandsOverUnderWrites(t *testing.T) {
	t.Parallel()
	s, _ := started(t, "")
	untilWhole(t, s)
	w, err := bench.Dial(s.slots[0].write)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(t.Context())
	var longest, acked atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		last := time.Now()
		for id := int64(1); ; id++ {
			select {
			case <-stop:
				return
			default:
			}
			var refused *neo4j.Neo4jError
			switch err := w.Write(t.Context(), id); {
			case err == nil:
				longest.Store(max(longest.Load(), int64(time.Since(last))))
				last = time.Now()
				acked.Add(1)
			case errors.As(err, &refused):
				t.Errorf("write %d was refused by a server: %v", id, err)
			}
		}
	}()
	for _, line := range []string{"switchover", "switchover 2", "switchover", "switchover 0"} {
		epoch := s.Epoch()
		longest.Store(0)
		var refusal error // a replica under writes may be a moment too far behind
		until(t, line+" is accepted", func() bool {
			_, refusal = s.Do(t.Context(), line)
			return refusal == nil
		}, func() string { return refusal.Error() })
		until(t, "another reign is protected", func() bool { // never quite whole under writes
			r := s.record.Load()
			return r.Epoch > epoch && r.Stage == cluster.Serving && len(r.Promotable) > 0
		}, s.Lacks)
		seen := acked.Load()
		until(t, "writes go on", func() bool { return acked.Load() > seen+5 }, s.Lacks)
		t.Logf("%s: the longest pause between two writes was %s", line, time.Duration(longest.Load()))
	}
	close(stop)
	<-stopped
	main := fmt.Sprintf("switchover %d", s.record.Load().Main)
	if _, err := s.Do(t.Context(), main); err == nil || !strings.Contains(err.Error(), "is MAIN already") {
		t.Errorf("%s: %v; want it refused", main, err)
	}
}
