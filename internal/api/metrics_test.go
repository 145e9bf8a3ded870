package api_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"memgraph-controller/internal/api"
	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/metrics"
)

// still is a replica at which nothing happens.
type still struct{}

func (still) Status() app.Status { return app.Status{Identity: "a", Version: "1.2.3"} }

func (still) Opinion(context.Context, cluster.Ordinal, cluster.Epoch) cluster.Opinion {
	return cluster.Opinion{}
}

// TestMetricsAreServed asks over TCP, as Prometheus does.
func TestMetricsAreServed(t *testing.T) {
	log, nodes := slog.New(slog.DiscardHandler), cluster.Topology{{Name: "mg-0", Bolt: "mg-0:7687"}}
	m := metrics.New(metrics.Options{Status: still{}.Status, Topology: nodes, Policy: cluster.DefaultPolicy(), Log: log})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	s := api.New(api.Options{Replica: still{}, Topology: nodes, Policy: cluster.DefaultPolicy(), Metrics: m.Handler(), Log: log})
	go func() { served <- api.Serve(ctx, l, s.Handler(), log) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()

	for _, c := range []struct {
		method, path string
		code         int
		says         string
	}{
		{http.MethodGet, "/metrics", http.StatusOK, "\nmemgraph_controller_build_info{version=\"1.2.3\"} 1\n"},
		{http.MethodGet, "/metrics", http.StatusOK, "\ngo_goroutines "},
		{http.MethodGet, "/metrics", http.StatusOK, "\nprocess_resident_memory_bytes "},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed, ""},
		{http.MethodGet, "/metrics/more", http.StatusNotFound, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.code || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s: %d, %v; want %d and %q in\n%s", c.method, c.path, resp.StatusCode, err, c.code, c.says, body)
		}
	}
}
