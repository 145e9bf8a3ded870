package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
	"memgraph-controller/internal/gateway"
)

// scrape computes from the replica's Status what it tells.
type scrape struct{ Options }

// Describe implements prometheus.Collector.
func (s scrape) Describe(out chan<- *prometheus.Desc) {
	for _, f := range computed() {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (s scrape) Collect(out chan<- prometheus.Metric) {
	v := s.Status()
	s.replica(out, v)
	s.gateway(out, v.Gateway)
	if v.Record != nil {
		s.record(out, *v.Record)
	}
	// A term that has not ended yet may have lost its lease already.
	if v.Leading && v.Snapshot != nil {
		s.cluster(out, *v.Snapshot)
		s.nodes(out, *v.Snapshot)
	}
}

func number(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (s scrape) replica(out chan<- prometheus.Metric, v app.Status) {
	out <- buildInfo.is(1, v.Version)
	out <- isLeader.is(number(v.Leading))
	out <- leadershipChanges.is(float64(v.TermsBegun + v.TermsEnded))
	out <- elections.is(float64(v.TermsBegun))
	for _, p := range []string{app.Bootstrap, app.Operational, app.Unknown} {
		out <- phase.is(number(v.Phase() == p), p)
	}
	out <- lagLimit.is(float64(s.Policy.MaxLag))
	if d := s.Policy.MaxLagTime; d > 0 {
		out <- lagTimeLimit.is(d.Seconds())
	}
	if v.LeaseAge > 0 {
		out <- leaseAge.is(v.LeaseAge.Seconds())
	}
}

func (s scrape) record(out chan<- prometheus.Metric, r cluster.Record) {
	out <- recordEpoch.is(float64(r.Epoch))
	for st := cluster.Serving; st <= cluster.Promoting; st++ {
		out <- recordStage.is(number(r.Stage == st), st.String())
	}
	out <- recordMain.is(1, s.Topology.Name(r.Main))
	if r.Seat != cluster.NoNode {
		out <- recordStandby.is(1, s.Topology.Name(r.Seat))
	}
	out <- recordPromotable.is(float64(len(r.Promotable)))
	out <- recordReaders.is(float64(len(r.Readers)))
	out <- recordRebuilds.is(float64(len(r.Rebuilds)))
	out <- recordPaused.is(number(r.Paused))
	if !r.LastUpdated.IsZero() {
		out <- recordUpdated.is(unix(r.LastUpdated))
	}
}

func (s scrape) cluster(out chan<- prometheus.Metric, v controller.Snapshot) {
	alarm := false
	for i, c := range v.Decision.Conditions {
		alarm = alarm || c.Severity == cluster.Alarm
		same := func(o cluster.Condition) bool {
			return o.Name == c.Name && o.Severity == c.Severity && o.Node == c.Node
		}
		if slices.ContainsFunc(v.Decision.Conditions[:i], same) {
			continue // they differ in their message, which is no label
		}
		node := ""
		if c.Node != cluster.NoNode {
			node = s.Topology.Name(c.Node)
		}
		out <- clusterCondition.is(1, c.Name, c.Severity.String(), node)
	}
	settled := v.Decision.Settled && v.Err == nil
	out <- clusterState.is(number(settled && !alarm))
	out <- clusterSettled.is(number(settled))
	out <- clusterRecordError.is(number(v.Err != nil))
	out <- clusterStandby.is(number(protected(v)))
	out <- clusterPods.is(float64(len(v.Nodes)))
	up := 0
	for _, n := range v.Nodes {
		if answers(n) {
			up++
		}
	}
	out <- clusterHealthy.is(float64(up))
	out <- lastPass.is(unix(v.At))
}

func answers(n cluster.Sighting) bool { return n.Contact == cluster.Answered && !n.Gone }

// main returns the recorded MAIN as it is seen, false if it does not answer as such.
func main(v controller.Snapshot) (cluster.Sighting, bool) {
	if v.Record == nil || v.Record.Main < 0 || int(v.Record.Main) >= len(v.Nodes) {
		return cluster.Sighting{}, false
	}
	m := v.Nodes[v.Record.Main]
	return m, answers(m) && m.Role == cluster.RoleMain
}

// protected reports whether a proven standby replicates now.
func protected(v controller.Snapshot) bool {
	m, ok := main(v)
	if !ok || v.Record.Seat == cluster.NoNode {
		return false
	}
	_, proven := v.Record.Proof(v.Record.Seat)
	r, listed := m.Replica(v.Record.Seat)
	return proven && listed && !r.Ghost && r.Mode.Waited() && (r.Status == cluster.Ready || r.Status == cluster.Replicating)
}

func (s scrape) nodes(out chan<- prometheus.Metric, v controller.Snapshot) {
	for n, seen := range v.Nodes {
		name, up := s.Topology.Name(cluster.Ordinal(n)), answers(seen)
		out <- nodeUp.is(number(up), name)
		out <- nodeContact.is(1, name, seen.Contact.String())
		out <- nodeInSync.is(number(up && cluster.InSync(v.Record, cluster.Ordinal(n))), name)
		if seen.Version.Known() {
			out <- nodeInfo.is(1, name, seen.Version.String())
		}
		if !up {
			continue // what it said before is no news
		}
		out <- nodeRole.is(1, name, seen.Role.String())
		if seen.Data.Known {
			out <- nodeVertices.is(float64(seen.Data.Vertices), name)
			out <- nodeEdges.is(float64(seen.Data.Edges), name)
		}
		usage(out, seen.Usage, name)
	}
	s.replicas(out, v)
}

// usage tells what a node says it occupies, as far as it says so.
func usage(out chan<- prometheus.Metric, u cluster.Usage, name string) {
	for _, f := range []struct {
		family *family
		is     cluster.Figure
	}{
		{nodeResident, u.Resident}, {nodeTracked, u.Tracked}, {nodeLimit, u.Limit}, {nodeDisk, u.Disk}, {nodeDeltas, u.Deltas}, {nodeTransactions, u.Transactions},
	} {
		if f.is.Known {
			out <- f.family.is(float64(f.is.Value), name)
		}
	}
}

// replicas tells how MAIN lists the other nodes. One that is listed twice is told of
// once: the other one is about to be dropped.
func (s scrape) replicas(out chan<- prometheus.Metric, v controller.Snapshot) {
	m, ok := main(v)
	if !ok || !m.Listed {
		return
	}
	for n := range v.Nodes {
		r, listed := m.Replica(cluster.Ordinal(n))
		if !listed {
			continue
		}
		name, status := s.Topology.Name(r.Node), r.Status.String()
		if r.Ghost {
			status = "ghost"
		}
		out <- nodeReplication.is(1, name, r.Mode.String(), status)
		out <- nodeBehind.is(float64(-r.Behind), name)
		if !r.Ghost && r.Status != cluster.StatusUnknown {
			out <- nodeLag.is(r.Lag.Seconds(), name)
		}
	}
}

func (s scrape) gateway(out chan<- prometheus.Metric, g gateway.Stats) {
	out <- gatewayServing.is(number(g.Confirmed && g.State != gateway.Closed))
	for st := gateway.Closed; st <= gateway.Draining; st++ {
		out <- gatewayState.is(number(g.State == st), st.String())
	}
	if g.Main != "" {
		out <- gatewayMain.is(1, s.nodeAt(g.Main))
	}
	for _, n := range g.Nodes {
		name := s.nodeAt(n.Addr)
		out <- gatewaySessions.is(float64(n.ReadWrite), name, gateway.ReadWrite.String())
		out <- gatewaySessions.is(float64(n.ReadOnly), name, gateway.ReadOnly.String())
	}
	out <- gatewayStates.is(float64(g.Idle), "idle")
	out <- gatewayStates.is(float64(g.Busy), "busy")
	out <- gatewayStates.is(float64(g.Plain), "plain")
	out <- gatewayEnded.is(float64(g.ExpiredTotal), "idle")
	out <- gatewayEnded.is(float64(g.StalledTotal), "stalled")
	out <- gatewayEnded.is(float64(g.InsecureTotal), "tls")
	out <- gatewayActive.is(float64(g.Clients))
	out <- gatewayHeld.is(float64(g.Held))
	out <- gatewayTotal.is(float64(g.ClientsTotal))
	out <- gatewayErrors.is(float64(g.RefusedTotal), "limit")
	out <- gatewayErrors.is(float64(g.TimedOutTotal), "hold_timeout")
	out <- gatewayErrors.is(float64(g.UndialedTotal), "dial")
	out <- gatewayCut.is(float64(g.CutTotal))
	out <- gatewayMoved.is(float64(g.MovedTotal))
	out <- gatewayFailed.is(float64(g.FailedTotal))
	out <- gatewayPlain.is(float64(g.PlainTotal))
	out <- gatewayBytes.is(float64(g.BytesToServer), "sent")
	out <- gatewayBytes.is(float64(g.BytesToClient), "received")
}

// nodeAt returns the name of the node with this Bolt address, which every route's are.
func (s scrape) nodeAt(addr string) string {
	for _, n := range s.Topology {
		if n.Bolt == addr {
			return n.Name
		}
	}
	return addr
}
