// Package control is the stand-in's back door: an HTTP port, on loopback and off by default, by
// which tests break links, arm crash points, cut the power and look behind the scenes, and the
// client for it.
//
// It is no part of what Memgraph offers, and nothing of the controller may use it.
package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"memgraph-controller/internal/standin/faults"
	"memgraph-controller/internal/standin/storage"
)

// Link names a kind of connection of the stand-in.
type Link string

// The links.
const (
	ReplicationIn  Link = "replication-in"  // a REPLICA's port and its connections
	ReplicationOut Link = "replication-out" // a MAIN's connections to its replicas; peers are host:port
	Bolt           Link = "bolt"            // clients
)

// Links are all links.
var Links = []Link{ReplicationIn, ReplicationOut, Bolt}

// Point is where the process can be made to kill itself.
type Point string

// The points, as a commit on a MAIN passes them, and the one between a promotion and its answer.
const (
	AfterWAL         = Point(storage.AfterWAL)
	AfterShip        = Point(storage.AfterShip)
	AfterLocalCommit = Point(storage.AfterLocalCommit)
	AfterFinalize    = Point(storage.AfterFinalize)
	AfterPromotion   = Point("after-promotion")
)

// Points are all points.
var Points = []Point{AfterWAL, AfterShip, AfterLocalCommit, AfterFinalize, AfterPromotion}

// Faults is everything that is wrong on purpose. The zero value is nothing.
type Faults struct {
	// Links holds the faults of links by peer; "" stands for all peers.
	Links map[Link]map[string]faults.Fault `json:"links,omitempty"`
	// CrashAt makes the process kill itself the next time it passes the point.
	CrashAt Point `json:"crash_at,omitempty"`
	// PromotionDelayMS makes promotions longer, in milliseconds.
	PromotionDelayMS int64 `json:"promotion_delay_ms,omitempty"`
	// LoseFinalize is how many second phases of STRICT_SYNC commits get lost, from now on.
	LoseFinalize int64 `json:"lose_finalize,omitempty"`
}

// PromotionDelay is PromotionDelayMS as a duration.
func (f Faults) PromotionDelay() time.Duration {
	return time.Duration(f.PromotionDelayMS) * time.Millisecond
}

// Validate reports what is wrong with faults that came from outside.
func (f Faults) Validate() error {
	for link, peers := range f.Links {
		if !slices.Contains(Links, link) {
			return fmt.Errorf("unknown link %q", link)
		}
		for peer, fault := range peers {
			if err := fault.Validate(); err != nil {
				return fmt.Errorf("link %s, peer %q: %w", link, peer, err)
			}
		}
	}
	if f.CrashAt != "" && !slices.Contains(Points, f.CrashAt) {
		return fmt.Errorf("unknown crash point %q", f.CrashAt)
	}
	if f.PromotionDelayMS < 0 || f.LoseFinalize < 0 {
		return fmt.Errorf("promotion delay and lost finalizes must not be negative")
	}
	return nil
}

// State is what there is to see behind the scenes.
type State struct {
	Version string          `json:"version"`
	PID     int             `json:"pid"`
	Role    string          `json:"role"` // "main", "replica", or "" while a change is in progress
	Hung    bool            `json:"hung"` // a DROP REPLICA has hung it for ever
	UUID    string          `json:"database_uuid"`
	Lineage storage.Lineage `json:"lineage"`
	Nodes   int64           `json:"nodes"`
	Faults  Faults          `json:"faults"`
}

// Target is what the port controls.
type Target interface {
	// State never waits for anything.
	State() State
	// SetFaults makes f the faults; those not in it are healed.
	SetFaults(f Faults) error
	// SetLink changes the fault of one link and peer.
	SetLink(link Link, peer string, f faults.Fault) error
	// PowerLoss ends the process as a power loss would. It does not return in a real process.
	PowerLoss(ctx context.Context)
	// Kill ends the process at once. It does not return in a real process.
	Kill()
}
