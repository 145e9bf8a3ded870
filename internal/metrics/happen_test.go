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

// TestRequestsAreCounted sends requests with a real client of client-go: to nobody,
// so that there is no answer.
func TestRequestsAreCounted(t *testing.T) {
	m := serving(t, leader())
	m.CountRequests() // the only call of this process's tests
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
	got := scraped(t, m)
	for _, want := range []string{
		`memgraph_controller_api_requests_total{code="<error>",verb="GET"} 1`,
		`memgraph_controller_api_requests_total{code="<error>",verb="POST"} 1`,
		`memgraph_controller_api_request_duration_seconds_count{verb="GET"} 1`,
	} {
		if !strings.Contains(got, "\n"+want+"\n") {
			t.Errorf("after two requests the scrape has no line %q", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}
