package prestop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// says is a status answer.
func says(main int, stage string) string {
	return fmt.Sprintf(`{"record":{"masterIndex":%d,"stage":%q}}`, main, stage)
}

// wait asks a server that gives these answers, the last one again and again.
func wait(t *testing.T, o Options, answers ...string) (string, int) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/status" {
			http.NotFound(w, r)
			return
		}
		n := min(int(asked.Add(1)), len(answers))
		fmt.Fprint(w, answers[n-1])
	}))
	defer server.Close()
	o.StatusURL = server.URL
	var log bytes.Buffer
	if err := Wait(t.Context(), o, &log); err != nil {
		t.Fatal(err)
	}
	return log.String(), int(asked.Load())
}

func TestWhatIsNotMAINStopsAtOnce(t *testing.T) {
	log, asked := wait(t, Options{Node: 1, Timeout: time.Minute}, says(0, "serving"))
	if asked != 1 || log != "node 1 may stop: node 0 is MAIN\n" {
		t.Errorf("asked %d times, said %q", asked, log)
	}
}

func TestMAINWaitsUntilAnotherServes(t *testing.T) {
	log, asked := wait(t, Options{Node: 0, Timeout: time.Minute},
		says(0, "serving"), says(0, "demoting"), says(1, "promoting"), says(1, "serving"))
	if asked != 4 || !strings.HasSuffix(log, "node 1 is MAIN\n") {
		t.Errorf("asked %d times, said %q", asked, log)
	}
}

// A standby that ends while MAIN waits for it has MAIN refuse writes; a reader that ends
// has whoever reads there see an error.
func TestAReplicaStopsWhenNobodyNeedsIt(t *testing.T) {
	tells := func(standby, readers string) string {
		return fmt.Sprintf(`{"record":{"masterIndex":0,"stage":"serving","standby":%q,"readers":[%s]}}`, standby, readers)
	}
	began := time.Now()
	log, asked := wait(t, Options{Node: 1, Timeout: time.Minute},
		tells("g-1", `"g-1","g-2"`), tells("g-2", `"g-1","g-2"`), tells("g-2", `"g-2"`))
	if took := time.Since(began); asked != 3 || log != "node 1 may stop: node 0 is MAIN\n" || took < farewell {
		t.Errorf("asked %d times, said %q after %s", asked, log, took)
	}
	began = time.Now()
	log, asked = wait(t, Options{Node: 1, Timeout: time.Minute}, tells("g-2", `"g-2"`))
	if took := time.Since(began); asked != 1 || log != "node 1 may stop: node 0 is MAIN\n" || took > farewell/2 {
		t.Errorf("nobody needs it: asked %d times, said %q after %s", asked, log, took)
	}
	log, _ = wait(t, Options{Node: 11, Timeout: 150 * time.Millisecond}, tells("g-11", ``))
	if want := "node 0 is MAIN, and node 11 its standby"; !strings.Contains(log, want) {
		t.Errorf("said %q, want %q", log, want)
	}
	log, _ = wait(t, Options{Node: 1, Timeout: 150 * time.Millisecond},
		`{"record":{"masterIndex":0,"stage":"serving","standby":"g-2","promotable":["g-1"],"readers":["g-2"]}}`)
	if want := "node 0 is MAIN, and waits for node 1 until node 2 is proven to hold everything"; !strings.Contains(log, want) {
		t.Errorf("said %q, want %q", log, want)
	}
	log, _ = wait(t, Options{Node: 1, Timeout: 150 * time.Millisecond}, tells("somebody", `"else"`))
	if log != "node 1 may stop: node 0 is MAIN\n" {
		t.Errorf("names without a number: said %q", log)
	}
}

func TestTheTimeoutEndsEveryWait(t *testing.T) {
	log, asked := wait(t, Options{Node: 0, Timeout: 250 * time.Millisecond}, says(0, "serving"))
	if asked < 2 || asked > 3 || !strings.Contains(log, "waited 250ms, which is as long as allowed: node 0 is MAIN (serving)") {
		t.Errorf("asked %d times, said %q", asked, log)
	}
	log, asked = wait(t, Options{Node: 0}, says(0, "serving"))
	if asked != 1 || !strings.Contains(log, "as long as allowed") {
		t.Errorf("without time: asked %d times, said %q", asked, log)
	}
}

// A controller that is away must not keep pods from stopping.
func TestNobodyWhoKnowsIsWaitedForTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		why := Options{Node: 0, Timeout: time.Minute}.Poll(t.Context(), func(context.Context) (*cluster.Record, error) {
			return nil, errors.New("connection refused")
		})
		if took := time.Since(began); took != patience {
			t.Errorf("waited %s", took)
		}
		if want := "nobody has told who is MAIN for 2s: connection refused"; why != want {
			t.Errorf("said %q, want %q", why, want)
		}
	})
}

func TestAnswersThatTellNothing(t *testing.T) {
	for name, answer := range map[string]string{
		"no record":    `{"record":null}`,
		"no MAIN":      `{"record":{"stage":"serving"}}`,
		"negative":     says(-1, "serving"),
		"not JSON":     `<html>`,
		"another type": `{"record":{"masterIndex":"one"}}`,
		"nothing":      ``,
	} {
		t.Run(name, func(t *testing.T) {
			log, _ := wait(t, Options{Node: 0, Timeout: time.Millisecond}, answer)
			if strings.Contains(log, "is MAIN\n") {
				t.Errorf("taken for an answer: %q", log)
			}
		})
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, o := range []Options{
		{Node: -1, StatusURL: "http://c:8080"}, {StatusURL: ""}, {StatusURL: "c:8080"}, {StatusURL: "ftp://c"}, {StatusURL: "http://"},
	} {
		if err := Wait(t.Context(), o, &bytes.Buffer{}); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
