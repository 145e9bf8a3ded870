//go:build board

package board

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// prometheus is a real one.
type prometheus struct{ url string }

// scraping starts a Prometheus that scrapes these addresses every second until the test
// ends.
func scraping(t *testing.T, addrs []string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: %s, scrape_timeout: %s}\nscrape_configs:\n  - job_name: %s\n    static_configs:\n", step, step, job)
	for i, addr := range addrs {
		fmt.Fprintf(&config, "      - {targets: [%q], labels: {namespace: %s, pod: %s-%d}}\n", addr, namespace, job, i)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	var said strings.Builder
	p := exec.Command(program("PROMETHEUS", "prometheus"), "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at, "--log.level=warn")
	p.Stdout, p.Stderr = &said, &said
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("prometheus ended with: %v\n%s", err, said.String())
		}
	})
	m := &prometheus{"http://" + at}
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if list, err := m.ask(t.Context(), "memgraph_controller_build_info", false, time.Time{}, time.Now()); err == nil && len(list) == len(addrs) {
			return m
		}
		if time.Now().After(until) {
			t.Fatalf("prometheus does not scrape %v after a minute: %s", addrs, said.String())
		}
	}
}

// series is what one query has found, or one line of it. NaN is left out.
type series struct {
	labels map[string]string
	points []point // by time
}

type point struct {
	at    time.Time
	value float64
}

// ask asks a query, over the range or at its end.
func (m *prometheus) ask(ctx context.Context, query string, ranged bool, from, to time.Time) ([]series, error) {
	path, form := "/api/v1/query", url.Values{"query": {query}, "time": {stamp(to)}}
	if ranged {
		path = "/api/v1/query_range"
		form = url.Values{"query": {query}, "start": {stamp(from)}, "end": {stamp(to)}, "step": {step.String()}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", query, resp.Status, body)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s: %w in %s", query, err, body)
	}
	var list []series
	for _, r := range answer.Data.Result {
		s := series{labels: r.Metric}
		if !ranged {
			r.Values = [][2]any{r.Value}
		}
		for _, v := range r.Values {
			at, _ := v[0].(float64)
			text, _ := v[1].(string)
			if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(value) {
				s.points = append(s.points, point{time.UnixMilli(int64(at * 1000)), value})
			}
		}
		if len(s.points) > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

func stamp(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
