package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"memgraph-controller/internal/cluster"
)

// Plan is all that a run depends on: a cluster, and what strikes it.
type Plan struct {
	Seed                        uint64 // of all that is drawn while it runs
	Nodes, Controllers, Clients int
	Version                     cluster.Version
	Durability                  cluster.Durability
	Duration, Renew, Retry      time.Duration // of the lease
	FlushEvery                  int           // transactions, until the file is flushed
	Fast                        int           // number of the controller whose clock runs 1.3 times as fast; -1: none
	Early                       bool          // faults strike from the start, not only a whole cluster
	Idle                        bool          // clients write every few seconds, not many times a second
	Faults                      []Fault
}

// Fault is one thing that strikes.
type Fault struct {
	At   time.Duration // since the cluster was whole
	On   string        // a boundary: it strikes at the first one after At; "": at once
	Kind string        // of faultKinds
	Who  string        // whom: a node, a controller, two parties of a link …
	For  time.Duration // how long it lasts; 0: it is over at once
}

// faultKind is how faults of a kind are drawn.
type faultKind struct {
	name   string
	who    func(*Plan, *rand.Rand) string
	lasts  bool
	weight int
	// control says that a healthy MAIN's clients must not notice (P9).
	control bool
}

var faultKinds = []faultKind{
	{name: "crash", who: someNode, weight: 10},
	{name: "freeze", who: someNode, lasts: true, weight: 5},
	{name: "power", who: someNode, lasts: true, weight: 4},
	{name: "wipe", who: someNode, weight: 2},
	{name: "leave", who: someNode, weight: 5},
	{name: "roll", who: nobody, weight: 1},
	{name: "crash-all", who: nobody, weight: 1},
	{name: "power-all", who: nobody, lasts: true, weight: 1},
	{name: "slow-disk", who: someNode, lasts: true, weight: 1},
	{name: "cut", who: somePair, lasts: true, weight: 8},
	{name: "cut-one-way", who: somePair, lasts: true, weight: 6},
	{name: "isolate", who: someParty, lasts: true, weight: 4},
	{name: "crash-controller", who: someController, weight: 7, control: true},
	{name: "freeze-controller", who: someController, lasts: true, weight: 5, control: true},
	{name: "two-leaders", who: someController, lasts: true, weight: 2, control: true},
	{name: "late-watch", who: someController, lasts: true, weight: 3, control: true},
	{name: "api-away", who: nobody, lasts: true, weight: 3, control: true},
	{name: "api-conflict", who: nobody, weight: 2, control: true},
	{name: "api-lost-request", who: nobody, weight: 2, control: true},
	{name: "api-lost-answer", who: nobody, weight: 3, control: true},
	{name: "delete-record", who: nobody, weight: 1},
	{name: "request", who: someRequest, weight: 3},
}

// boundaries are where faults like to strike.
var boundaries = []string{
	"before promote", "after promote", "before demote", "after demote", "before mark", "after mark",
	"before register", "after register", "before drop", "after drop", "before restart",
	"before record", "after record serving", "after record quiescing", "after record demoting", "after record promoting",
	"commit", "finalize",
}

func nobody(*Plan, *rand.Rand) string { return "" }

func someNode(p *Plan, r *rand.Rand) string {
	return pick(r, "main", "main", "main", "seat", "seat", "other", nodeName(r.IntN(p.Nodes)))
}

func someController(p *Plan, r *rand.Rand) string {
	return pick(r, "leader", "leader", "leader", controllerName(r.IntN(p.Controllers)))
}

func nodeName(n int) string       { return fmt.Sprintf("node%d", n) }
func controllerName(c int) string { return fmt.Sprintf("controller%d", c) }

func someParty(p *Plan, r *rand.Rand) string {
	return pick(r, someNode(p, r), someController(p, r))
}

func somePair(p *Plan, r *rand.Rand) string {
	ends := func() string {
		return pick(r, "main", "main", "seat", "other", "leader", "leader", "api", nodeName(r.IntN(p.Nodes)),
			controllerName(r.IntN(p.Controllers)), fmt.Sprintf("client%d", r.IntN(p.Clients)))
	}
	return ends() + ">" + ends()
}

func someRequest(p *Plan, r *rand.Rand) string {
	n := strconv.Itoa(r.IntN(p.Nodes + 1)) // one that is not there, too
	return pick(r, requests(n)...)
}

func requests(n string) []string {
	all := []string{"rebuild " + n, "promote " + n, "pause"}
	if _, err := cluster.ParseRequest("switchover"); err == nil {
		all = append(all, "switchover", "switchover", "switchover "+n, "switchover "+n)
	}
	return all
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// Draw makes the plan of a seed.
func Draw(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 20260101))
	p := Plan{Seed: seed, Nodes: 3, Controllers: 3, Clients: 3, Version: cluster.Version{Major: 3, Minor: 12}, Fast: -1}
	switch r.IntN(10) {
	case 0:
		p.Version = cluster.Version{Major: 3, Minor: 4}
	case 1, 2, 3:
		p.Version = cluster.Version{Major: 3, Minor: 6}
	}
	switch r.IntN(12) {
	case 0:
		p.Nodes = 2
	case 1:
		p.Nodes = 5
	case 2:
		p.Controllers = 1
	case 3:
		p.Nodes = 1
	}
	if r.IntN(6) == 0 {
		p.Durability = cluster.Strict
	}
	p.Duration, p.Renew, p.Retry = 3*time.Second, 2*time.Second, 400*time.Millisecond
	if r.IntN(8) == 0 {
		p.Duration, p.Renew, p.Retry = 15*time.Second, 10*time.Second, 2*time.Second
	}
	p.FlushEvery = 1 + r.IntN(3)*20
	if r.IntN(4) == 0 {
		p.Fast = r.IntN(p.Controllers)
	}
	p.Early = r.IntN(12) == 0
	p.Idle = r.IntN(5) == 0
	for range 1 + r.IntN(7) {
		p.Faults = append(p.Faults, p.fault(r))
	}
	slices.SortFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	return p
}

func (p *Plan) fault(r *rand.Rand) Fault {
	total := 0
	for _, k := range faultKinds {
		total += k.weight
	}
	at := r.IntN(total)
	var kind faultKind
	for _, k := range faultKinds {
		if at -= k.weight; at < 0 {
			kind = k
			break
		}
	}
	f := Fault{Kind: kind.name, Who: kind.who(p, r), At: time.Duration(r.IntN(15000)) * time.Millisecond}
	if r.IntN(3) == 0 { // near the one before
		if n := len(p.Faults); n > 0 {
			f.At = p.Faults[n-1].At + time.Duration(r.IntN(1500))*time.Millisecond
		}
	}
	if kind.lasts {
		f.For = time.Duration(50+r.IntN(1500)) * time.Millisecond
		if r.IntN(2) == 0 {
			f.For = time.Duration(1000+r.IntN(9000)) * time.Millisecond
		}
	}
	if r.IntN(2) == 0 {
		f.On = pick(r, boundaries...)
	}
	return f
}

// control reports whether only the controllers and the API are struck.
func (p *Plan) control() bool {
	for _, f := range p.Faults {
		at := slices.IndexFunc(faultKinds, func(k faultKind) bool { return k.name == f.Kind })
		if at < 0 || !faultKinds[at].control {
			return false
		}
	}
	return true
}

// String writes the plan as a scenario file: what Parse reads.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cluster seed=%d nodes=%d controllers=%d clients=%d version=%s durability=%s lease=%s/%s/%s flush=%d fast=%d early=%t idle=%t\n",
		p.Seed, p.Nodes, p.Controllers, p.Clients, p.Version, p.Durability, p.Duration, p.Renew, p.Retry, p.FlushEvery, p.Fast, p.Early, p.Idle)
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "fault at=%s kind=%s", f.At, f.Kind)
		for _, v := range []struct{ key, value string }{{"who", f.Who}, {"on", f.On}} {
			if v.value != "" {
				fmt.Fprintf(&b, " %s=%s", v.key, strings.ReplaceAll(v.value, " ", "_"))
			}
		}
		if f.For > 0 {
			fmt.Fprintf(&b, " for=%s", f.For)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Parse reads a scenario file. Empty lines, and those that begin with #, say nothing.
func Parse(text string) (Plan, error) {
	var p Plan
	for number, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		fields := map[string]string{}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			fields[key] = value
		}
		var err error
		switch words[0] {
		case "cluster":
			err = p.readCluster(fields)
		case "fault":
			var f Fault
			if f, err = readFault(fields); err == nil {
				p.Faults = append(p.Faults, f)
			}
		default:
			err = fmt.Errorf("%q: want cluster or fault", words[0])
		}
		if err != nil {
			return Plan{}, fmt.Errorf("scenario line %d: %w", number+1, err)
		}
	}
	if p.Nodes < 1 || p.Controllers < 1 {
		return Plan{}, fmt.Errorf("scenario: want a cluster of at least 1 node and 1 controller, got %d and %d", p.Nodes, p.Controllers)
	}
	return p, nil
}

func (p *Plan) readCluster(f map[string]string) (err error) {
	if p.Version, err = cluster.ParseVersion(f["version"]); err != nil {
		return err
	}
	if p.Durability, err = cluster.ParseDurability(f["durability"]); err != nil {
		return err
	}
	numbers := []struct {
		key  string
		into *int
	}{{"nodes", &p.Nodes}, {"controllers", &p.Controllers}, {"clients", &p.Clients}, {"flush", &p.FlushEvery}, {"fast", &p.Fast}}
	for _, n := range numbers {
		if *n.into, err = strconv.Atoi(f[n.key]); err != nil {
			return fmt.Errorf("%s=%q: want a number", n.key, f[n.key])
		}
	}
	if p.Seed, err = strconv.ParseUint(f["seed"], 10, 64); err != nil {
		return fmt.Errorf("seed=%q: want a number", f["seed"])
	}
	parts := strings.Split(f["lease"], "/")
	if len(parts) != 3 {
		return fmt.Errorf("lease=%q: want three durations like 3s/2s/400ms", f["lease"])
	}
	for i, into := range []*time.Duration{&p.Duration, &p.Renew, &p.Retry} {
		if *into, err = time.ParseDuration(parts[i]); err != nil {
			return fmt.Errorf("lease=%q: want three durations like 3s/2s/400ms", f["lease"])
		}
	}
	p.Early, p.Idle = f["early"] == "true", f["idle"] == "true"
	return nil
}

func readFault(fields map[string]string) (Fault, error) {
	spaced := func(s string) string { return strings.ReplaceAll(s, "_", " ") }
	f := Fault{Kind: fields["kind"], Who: spaced(fields["who"]), On: spaced(fields["on"])}
	if !slices.ContainsFunc(faultKinds, func(k faultKind) bool { return k.name == f.Kind }) {
		return f, fmt.Errorf("kind=%q is no kind of fault", f.Kind)
	}
	if f.On != "" && !slices.Contains(boundaries, f.On) {
		return f, fmt.Errorf("on=%q: want one of %s", f.On, strings.Join(boundaries, ", "))
	}
	for _, d := range []struct {
		key  string
		into *time.Duration
	}{{"at", &f.At}, {"for", &f.For}} {
		if fields[d.key] == "" {
			continue
		}
		var err error
		if *d.into, err = time.ParseDuration(fields[d.key]); err != nil {
			return f, fmt.Errorf("%s=%q: want a duration like 1.5s", d.key, fields[d.key])
		}
	}
	return f, nil
}
