package matrix

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is one way to break a release.
type Fault struct {
	Name, What string
	// Hold is how long what was broken stays so; 0 where it comes back by itself.
	Hold time.Duration

	strike strike
}

// asked is whether the fault is a request that not every controller knows.
func (f Fault) asked() bool { return f.Name == "switchover" }

// Long enough for a silent MAIN (3 s) to be replaced, and for what waits for a
// connection that fell silent (5.5 s) to give up; longer than the lease (15 s) and
// the next try for what must cost the lease.
const (
	outage    = 12 * time.Second
	leaseOver = 25 * time.Second
)

// Faults lists all that can be made real on the lab. Cuts with "-in" and "-out" drop
// packets in one direction, as seen by who is cut off.
func Faults() []Fault {
	return []Fault{
		{"kill", "SIGKILL of MAIN's process", 0, kill(mainNode)},
		{"kill-standby", "SIGKILL of the standby's process", 0, kill(standbyNode)},
		{"kill-async", "SIGKILL of the ASYNC replica's process", 0, kill(asyncNode)},
		{"kill-all", "SIGKILL of all Memgraph processes at once", 0, kill(everyNode)},
		{"delete", "kubectl delete of MAIN's pod", 0, remove(mainNode)},
		{"delete-standby", "kubectl delete of the standby's pod", 0, remove(standbyNode)},
		{"freeze", "MAIN hangs", outage, freeze(mainNode)},
		{"freeze-standby", "the standby hangs", outage, freeze(standbyNode)},
		{"power", "MAIN's machine loses its power", outage, powerOff(mainNode)},
		{"power-standby", "the standby's machine loses its power", outage, powerOff(standbyNode)},
		{"power-all", "all machines lose their power at once", 5 * time.Second, powerOff(everyNode)},
		{"leader", "the leading controller dies without a word", 0, murder(nil)},
		{"leader+main", "the leading controller and MAIN die at once", 0, murder(kill(mainNode))},
		{"cut-main", "MAIN and the controllers, with all clients' doors, lose each other", outage, cut(controllerPods, mainNode, both)},
		{"cut-main-in", "what controllers send to MAIN is lost", outage, cut(controllerPods, mainNode, there)},
		{"cut-main-out", "what MAIN sends to controllers is lost", outage, cut(controllerPods, mainNode, back)},
		{"cut-standby", "MAIN and the standby lose each other", outage, cut(mainNode, standbyNode, both)},
		{"cut-standby-in", "what MAIN sends to the standby is lost", outage, cut(mainNode, standbyNode, there)},
		{"cut-standby-out", "what the standby sends to MAIN is lost", outage, cut(mainNode, standbyNode, back)},
		{"cut-leader", "the leading controller and the API server lose each other", leaseOver, cutFromAPI(leaderPod)},
		{"api", "no API server", 30 * time.Second, stop("kube-apiserver", nil)},
		{"api+main", "no API server, and MAIN is killed", 15 * time.Second, stop("kube-apiserver", kill(mainNode))},
		{"etcd", "no etcd", 10 * time.Second, stop("etcd", nil)},
		{"wipe-standby", "the standby's volume is emptied; it is back at once", 0, wipe(standbyNode)},
		{"wipe-async", "the ASYNC replica's volume is emptied; it is back at once", 0, wipe(asyncNode)},
		{"volume", "the standby's volume claim is deleted with its pod", 0, replaceVolume(standbyNode)},
		{"roll", "kubectl rollout restart of all nodes", 0, roll},
		{"drain", "kubectl drain of MAIN's machine, then uncordon", 0, drain},
		{"switchover", "a switchover is asked for", 0, switchover},
		{"record", "the ConfigMap of the record is deleted", 0, forget},
	}
}

// during lists the faults that strike in the middle of something. What is missing,
// and why:
//
//   - during a switchover, which takes a quarter of a second: roll and drain, which
//     make switchovers of their own; a second switchover, which is refused and
//     breaks nothing; wipe-standby, wipe-async and volume, since what they do takes
//     longer than the switchover, so that they strike after it; kill-async, since the
//     ASYNC replica takes no part; api+main and power-all, which are api and kill-all
//     as far as a switchover goes.
//   - during a rebuild of the ASYNC replica: drain, which waits for its end (the
//     disruption budget says so); a switchover and kill-async's sisters wipe-async and
//     volume, which are a rebuild of the same node or of a healthy one once more; the
//     one-way cuts and cut-main, which concern MAIN and the controllers and do not
//     know what the third node does; cut-leader, whose 25 s outlast every rebuild.
//   - during a failover nobody is the standby yet, so all faults of the standby but
//     kill-standby and freeze-standby are missing; there the part is played by the
//     node that was MAIN and comes back. roll, drain and a switchover wait for a whole
//     release; power-all, wipe-async and volume strike long after the failover's end;
//     cut-leader takes effect only after it.
var during = map[Situation][]string{
	Switchover: {
		"kill", "kill-standby", "kill-all", "delete", "delete-standby", "freeze", "freeze-standby", "power", "power-standby", "leader", "leader+main",
		"cut-main", "cut-main-in", "cut-main-out", "cut-standby", "cut-standby-in", "cut-standby-out", "cut-leader", "api", "etcd", "record",
	},
	Rebuild: {
		"kill", "kill-standby", "kill-async", "kill-all", "delete", "delete-standby", "freeze", "freeze-standby", "power", "power-standby", "power-all",
		"leader", "leader+main", "cut-standby", "api", "api+main", "etcd", "wipe-standby", "roll", "record",
	},
	Failover: {
		"kill", "kill-standby", "kill-async", "kill-all", "delete", "freeze", "freeze-standby", "power", "leader", "leader+main",
		"cut-main", "cut-main-in", "cut-main-out", "api", "api+main", "etcd", "record",
	},
}

// Combination is a fault in a situation.
type Combination struct {
	Fault     Fault
	Situation Situation
}

func (c Combination) String() string { return c.Fault.Name + "/" + string(c.Situation) }

// Asked is whether it takes controllers that know the request "switchover".
func (c Combination) Asked() bool { return c.Situation == Switchover || c.Fault.asked() }

// makesSense is whether the table has the combination.
func (c Combination) makesSense() bool {
	return c.Situation == Idle || c.Situation == Write || slices.Contains(during[c.Situation], c.Fault.Name)
}

// Choose returns the combinations of the named faults and situations that the table
// has, by fault, in the table's order. No faults stands for all, no situations for
// Write alone. It is an error if a name is unknown, or if none of what was named is
// in the table.
func Choose(faults, situations []string) ([]Combination, error) {
	var chosen []Combination
	wanted, err := pick("fault", faults, names())
	if err != nil {
		return nil, err
	}
	if len(situations) == 0 {
		situations = []string{string(Write)}
	}
	in, err := pick("load", situations, situationNames())
	if err != nil {
		return nil, err
	}
	for _, f := range Faults() {
		for _, l := range Situations() {
			c := Combination{f, l}
			if wanted[f.Name] && in[string(l)] && c.makesSense() {
				chosen = append(chosen, c)
			}
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("nothing to run: of the faults %s none is run in the loads %s; in each of idle and write all are, and the comment at \"during\" in test/e2e/matrix/table.go says why others are not",
			strings.Join(faults, " "), strings.Join(situations, " "))
	}
	return chosen, nil
}

// pick returns the set of the names chosen; "all" and nothing stand for every one.
func pick(what string, chosen, known []string) (map[string]bool, error) {
	set := map[string]bool{}
	if len(chosen) == 0 {
		chosen = []string{"all"}
	}
	for _, name := range chosen {
		switch {
		case name == "all":
			for _, k := range known {
				set[k] = true
			}
		case slices.Contains(known, name):
			set[name] = true
		default:
			return nil, fmt.Errorf("no %s %q: name some of %s, or all", what, name, strings.Join(known, ", "))
		}
	}
	return set, nil
}

func names() []string {
	var out []string
	for _, f := range Faults() {
		out = append(out, f.Name)
	}
	return out
}

func situationNames() []string {
	var out []string
	for _, l := range Situations() {
		out = append(out, string(l))
	}
	return out
}
