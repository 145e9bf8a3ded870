package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/election"
	"memgraph-controller/internal/gateway"
	"memgraph-controller/internal/inmemory"
)

// idle is a platform that knows nothing and starts nothing.
type idle struct{}

func (idle) State(cluster.Ordinal) controller.NodeState     { return controller.NodeState{} }
func (idle) Refresh(context.Context, cluster.Ordinal) error { return nil }
func (idle) Restart(context.Context, cluster.Ordinal) error { return errors.New("nothing runs here") }

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// until scrapes until the scrape has all these lines.
func until(t *testing.T, m *Metrics, lines ...string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		got, missing := scraped(t, m), ""
		for _, line := range lines {
			if !strings.Contains(got, "\n"+line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("no line %q after 20s in\n%s", missing, got)
		}
	}
}

// TestARunningReplica scrapes one over a node that is down, from its start to its
// end: every hook is in its place.
func TestARunningReplica(t *testing.T) {
	dead := listen(t)
	addr := dead.Addr().String()
	_ = dead.Close()
	door, objects, log := listen(t), inmemory.New(), slog.New(slog.DiscardHandler)
	var replica *app.Replica
	one := cluster.Topology{{Name: "mg-0", Bolt: addr, Replication: addr}}
	m := New(Options{Status: func() app.Status { return replica.Status() }, Topology: one, Policy: cluster.DefaultPolicy(), Log: log})
	replica, err := app.New(app.Options{
		Identity: "a", Version: "test", Topology: one, Policy: cluster.DefaultPolicy(), Records: objects, Lock: objects.Lock("a"),
		Platform: idle{}, Meter: m, Log: log,
		Gateway: gateway.Options{ReadWrite: door, HoldTimeout: 300 * time.Millisecond, Held: m.Held},
		Lease:   election.Timing{LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 100 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- replica.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
		until(t, m, `memgraph_controller_is_leader 0`, `memgraph_controller_elections_total 1`, `memgraph_controller_leadership_changes_total 2`)
	}()

	until(t, m,
		`memgraph_controller_is_leader 1`, `memgraph_controller_elections_total 1`, `memgraph_controller_phase{phase="BOOTSTRAP"} 1`,
		`memgraph_node_up{node="mg-0"} 0`, `memgraph_node_contact{contact="refused",node="mg-0"} 1`, `memgraph_cluster_settled 0`,
		`memgraph_cluster_condition{name="Bootstrap",node="",severity="notice"} 1`,
	)
	if got := scraped(t, m); strings.Contains(got, "\nmemgraph_controller_reconciliations_total 0\n") {
		t.Error("a replica that leads has made no pass")
	}
	client, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("anything")); err != nil {
		t.Fatal(err)
	}
	until(t, m,
		`memgraph_gateway_connections_total 1`, `memgraph_gateway_connections_active 0`, `memgraph_gateway_hold_duration_seconds_count 1`,
		`memgraph_gateway_connection_errors_total{reason="hold_timeout"} 1`,
	)
	objects.Put(cluster.Record{Main: 0, Epoch: 3, Stage: cluster.Serving, Target: cluster.NoNode, Seat: cluster.NoNode}.Encode())
	until(t, m, `memgraph_record_epoch 3`, `memgraph_gateway_main{node="mg-0"} 1`, `memgraph_gateway_serving 0`, `memgraph_controller_record_writes_total 1`)
}
