package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
)

// changing is a replica whose record a test changes.
type changing struct {
	record atomic.Pointer[cluster.Record]
	looks  atomic.Int64
	passes atomic.Uint64
}

func (c *changing) Status() app.Status {
	c.looks.Add(1)
	return app.Status{Identity: "c-0", Heard: true, Record: c.record.Load(), Passes: app.Passes{Total: c.passes.Load(), Last: time.Now()}}
}

func (*changing) Opinion(context.Context, cluster.Ordinal, cluster.Epoch) cluster.Opinion {
	return cluster.Opinion{}
}

func (c *changing) reign(e cluster.Epoch) {
	c.record.Store(&cluster.Record{Epoch: e, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode, History: []cluster.Reign{{Epoch: e}}})
}

// served serves a replica over TCP until the test ends, or stop is called.
func served(t *testing.T, r Replica) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	s := New(Options{Replica: r, Topology: topology, Policy: cluster.DefaultPolicy(), Log: log})
	go func() { ended <- Serve(ctx, l, s.Handler(), log) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop
}

// listen opens a stream.
func listen(t *testing.T, url string) *bufio.Reader {
	t.Helper()
	resp, err := http.Get(url + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	return bufio.NewReader(resp.Body)
}

// next returns the next status; other events are passed over.
func next(t *testing.T, r *bufio.Reader) (data string) {
	t.Helper()
	event := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("wait for the status: %v", err)
		}
		if after, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(after)
		}
		if after, ok := strings.CutPrefix(line, "data: "); ok && event == "status" {
			return after
		}
	}
}

func epochOf(t *testing.T, data string) uint64 {
	t.Helper()
	var s Status
	if err := json.Unmarshal([]byte(data), &s); err != nil {
		t.Fatal(err)
	}
	return s.Record.Epoch
}

// TestChangeIsToldInTime measures from the record's change to its arrival over TCP.
func TestChangeIsToldInTime(t *testing.T) {
	c := &changing{}
	c.reign(1)
	url, _ := served(t, c)
	r := listen(t, url)
	if e := epochOf(t, next(t, r)); e != 1 {
		t.Fatalf("at once: epoch %d", e)
	}
	var worst time.Duration
	for e := cluster.Epoch(2); e <= 12; e++ {
		changed := time.Now()
		c.reign(e)
		if got := epochOf(t, next(t, r)); got != uint64(e) {
			t.Fatalf("told of epoch %d; want %d, each change by itself", got, e)
		}
		worst = max(worst, time.Since(changed))
	}
	t.Logf("the slowest of eleven changes was told after %s", worst.Round(time.Millisecond))
	if worst > 250*time.Millisecond {
		t.Errorf("a change was told after %s; want 250ms at most", worst)
	}
}

// In virtual time: what does not change is not told, but for a sign of life; what
// changes often is told as it is last; all listeners cost one look.
func TestStreamCoalescesAndBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &changing{}
		c.reign(1)
		s := New(Options{Replica: c, Topology: topology, Policy: cluster.DefaultPolicy(), Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		var listeners [3]*httptest.ResponseRecorder
		for i := range listeners {
			listeners[i] = httptest.NewRecorder()
			go s.Handler().ServeHTTP(listeners[i], httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events", nil))
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		for e := range cluster.Epoch(20) { // within 40 ms
			c.reign(e + 2)
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(31 * time.Second)
		c.passes.Add(100) // no news
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		for i, l := range listeners {
			body := l.Body.String()
			if n := strings.Count(body, "event: status\n"); n != 2 {
				t.Errorf("listener %d was told %d times; want at once, and once of twenty changes", i, n)
			}
			if n := strings.Count(body, "event: explain\n"); n != 2 {
				t.Errorf("listener %d was explained %d times; want 2", i, n)
			}
			if n := strings.Count(body, "\n: still here\n"); n != 2 {
				t.Errorf("listener %d saw %d signs of life in 31 s; want 2", i, n)
			}
			if !strings.Contains(body, `"epoch":21,`) {
				t.Errorf("listener %d was not told how it is last", i)
			}
		}
		if n := c.looks.Load(); n > 33*20 {
			t.Errorf("three listeners cost %d looks in 32 s; want what one would cost", n)
		}
		if n := s.streams.open.Load(); n != 0 {
			t.Errorf("%d streams are counted when all are gone", n)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	c := &changing{}
	url, _ := served(t, c)
	for range mostStreams {
		listen(t, url)
	}
	client := http.Client{Timeout: 5 * time.Second} // a stream would not end
	resp, err := client.Get(url + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "32 others") {
		t.Errorf("one too many: %s, %q", resp.Status, body)
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	url, stop := served(t, &changing{})
	r := listen(t, url)
	next(t, r)
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, r)
		close(ended)
	}()
	stop()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the stream goes on 5s after its server has stopped")
	}
}

// A stream outlives the deadlines of other answers.
func TestStreamOutlivesDeadlines(t *testing.T) {
	c := &changing{}
	c.reign(1)
	s := New(Options{Replica: c, Topology: topology, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewUnstartedServer(s.Handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	r := listen(t, server.URL)
	next(t, r)
	time.Sleep(600 * time.Millisecond)
	c.reign(2)
	if e := epochOf(t, next(t, r)); e != 2 {
		t.Errorf("after the deadlines: epoch %d", e)
	}
}

// stuck is a writer whose reader takes nothing: each write fails at its deadline.
type stuck struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuck) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *stuck) Write([]byte) (int, error) {
	time.Sleep(time.Until(s.deadline))
	return 0, context.DeadlineExceeded
}

func TestSlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Replica: &changing{}, Topology: topology, Log: slog.New(slog.DiscardHandler)})
		began := time.Now()
		s.Handler().ServeHTTP(&stuck{ResponseRecorder: httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", nil))
		if d := time.Since(began); d != readerSlow {
			t.Errorf("dropped after %s; want %s", d, readerSlow)
		}
	})
}
