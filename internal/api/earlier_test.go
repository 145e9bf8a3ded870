package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

// standing is a replica that stands as a test wants it.
type standing struct {
	changing
	is app.Status
}

func (s *standing) Status() app.Status { return s.is }

// leading is how the leader of a trio stands.
func (x *trio) leading() app.Status {
	s := x.status
	s.Record = &x.record
	s.Snapshot = &controller.Snapshot{At: noon, Term: noon.Add(-time.Hour), Record: &x.record, Nodes: x.nodes}
	return s
}

var options = Options{Topology: topology, Policy: cluster.DefaultPolicy(), Namespace: "graph", Lease: "lease", ReadGateway: true, Log: slog.New(slog.DiscardHandler)}

// keys returns the names of an object's fields, "a.b" for those of what is in it, of
// the first where it is a list.
func keys(v any, below string) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for k, in := range v {
			found = append(append(found, below+k), keys(in, below+k+".")...)
		}
	case []any:
		if len(v) > 0 {
			found = keys(v[0], below)
		}
	}
	return found
}

// TestEarlierFieldsAreThere names every field that scripts of earlier deployments
// may read.
func TestEarlierFieldsAreThere(t *testing.T) {
	x := well()
	x.nodes[0].Role = cluster.RoleReplica // so that the first pod has an inconsistency
	s := x.leading()
	for path, want := range map[string]string{
		"/api/v1/status": `timestamp cluster_state cluster_state.current_main cluster_state.current_sync_replica cluster_state.total_pods
			cluster_state.healthy_pods cluster_state.unhealthy_pods cluster_state.sync_replica_healthy cluster_state.reconciliation_metrics
			cluster_state.replica_registrations cluster_state.replica_registrations.name cluster_state.replica_registrations.pod_name
			cluster_state.replica_registrations.address cluster_state.replica_registrations.sync_mode cluster_state.replica_registrations.is_healthy
			cluster_state.read_gateway_status cluster_state.read_gateway_status.enabled cluster_state.read_gateway_status.current_upstream
			cluster_state.read_gateway_status.upstream_pod_name cluster_state.read_gateway_status.upstream_healthy
			cluster_state.read_gateway_status.connection_stats cluster_state.read_gateway_status.health_check_stats
			pods pods.name pods.state pods.memgraph_role pods.bolt_address pods.replication_address pods.is_sync_replica pods.ip_address
			pods.timestamp pods.healthy pods.replicas_registered pods.inconsistency pods.inconsistency.description pods.inconsistency.memgraph_role`,
		"/api/v1/leadership": "current_leader my_identity i_am_leader leader_match timestamp lease_name namespace leader identity leading",
		"/health":            "status timestamp",
	} {
		o := options
		o.Replica = &standing{is: s}
		w := httptest.NewRecorder()
		New(o).Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		var body any
		if err := json.NewDecoder(w.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		there := keys(body, "")
		for _, k := range strings.Fields(want) {
			if !slices.Contains(there, k) {
				t.Errorf("%s has no %s", path, k)
			}
		}
	}
}

func TestEarlierOfALeader(t *testing.T) {
	x := well()
	x.nodes[2].Contact, x.nodes[2].Gone = cluster.Refused, true
	s := x.leading()
	s.Passes = app.Passes{Total: 9, Failed: 2, Last: noon, Took: 3 * time.Millisecond, Err: errors.New("away")}
	s.Gateway = gateway.Stats{ClientsTotal: 5, RefusedTotal: 1, UndialedTotal: 2, Nodes: []gateway.NodeStats{{Addr: topology[0].Bolt, Main: true, ReadOnly: 1}, {Addr: topology[1].Bolt, ReadOnly: 2}}}
	e := earlierOf(s, options, noon)
	c := e.State
	if c.CurrentMain != "mg-0" || c.CurrentSyncReplica != "mg-1" || c.TotalPods != 3 || *c.HealthyPods != 2 || *c.UnhealthyPods != 1 || !*c.SyncReplicaHealthy || !c.IsLeader {
		t.Errorf("cluster state %+v", c)
	}
	if r := c.Reconciliation; r.Total != 9 || r.Successful != 7 || r.Failed != 2 || !r.LastTime.Equal(noon) || r.LastError != "away" || r.Duration != 0.003 {
		t.Errorf("reconciliation %+v", r)
	}
	if want := (Registration{"mg-1", "mg-1", "mg-1.mg:10000", "strict_sync", true}); len(c.Registrations) != 2 || c.Registrations[0] != want {
		t.Errorf("registrations %+v; want %+v first", c.Registrations, want)
	}
	if g := c.ReadGateway; g.CurrentUpstream != "mg-1.mg:7687" || g.UpstreamPodName != "mg-1" || !g.UpstreamHealthy || !g.HealthCheckStats.Last || g.ConnectionStats != (ConnectionStats{3, 5, 1, 2}) {
		t.Errorf("read gateway %+v", g)
	}
	if p := e.Pods[0]; p.State != "MAIN" || p.Role != "main" || !*p.Healthy || p.IsSyncReplica || p.IPAddress != "mg-0.mg" || !slices.Equal(p.Registered, []string{"mg-1", "mg-2"}) || p.Inconsistency != nil || !p.Timestamp.Equal(noon) {
		t.Errorf("MAIN %+v", p)
	}
	if p := e.Pods[1]; p.State != "REPLICA" || !p.IsSyncReplica {
		t.Errorf("standby %+v", p)
	}
	if p := e.Pods[2]; p.State != "DOWN" || *p.Healthy || p.Role != "unknown" {
		t.Errorf("one that is down %+v", p)
	}
}

// What this replica does not know is null, not zero.
func TestEarlierOfAFollower(t *testing.T) {
	x := well()
	x.status.Leading, x.status.Leader, x.status.Identity = false, "c-1", "c-0"
	s := x.status
	s.Record = &x.record
	e := earlierOf(s, options, noon)
	if c := e.State; c.HealthyPods != nil || c.UnhealthyPods != nil || c.SyncReplicaHealthy != nil || c.Registrations == nil || len(c.Registrations) > 0 || c.CurrentMain != "mg-0" || c.Reconciliation.LastTime != nil {
		t.Errorf("cluster state %+v", c)
	}
	for _, p := range e.Pods {
		if p.State != "UNKNOWN" || p.Healthy != nil || p.Timestamp != nil || p.Role != "unknown" {
			t.Errorf("pod %+v", p)
		}
	}
	o := options
	o.ReadGateway = false
	if e := earlierOf(s, o, noon); e.State.ReadGateway != nil {
		t.Error("a read gateway that is not there is shown")
	}
}

func TestInconsistency(t *testing.T) {
	for name, tt := range map[string]struct {
		n    cluster.Ordinal
		role cluster.Role
		in   cluster.Stage
		want string
	}{
		"MAIN is MAIN":              {0, cluster.RoleMain, cluster.Serving, ""},
		"MAIN is none":              {0, cluster.RoleReplica, cluster.Serving, "mg-0 is MAIN by the record and says it is replica"},
		"another is MAIN":           {2, cluster.RoleMain, cluster.Serving, "mg-2 says it is MAIN; by the record that is mg-0"},
		"while another is promoted": {2, cluster.RoleMain, cluster.Promoting, ""},
	} {
		x := well()
		x.nodes[tt.n].Role, x.record.Stage = tt.role, tt.in
		got := ""
		if i := earlierOf(x.leading(), options, noon).Pods[tt.n].Inconsistency; i != nil {
			got = i.Description
		}
		if got != tt.want {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}

func TestLeaderMatch(t *testing.T) {
	for _, tt := range []struct {
		leader  string
		leading bool
		want    bool
	}{{"c-0", true, true}, {"c-1", false, true}, {"c-1", true, false}, {"c-0", false, false}} {
		l := leadershipOf(app.Status{Identity: "c-0", Leader: tt.leader, Leading: tt.leading}, options, noon)
		if l.LeaderMatch != tt.want || l.CurrentLeader != tt.leader || l.IAmLeader != tt.leading || l.MyIdentity != "c-0" || l.LeaseName != "lease" || l.Namespace != "graph" {
			t.Errorf("%+v; want match %v", l, tt.want)
		}
	}
}

func TestHistory(t *testing.T) {
	x := well()
	s := x.leading()
	at := func(ms int) time.Time { return noon.Add(-time.Hour).Add(time.Duration(ms) * time.Millisecond) }
	s.Comings = []app.Coming{{Epoch: 4, Served: true, Turn: controller.Turn{
		Cause: controller.Failover, Noticed: 2 * time.Second, Parts: []controller.Part{{Name: "promote", Took: 30 * time.Millisecond}, {Name: "wait", Took: 10 * time.Millisecond}},
	}, Moments: []app.Moment{
		{At: at(0), What: "promoting", Why: "MAIN has ended"},
		{At: at(1), What: "promote node 0", Step: true, Took: 30 * time.Millisecond},
		{At: at(40), What: "serving"},
	}}}
	h := historyOf(s, topology)
	if len(h.Reigns) != 2 || h.Identity != "c-0" {
		t.Fatalf("%+v", h)
	}
	now, old := h.Reigns[0], h.Reigns[1]
	if now.Epoch != 4 || now.Main != "mg-0" || !now.Ended.IsZero() || now.Lasted != 0 || now.Lost || now.Took != 0.04 || now.Cause != "failover" || len(now.Steps) != 3 {
		t.Errorf("now %+v", now)
	}
	if p := now.Parts; now.Noticed != 2 || len(p) != 2 || p[0] != (Part{Name: "promote", Took: 0.03}) || p[1].Name != "wait" {
		t.Errorf("noticed after %v s, spent on %+v", now.Noticed, p)
	}
	if p := now.Steps[1]; p.Kind != "step" || p.What != "promote node 0" || p.After != 0.001 || p.Took != 0.03 {
		t.Errorf("step %+v", p)
	}
	if old.Epoch != 3 || !old.Lost || old.Lasted != 3600 || !old.Ended.Equal(now.Began) || old.Steps != nil || old.Took != 0 {
		t.Errorf("before %+v", old)
	}
	s.Comings[0].Served = false
	if r := historyOf(s, topology).Reigns[0]; r.Took != 0 {
		t.Errorf("a reign under way has taken %v", r.Took)
	}
	if h := historyOf(app.Status{}, topology); h.Reigns == nil || len(h.Reigns) != 0 {
		t.Errorf("without a record: %+v", h)
	}
}

func TestHealthIsThatOfLive(t *testing.T) {
	for code, s := range map[int]app.Status{http.StatusOK: {}, http.StatusServiceUnavailable: {Stalled: time.Hour}} {
		o := options
		o.Replica = &standing{is: s}
		w := httptest.NewRecorder()
		New(o).Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/health", nil))
		if w.Code != code {
			t.Errorf("%d; want %d", w.Code, code)
		}
	}
}

// BenchmarkStatus answers /api/v1/status and tells the slowest of a hundred, by the
// clock and by the processor. The clock also counts what else the machine does, so
// the bound is on the processor's time.
func BenchmarkStatus(b *testing.B) {
	o := options
	x := well()
	x.status.Comings = make([]app.Coming, 20)
	o.Replica = &standing{is: x.leading()}
	h := New(o).Handler()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var clock, processor []time.Duration
	for b.Loop() {
		began, spent := time.Now(), used(b)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v1/status", nil))
		clock, processor = append(clock, time.Since(began)), append(processor, used(b)-spent)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
	b.ReportMetric(milliseconds(clock, 50), "p50-ms")
	b.ReportMetric(milliseconds(clock, 99), "p99-ms")
	p99 := milliseconds(processor, 99)
	b.ReportMetric(p99, "p99-cpu-ms")
	if p99 > 5 && len(processor) >= 100 {
		b.Errorf("p99 of %d is %v ms; want 5 at most", len(processor), p99)
	}
}

// used is the processor time of this thread.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// milliseconds is a percentile of list, which it sorts.
func milliseconds(list []time.Duration, percent int) float64 {
	slices.Sort(list)
	return float64(list[len(list)*percent/100].Microseconds()) / 1000
}

// TestLagIsToldAndNoNews: a lag in seconds grows by itself, and is shown all the same.
func TestLagIsToldAndNoNews(t *testing.T) {
	row := func(lag time.Duration) Status {
		return statusOf(app.Status{Snapshot: &controller.Snapshot{At: noon, Nodes: []cluster.Sighting{{
			Contact: cluster.Answered, Replicas: []cluster.Replica{{Name: "mg-1", Node: 1, Behind: -3, Lag: lag}},
		}}}}, Options{Topology: topology}, noon)
	}
	s, later := row(1500*time.Millisecond), row(time.Minute)
	if got := s.Nodes[0].Replicas[0].Lag; got != 1.5 {
		t.Errorf("lag of 1.5s is told as %v", got)
	}
	if !reflect.DeepEqual(s.still(), later.still()) {
		t.Error("a lag that grows is news")
	}
	if later.Nodes[0].Replicas[0].Lag != 60 {
		t.Error("what is left out of the comparison is left out of the answer")
	}
}
