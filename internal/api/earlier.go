package api

import (
	"net"
	"slices"
	"strings"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/controller"
)

// Earlier is how deployments before this controller tell the state of a cluster:
// their field names, so that scripts go on working, with what is true here. A
// number or a yes that only the leader can know is null on the other replicas.
type Earlier struct {
	Timestamp time.Time    `json:"timestamp"` // of the answer
	State     ClusterState `json:"cluster_state"`
	Pods      []Pod        `json:"pods"`
}

// ClusterState sums the cluster up.
type ClusterState struct {
	CurrentMain        string         `json:"current_main"`         // by the record; empty if there is none
	CurrentSyncReplica string         `json:"current_sync_replica"` // who has the standby seat; empty if nobody
	TotalPods          int            `json:"total_pods"`           // by the configuration
	HealthyPods        *int           `json:"healthy_pods"`         // nodes that answer
	UnhealthyPods      *int           `json:"unhealthy_pods"`       // nodes that do not
	SyncReplicaHealthy *bool          `json:"sync_replica_healthy"` // the standby is proven, and MAIN replicates to it now
	IsLeader           bool           `json:"is_leader"`
	Reconciliation     Reconciliation `json:"reconciliation_metrics"`
	Registrations      []Registration `json:"replica_registrations"` // as MAIN lists them; empty where that is not known
	ReadGateway        *ReadGateway   `json:"read_gateway_status,omitempty"`
}

// Reconciliation counts the passes of this replica's loop. It makes some a second
// while it leads, and none else.
type Reconciliation struct {
	Total      uint64     `json:"total_reconciliations"`
	Successful uint64     `json:"successful_reconciliations"`
	Failed     uint64     `json:"failed_reconciliations"`
	LastTime   *time.Time `json:"last_reconciliation_time"` // null: this replica has not led
	LastError  string     `json:"last_reconciliation_error"`
	Duration   float64    `json:"last_reconciliation_duration_seconds"`
}

// Registration is a row of SHOW REPLICAS.
type Registration struct {
	Name      string `json:"name"`
	PodName   string `json:"pod_name"`
	Address   string `json:"address"`
	SyncMode  string `json:"sync_mode"` // strict_sync, sync or async
	IsHealthy bool   `json:"is_healthy"`
}

// ReadGateway is this replica's read-only door. It leads to every replica that may
// be read from, so its upstream is the first of them.
type ReadGateway struct {
	Enabled          bool            `json:"enabled"`
	CurrentUpstream  string          `json:"current_upstream"`
	UpstreamPodName  string          `json:"upstream_pod_name"`
	UpstreamHealthy  bool            `json:"upstream_healthy"`
	ConnectionStats  ConnectionStats `json:"connection_stats"`
	HealthCheckStats HealthChecks    `json:"health_check_stats"`
}

// ConnectionStats counts sessions. The totals are of both doors: they are not
// counted apart.
type ConnectionStats struct {
	Active   int    `json:"active_connections"` // of the read-only door
	Total    uint64 `json:"total_connections"`
	Rejected uint64 `json:"rejected_connections"`
	Errors   uint64 `json:"errors"` // vain tries to reach a server
}

// HealthChecks would count looks of the gateway at its upstream. It makes none: the
// leader says in the record whom to read from.
type HealthChecks struct {
	Last bool `json:"last_health_status"` // the record names a replica to read from
}

// Pod is a node.
type Pod struct {
	Name               string         `json:"name"`
	State              string         `json:"state"`         // MAIN, REPLICA, DOWN or UNKNOWN
	Role               string         `json:"memgraph_role"` // as it says; unknown where this replica has not asked
	BoltAddress        string         `json:"bolt_address"`
	ReplicationAddress string         `json:"replication_address"`
	IsSyncReplica      bool           `json:"is_sync_replica"`
	IPAddress          string         `json:"ip_address"` // the host of its Bolt address: a name that stays, or an address
	Timestamp          *time.Time     `json:"timestamp"`  // when it last answered this replica; null: never
	Healthy            *bool          `json:"healthy"`    // it answers; null where this replica does not ask
	Registered         []string       `json:"replicas_registered"`
	Inconsistency      *Inconsistency `json:"inconsistency"`
}

// Inconsistency says how a node differs from the record.
type Inconsistency struct {
	Description string `json:"description"`
	Role        string `json:"memgraph_role"`
}

// earlierOf tells v in the words of earlier deployments.
func earlierOf(v app.Status, o Options, now time.Time) Earlier {
	e := Earlier{Timestamp: now, Pods: []Pod{}, State: ClusterState{
		TotalPods: len(o.Topology), IsLeader: v.Leading, Reconciliation: reconciliationOf(v.Passes), Registrations: []Registration{},
	}}
	if r := v.Record; r != nil {
		e.State.CurrentMain = o.Topology.Name(r.Main)
		if r.Seat != cluster.NoNode {
			e.State.CurrentSyncReplica = o.Topology.Name(r.Seat)
		}
	}
	for n := range o.Topology {
		e.Pods = append(e.Pods, podOf(v, cluster.Ordinal(n), o.Topology))
	}
	if s := v.Snapshot; s != nil {
		e.State.seen(*s, o.Topology)
	}
	if o.ReadGateway {
		e.State.ReadGateway = readGatewayOf(v, o.Topology)
	}
	return e
}

func reconciliationOf(p app.Passes) Reconciliation {
	r := Reconciliation{Total: p.Total, Successful: p.Total - p.Failed, Failed: p.Failed, Duration: p.Took.Seconds()}
	if !p.Last.IsZero() {
		r.LastTime = &p.Last
	}
	if p.Err != nil {
		r.LastError = p.Err.Error()
	}
	return r
}

// seen adds what the leader sees.
func (c *ClusterState) seen(s controller.Snapshot, t cluster.Topology) {
	up, held := 0, false
	for _, n := range s.Nodes {
		if answers(n) {
			up++
		}
	}
	if r := s.Record; r != nil && int(r.Main) < len(s.Nodes) && r.Main >= 0 && answers(s.Nodes[r.Main]) {
		for _, row := range s.Nodes[r.Main].Replicas {
			c.Registrations = append(c.Registrations, registrationOf(row, t))
		}
		_, proven := r.Proof(r.Seat)
		row, listed := s.Nodes[r.Main].Replica(r.Seat)
		held = proven && listed && row.Mode.Waited() && whole(row)
	}
	down := len(s.Nodes) - up
	c.HealthyPods, c.UnhealthyPods, c.SyncReplicaHealthy = &up, &down, &held
}

func answers(s cluster.Sighting) bool { return s.Contact == cluster.Answered && !s.Gone }

// whole reports whether MAIN replicates to r now.
func whole(r cluster.Replica) bool {
	return !r.Ghost && (r.Status == cluster.Ready || r.Status == cluster.Replicating)
}

func registrationOf(r cluster.Replica, t cluster.Topology) Registration {
	shown := Registration{Name: r.Name, Address: r.Address, SyncMode: r.Mode.String(), IsHealthy: whole(r)}
	if r.Node != cluster.NoNode {
		shown.PodName = t.Name(r.Node)
	}
	return shown
}

// podOf describes node n.
func podOf(v app.Status, n cluster.Ordinal, t cluster.Topology) Pod {
	host, _, err := net.SplitHostPort(t[n].Bolt)
	if err != nil {
		host = t[n].Bolt // a topology of host:port only; show what there is
	}
	p := Pod{
		Name: t[n].Name, State: "UNKNOWN", Role: cluster.RoleUnknown.String(), BoltAddress: t[n].Bolt, ReplicationAddress: t[n].Replication,
		IPAddress: host, IsSyncReplica: v.Record != nil && v.Record.Seat == n, Registered: []string{},
	}
	if v.Snapshot == nil || int(n) >= len(v.Snapshot.Nodes) {
		return p
	}
	s := v.Snapshot.Nodes[n]
	if s.Contact == cluster.NotProbed {
		return p
	}
	healthy := answers(s)
	p.Healthy = &healthy
	if !s.Answered.IsZero() {
		p.Timestamp = &s.Answered
	}
	if !healthy {
		p.State = "DOWN"
		return p
	}
	p.Role = s.Role.String()
	if s.Role != cluster.RoleUnknown {
		p.State = strings.ToUpper(s.Role.String())
	}
	for _, r := range s.Replicas {
		p.Registered = append(p.Registered, r.Name)
	}
	p.Inconsistency = inconsistent(v.Snapshot.Record, n, s, t)
	return p
}

// inconsistent says how a node that answers differs from the record, nil if it does
// not. While MAIN changes it may.
func inconsistent(r *cluster.Record, n cluster.Ordinal, s cluster.Sighting, t cluster.Topology) *Inconsistency {
	switch {
	case r == nil || r.Stage == cluster.Promoting || r.Stage == cluster.Demoting:
		return nil
	case n == r.Main && s.Role != cluster.RoleMain:
		return &Inconsistency{t.Name(n) + " is MAIN by the record and says it is " + s.Role.String(), s.Role.String()}
	case n != r.Main && s.Role == cluster.RoleMain:
		return &Inconsistency{t.Name(n) + " says it is MAIN; by the record that is " + t.Name(r.Main), s.Role.String()}
	}
	return nil
}

// readGatewayOf describes the read-only door.
func readGatewayOf(v app.Status, t cluster.Topology) *ReadGateway {
	g := &ReadGateway{Enabled: true, ConnectionStats: ConnectionStats{
		Total: v.Gateway.ClientsTotal, Rejected: v.Gateway.RefusedTotal, Errors: v.Gateway.UndialedTotal,
	}}
	for _, n := range v.Gateway.Nodes {
		g.ConnectionStats.Active += n.ReadOnly
		if n.Main || g.CurrentUpstream != "" {
			continue
		}
		g.CurrentUpstream, g.UpstreamHealthy, g.HealthCheckStats.Last = n.Addr, true, true
		if i := slices.IndexFunc(t, func(o cluster.Node) bool { return o.Bolt == n.Addr }); i >= 0 {
			g.UpstreamPodName = t[i].Name
		}
	}
	return g
}

// still returns e without what changes while nothing happens.
func (e Earlier) still() Earlier {
	e.Timestamp, e.State.Reconciliation = time.Time{}, Reconciliation{}
	e.Pods = slices.Clone(e.Pods)
	for i := range e.Pods {
		e.Pods[i].Timestamp = nil
	}
	return e
}
