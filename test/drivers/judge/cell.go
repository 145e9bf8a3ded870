package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Driver is an official driver.
type Driver string

// The drivers.
const (
	Go         Driver = "go"
	JavaScript Driver = "js"
)

// URI is the scheme of the address by which a driver comes.
type URI string

// The schemes.
const (
	Bolt  URI = "bolt"  // one server, to write and to read
	Neo4j URI = "neo4j" // a routing table says where to write and where to read
)

// Mode is the way in which an application runs its statements.
type Mode string

// The modes.
const (
	Auto     Mode = "auto"     // a statement without a transaction, which no driver tries again
	Managed  Mode = "managed"  // ExecuteWrite and ExecuteRead, which the driver tries again
	Explicit Mode = "explicit" // BEGIN and COMMIT by hand, tried again by nobody here
)

// Event is what happens meanwhile.
type Event string

// The events.
const (
	None           Event = "none"
	Switchover     Event = "switchover"      // MAIN steps down by request
	MainCrash      Event = "main-crash"      // MAIN's process is killed
	LeaderCrash    Event = "leader-crash"    // the controller that leads dies, with the gateway in it
	RollingRestart Event = "rolling-restart" // node after node is stopped and started again
	GatewayRollout Event = "gateway-rollout" // controller after controller is stopped and replaced
)

// All there is, in the order in which it is run and shown.
var (
	Drivers = []Driver{Go, JavaScript}
	URIs    = []URI{Bolt, Neo4j}
	Modes   = []Mode{Auto, Managed, Explicit}
	Events  = []Event{None, Switchover, MainCrash, LeaderCrash, RollingRestart, GatewayRollout}
)

// GapBar is the longest that a client may go without a success in a planned event.
const GapBar = time.Second

// Planned reports whether MAIN changes without a crash, so that nobody need notice.
func (e Event) Planned() bool { return e == Switchover || e == RollingRestart }

// Cell is one field of the matrix.
type Cell struct {
	Driver Driver `json:"driver"`
	URI    URI    `json:"uri"`
	Mode   Mode   `json:"mode"`
	Event  Event  `json:"event"`
}

// Choose reads a list of names separated by commas, in the order of all; "" is all of
// them.
func Choose[T ~string](what, list string, all []T) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var chosen []T
	names := strings.Split(list, ",")
	for _, name := range names {
		if !slices.Contains(all, T(name)) {
			return nil, fmt.Errorf("--%s %q: want some of %s, separated by commas", what, name, join(all))
		}
	}
	for _, one := range all {
		if slices.Contains(names, string(one)) {
			chosen = append(chosen, one)
		}
	}
	return chosen, nil
}

func join[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = string(one)
	}
	return strings.Join(names, ", ")
}
