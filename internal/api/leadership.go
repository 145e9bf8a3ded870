package api

import (
	"time"

	"memgraph-controller/internal/app"
)

// Leadership is the answer of /api/v1/leadership.
type Leadership struct {
	Leader   string `json:"leader"` // empty: nobody leads as far as this replica knows
	Identity string `json:"identity"`
	Leading  bool   `json:"leading"`

	// As earlier deployments call it.
	CurrentLeader string    `json:"current_leader"`
	MyIdentity    string    `json:"my_identity"`
	IAmLeader     bool      `json:"i_am_leader"`
	LeaderMatch   bool      `json:"leader_match"` // the lease names this replica just if it believes to lead
	Timestamp     time.Time `json:"timestamp"`
	LeaseName     string    `json:"lease_name"`
	Namespace     string    `json:"namespace"`
}

// leadershipOf shows who leads by v.
func leadershipOf(v app.Status, o Options, now time.Time) Leadership {
	return Leadership{
		Leader: v.Leader, Identity: v.Identity, Leading: v.Leading,
		CurrentLeader: v.Leader, MyIdentity: v.Identity, IAmLeader: v.Leading,
		LeaderMatch: (v.Leader == v.Identity) == v.Leading,
		Timestamp:   now, LeaseName: o.Lease, Namespace: o.Namespace,
	}
}
