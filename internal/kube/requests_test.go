package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/cluster"
)

// desk takes requests like a loop: it does them when the term offers them.
type desk struct {
	*Requests
	busy  bool
	given []cluster.Request
}

// desk starts requests of a replica.
func (w *world) desk(c *Cluster) *desk {
	d := &desk{}
	d.Requests = NewRequests(c, func(q cluster.Request) error {
		if d.busy {
			return errors.New("does not lead")
		}
		d.given = append(d.given, q)
		return nil
	})
	w.begin(d.Run)
	w.begin(func(ctx context.Context) { c.Records(d.Requests).Watch(ctx, func(*cluster.Record, string) {}) })
	pass(time.Second)
	return d
}

// ask writes the annotation as a human does.
func (w *world) ask(text string) {
	w.t.Helper()
	m := w.stored()
	m.Annotations = map[string]string{RequestAnnotation: text, "note": "theirs"}
	w.put("configmaps", m)
	pass(time.Second)
}

// answers returns the answer, and whether the request is still there.
func (w *world) answer() (text string, open bool) {
	m := w.stored()
	_, open = m.Annotations[RequestAnnotation]
	return m.Annotations[AnswerAnnotation], open
}

var term1 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestRequestIsGivenOnceAndAnswered(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		d.Offer(term1)
		w.ask("promote 2 --accept-data-loss")
		d.busy = true
		d.Offer(term1)
		d.busy = false
		for range 5 {
			d.Offer(term1)
		}
		if len(d.given) != 1 || d.given[0].Ask != cluster.AskPromote || d.given[0].Node != 2 || !d.given[0].AcceptDataLoss {
			t.Fatalf("given %+v; want promote 2 --accept-data-loss, once", d.given)
		}
		if _, open := w.answer(); !open {
			t.Fatal("the request was taken away before it was answered")
		}
		d.Answer(d.given[0].ID, "promoted by request")
		pass(time.Second)
		answer, open := w.answer()
		if open || !strings.Contains(answer, "promote 2 --accept-data-loss: promoted by request") {
			t.Fatalf("answer %q, open %t; want request and answer, and the request taken away", answer, open)
		}
		if m := w.stored(); m.Annotations["note"] != "theirs" || m.Data["epoch"] != "1" {
			t.Fatalf("ConfigMap %+v; want the rest left as it was", m)
		}
		d.Offer(term1)
		if w.ask("promote 2 --accept-data-loss"); len(d.given) != 1 {
			t.Fatalf("given again: %+v", d.given)
		}
		d.Offer(term1)
		if len(d.given) != 2 {
			t.Fatal("what is asked for a second time is not given a second time")
		}
	})
}

func TestRequestThatIsNotUnderstoodIsAnswered(t *testing.T) {
	for _, text := range []string{"dance", "promote", "adopt 1 2", " ", "pause now", strings.Repeat("x", 100_000)} {
		inWorld(t, func(w *world) {
			w.put("configmaps", configMap(reign(1, 0).Encode()))
			d := w.desk(w.Cluster)
			w.ask(text)
			d.Offer(term1)
			pass(time.Second)
			answer, open := w.answer()
			if open || !strings.Contains(answer, "want ") && len(text) < 1000 || len(answer) > 2500 || len(d.given) != 0 {
				t.Fatalf("%.20q: answer %.300q, open %t, given %v; want a short answer with what is accepted", text, answer, open, d.given)
			}
		})
	}
}

func TestRequestSurvivesTheLeader(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		a, b := w.desk(w.Cluster), w.desk(w.controller("controller-b"))
		w.ask("pause")
		a.Offer(term1)
		// a's term ends before it has answered; b leads, and has been told the same.
		b.Offer(term1.Add(time.Second))
		if len(a.given) != 1 || len(b.given) != 1 {
			t.Fatalf("given %v and %v; want both", a.given, b.given)
		}
		b.Answer("pause", "paused")
		pass(time.Second)
		if answer, open := w.answer(); open || !strings.HasSuffix(answer, "pause: paused") {
			t.Fatalf("answer %q, open %t; want b's", answer, open)
		}
	})
}

// TestRequestSurvivesATerm: the same replica leads again, with a new loop that has
// been told nothing.
func TestRequestSurvivesATerm(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("rebuild 1")
		d.Offer(term1)
		d.Offer(term1.Add(time.Minute))
		if len(d.given) != 2 {
			t.Fatalf("given %v; want it given again to the next term", d.given)
		}
		w.down()
		d.Answer("rebuild 1", "is rebuilt")
		pass(time.Second)
		d.Offer(term1.Add(2 * time.Minute))
		if len(d.given) != 2 {
			t.Fatal("what was answered, if only in memory, was given again")
		}
		w.up()
		pass(soonAfter)
		if answer, open := w.answer(); open || !strings.HasSuffix(answer, "is rebuilt") {
			t.Fatalf("answer %q, open %t after an outage; want it written", answer, open)
		}
	})
}

func TestAnswerLeavesTheNextRequestAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("pause")
		d.Offer(term1)
		w.ask("resume")
		d.Answer("pause", "paused")
		pass(time.Second)
		answer, open := w.answer()
		if m := w.stored(); !open || m.Annotations[RequestAnnotation] != "resume" || !strings.Contains(answer, "paused") {
			t.Fatalf("annotations %v; want the answer to pause beside the request to resume", m.Annotations)
		}
		d.Offer(term1)
		if len(d.given) != 2 || d.given[1].Ask != cluster.AskResume {
			t.Fatalf("given %v; want resume too", d.given)
		}
	})
}

func TestAnswerThatConflictsIsWrittenAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("pause")
		d.Offer(term1)
		w.mu.Lock()
		w.hook = func(verb, resource string) { // somebody writes between its read and its write
			if verb == "patch" && resource == "configmaps" {
				w.mu.Lock()
				w.hook = nil
				w.mu.Unlock()
				m := w.stored()
				m.Data["epoch"] = "2"
				w.put("configmaps", m)
			}
		}
		w.mu.Unlock()
		d.Answer("pause", "paused")
		pass(3 * time.Second)
		answer, open := w.answer()
		if open || answer == "" || w.stored().Data["epoch"] != "2" || w.log.String() != "" {
			t.Fatalf("answer %q, open %t, epoch %s, log %q; want the answer, the other's write, and nothing said", answer, open, w.stored().Data["epoch"], w.log)
		}
	})
}

func TestAnswerToADeletedConfigMapIsDropped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("pause")
		d.Offer(term1)
		w.take("configmaps", "state")
		d.Answer("pause", "paused")
		w.asked("")
		pass(time.Minute)
		if n := w.asked(""); n > 3 {
			t.Fatalf("%d requests in a minute for an answer that nobody can read", n)
		}
		w.put("configmaps", configMap(reign(2, 0).Encode()))
		w.ask("resume")
		d.Offer(term1)
		d.Answer("resume", "resumed")
		pass(time.Second)
		if answer, _ := w.answer(); !strings.HasSuffix(answer, "resumed") {
			t.Fatalf("answer %q; want the next request answered", answer)
		}
	})
}

func TestAnswerThatIsForbiddenIsTriedRarely(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("pause")
		d.Offer(term1)
		w.deny("patch configmaps")
		d.Answer("pause", "paused")
		w.asked("")
		pass(4 * time.Minute)
		if n := w.asked("patch configmaps"); n > 15 || n < 5 {
			t.Fatalf("%d tries in 4m of what is forbidden; want 5 to 15", n)
		}
		if w.log.lines("level=ERROR") != 1 || w.log.lines(`cannot patch resource \"configmaps\"`) != 1 {
			t.Fatalf("log:\n%s\nwant one line that names the right", w.log)
		}
		w.allow("patch configmaps")
		pass(lastRetry)
		if _, open := w.answer(); open {
			t.Fatal("not answered after the right was granted")
		}
	})
}

// accept answers a request by a record, as a loop does: it writes that, then tells.
func (w *world) accept(d *desk, c *Cluster, q cluster.Request) {
	w.t.Helper()
	records := c.Records(d.Requests)
	rec, version, err := records.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	rec.Request = cluster.Accepted{ID: q.ID, At: time.Now().UTC().Truncate(time.Millisecond), Answer: "granted"}
	if _, err := records.Swap(w.t.Context(), version, *rec); err != nil {
		w.t.Fatal(err)
	}
}

// TestGrantTakesTheRequestAwayWithTheRecord: a leader that dies right after the write
// has answered, and the next one is not given the request again.
func TestGrantTakesTheRequestAwayWithTheRecord(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		second := w.controller("controller-b")
		a, b := w.desk(w.Cluster), w.desk(second)
		w.ask("switchover")
		a.Offer(term1)
		w.asked("")
		w.accept(a, w.Cluster, a.given[0])
		if answer, open := w.answer(); open || !strings.HasSuffix(answer, " switchover: granted") {
			t.Fatalf("answer %q, open %t after the write of the record; want both in one", answer, open)
		}
		if m := w.stored(); m.Annotations["note"] != "theirs" {
			t.Fatalf("annotations %v; want those of others left alone", m.Annotations)
		}
		if _, _, err := second.Records(b.Requests).Load(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Offer(term1.Add(time.Second)) // its watch may still have the request; its loop has read the record
		pass(time.Second)
		b.Offer(term1.Add(time.Minute))
		a.Offer(term1.Add(time.Minute))
		if len(a.given) != 1 || len(b.given) != 0 {
			t.Fatalf("given %v and %v; want what was granted not given again", a.given, b.given)
		}
		a.Answer("switchover", "granted")
		pass(time.Second)
		if n := w.asked("patch configmaps"); n != 1 {
			t.Fatalf("%d patches for one grant; want one, the answer included", n)
		}
		w.ask("switchover") // the same words: another request
		a.Offer(term1)
		if len(a.given) != 2 {
			t.Fatal("what a human asks for again is not given again")
		}
		a.Answer("switchover", "switchover refused: not now")
		pass(time.Second)
		if answer, open := w.answer(); open || !strings.HasSuffix(answer, "not now") {
			t.Fatalf("answer %q, open %t; want the second refused", answer, open)
		}
	})
}

// TestWatchThatLagsDoesNotAskAgain: it brings the request after it was granted, when
// another term has begun.
func TestWatchThatLagsDoesNotAskAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("switchover")
		late := w.stored()
		d.Offer(term1)
		w.accept(d, w.Cluster, d.given[0])
		d.see(&late)
		d.Offer(term1.Add(time.Minute))
		if len(d.given) != 1 {
			t.Fatalf("given %v; want what was granted not given again", d.given)
		}
		pass(time.Second)
		w.ask("switchover")
		d.Offer(term1.Add(time.Minute))
		if len(d.given) != 2 {
			t.Fatalf("given %v; want it again when it is asked for again", d.given)
		}
	})
}

// TestGrantLeavesTheNextRequestAlone: something else is asked for by the time the
// grant is written, or the same thing is written while it is under way.
func TestGrantLeavesTheNextRequestAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		w.put("configmaps", configMap(reign(1, 0).Encode()))
		d := w.desk(w.Cluster)
		w.ask("switchover")
		d.Offer(term1)
		w.ask("pause")
		w.accept(d, w.Cluster, d.given[0])
		if m := w.stored(); m.Annotations[RequestAnnotation] != "pause" || m.Annotations[AnswerAnnotation] != "" {
			t.Fatalf("annotations %v; want the request to pause there, and not answered", m.Annotations)
		}
		w.ask("switchover")
		records := w.Records(d.Requests)
		rec, version, err := records.Load(w.t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rec.Reason = "something else" // it still says what was granted last
		if _, err := records.Swap(w.t.Context(), version, *rec); err != nil {
			t.Fatal(err)
		}
		if _, open := w.answer(); !open {
			t.Fatal("a request was taken away by a record that grants nothing")
		}
	})
}
