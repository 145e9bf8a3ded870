package metrics

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// happened counts one of everything on m and returns it.
func happened(t testing.TB, m *Metrics) *Metrics {
	m.Passed(time.Millisecond, nil)
	m.Passed(time.Millisecond, fmt.Errorf("write the record: %w", cluster.ErrConflict))
	m.Passed(time.Millisecond, errors.New("read the record: no answer"))
	m.Recorded()
	m.Stepped(cluster.Promote, 0, 250*time.Millisecond)
	m.Stepped(cluster.Register, cluster.Busy, time.Second)
	m.Turned(controller.Turn{Cause: controller.Failover, Moved: true, Took: 500 * time.Millisecond, Noticed: 3 * time.Second, Parts: []controller.Part{
		{Name: "promote", Took: 400 * time.Millisecond}, {Name: "wait", Took: 100 * time.Millisecond},
	}})
	m.Decided(cluster.RuleFailover, controller.ToRecord)
	m.Decided(cluster.RuleSteady, controller.ToWait)
	m.Decided(cluster.RuleSteady, controller.ToWait)
	m.Looked(1, 4*time.Millisecond)
	m.Unprotected(1500 * time.Millisecond)
	m.Turned(controller.Turn{Cause: controller.Refresh, Took: 300 * time.Millisecond})
	m.Turned(controller.Turn{Cause: controller.Resumed, Moved: true})
	m.Held(1500 * time.Millisecond)
	m.Increment(t.Context(), "200", "GET", "host")
	latency{m}.Observe(t.Context(), "GET", url.URL{}, 20*time.Millisecond)
	throttle{m}.Observe(t.Context(), "GET", url.URL{}, time.Second)
	return m
}

// counting is the one of this process that client-go tells of its requests, however
// often the test runs.
var counting *Metrics

// TestRequestsAreCounted sends requests with a real client of client-go: to nobody,
// so that there is no answer.
func TestRequestsAreCounted(t *testing.T) {
	if counting == nil {
		counting = serving(t, leader())
		counting.CountRequests()
	}
	before := scraped(t, counting)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps("x").Get(t.Context(), "y", metav1.GetOptions{}); err == nil {
		t.Fatal("port 1 has answered")
	}
	if _, err := client.CoreV1().ConfigMaps("x").Create(t.Context(), &corev1.ConfigMap{}, metav1.CreateOptions{}); err == nil {
		t.Fatal("port 1 has answered")
	}
	got := scraped(t, counting)
	for _, name := range []string{
		`memgraph_controller_api_requests_total{code="<error>",verb="GET"}`,
		`memgraph_controller_api_requests_total{code="<error>",verb="POST"}`,
		`memgraph_controller_api_request_duration_seconds_count{verb="GET"}`,
	} {
		if was, is := valueOf(before, name), valueOf(got, name); is != was+1 {
			t.Errorf("%s is %d after the requests; want %d", name, is, was+1)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// valueOf is what a scrape says of a series, 0 if it does not have it.
func valueOf(scrape, series string) (n int) {
	if _, rest, ok := strings.Cut(scrape, "\n"+series+" "); ok {
		_, _ = fmt.Sscan(rest, &n)
	}
	return n
}
