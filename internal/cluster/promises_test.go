package cluster

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// chaos drives a world with random events, one decision or step at a time, and
// checks the promises after each. It is a model with clients: writes are
// acknowledged as Memgraph acknowledges them, so what a promotion loses is seen.
type chaos struct {
	*world
	rng     *rand.Rand
	have    []map[int]bool // writes on each node, by number
	acked   []int
	next    int
	waive   bool // a human accepted a loss: P1 is not checked any more
	trail   []string
	lastRec *Record
}

func newChaos(seed uint64, n int) *chaos {
	c := &chaos{world: newWorld(n), rng: rand.New(rand.NewPCG(seed, 7))}
	for range n {
		c.have = append(c.have, map[int]bool{})
	}
	return c
}

// event lets one thing happen to the world.
func (c *chaos) event() string {
	n := Ordinal(c.rng.IntN(len(c.nodes)))
	s := c.nodes[n]
	switch k := c.rng.IntN(27); {
	case k < 3:
		if s.up && s.role == RoleMain && len(s.rows) > 0 && c.rng.IntN(3) == 0 {
			s.foreign = "committed, not confirmed"
		}
		s.up = false
		return fmt.Sprintf("crash %d %s", n, s.foreign)
	case k < 8:
		if s.up && !s.silent {
			return c.write()
		}
		c.bring(n)
		return fmt.Sprintf("up %d", n)
	case k == 8:
		s.silent = !s.silent
		return fmt.Sprintf("silent %d %v", n, s.silent)
	case k == 9:
		c.bring(n)
		return fmt.Sprintf("restart %d", n)
	case k == 10 && c.rng.IntN(4) == 0:
		c.bring(n)
		s.uuid, s.vertices, s.master = fmt.Sprintf("w%d.%d", n, s.runs), 0, NoNode
		c.have[n] = map[int]bool{}
		return fmt.Sprintf("wipe %d", n)
	case k == 11 && c.rng.IntN(4) == 0:
		s.boot += "'"
		c.bring(n)
		c.forgetTail(n)
		return fmt.Sprintf("power loss %d", n)
	case k == 12:
		c.attempts, c.term, c.sighted = Attempts{}, c.now, make([]Sighting, len(c.nodes))
		return "new leader"
	case k == 13:
		for _, m := range c.nodes {
			m.lag[n] = -int64(c.rng.IntN(3)) * 700
		}
		return fmt.Sprintf("lag %d", n)
	case k == 14 && c.rec != nil && c.rng.IntN(3) == 0:
		m := c.nodes[c.rec.Main]
		m.rows = slices.DeleteFunc(m.rows, func(r Replica) bool { return r.Node == n })
		return fmt.Sprintf("unregister %d by hand", n)
	case k == 24:
		s.leaving = s.up && !s.leaving
		return fmt.Sprintf("leaving %d %v", n, s.leaving)
	case k == 25:
		return c.ask(n)
	case k < 18:
		d := time.Duration(c.rng.IntN(4000)) * time.Millisecond
		c.now = c.now.Add(d)
		return fmt.Sprintf("wait %s", d)
	}
	return c.write()
}

// ask is a human's request for a switchover, half the time to whoever is the standby.
func (c *chaos) ask(n Ordinal) string {
	r := Request{ID: fmt.Sprintf("switchover %d", len(c.trail)), Ask: AskSwitchover, Node: n}
	if c.rng.IntN(2) == 0 {
		r.Node = NoNode
	}
	c.requests = append(c.requests, r)
	return fmt.Sprintf("%s to %s", r.ID, r.Node)
}

// bring starts a node's process, moving its data aside if the record asks for it.
func (c *chaos) bring(n Ordinal) {
	was := c.nodes[n].uuid
	c.restart(n)
	if c.nodes[n].uuid != was {
		c.have[n] = map[int]bool{}
	}
}

// forgetTail drops the newest write of a node that had not flushed it.
func (c *chaos) forgetTail(n Ordinal) {
	newest := -1
	for w := range c.have[n] {
		newest = max(newest, w)
	}
	delete(c.have[n], newest)
}

// write is a client's write through the gateway: it reaches the recorded MAIN
// only while that serves.
func (c *chaos) write() string {
	if c.rec == nil || c.rec.Stage != Serving {
		return "write held"
	}
	m := c.nodes[c.rec.Main]
	if !m.up || m.silent || m.role != RoleMain {
		return "write failed"
	}
	rows := make([]Replica, 0, len(m.rows))
	for _, r := range m.rows {
		v := c.row(c.rec.Main, r)
		if v.Mode == StrictSync && !v.Ghost && !v.Whole() {
			m.stuck = true
			return "write aborted"
		}
		rows = append(rows, v)
	}
	if !c.prepared(c.rec.Main) {
		return "write aborted by a replica that had missed one"
	}
	c.next, m.stuck = c.next+1, false
	c.have[c.rec.Main][c.next] = true
	for _, v := range rows {
		if v.caughtUp() || v.Mode == StrictSync && !v.Ghost {
			c.have[v.Node][c.next] = true
		}
	}
	m.vertices++
	c.acked = append(c.acked, c.next)
	return fmt.Sprintf("write %d", c.next)
}

// prepared reports whether every replica that MAIN m waits for has all that m
// has. One that lost something refuses the next write, and is then recovered
// (source of 3.9: a request's previous_commit_ts is beyond its own).
func (c *chaos) prepared(m Ordinal) bool {
	ok := true
	for _, r := range c.nodes[m].rows {
		v := c.row(m, r)
		if v.Status != Ready || v.Ghost || len(c.have[v.Node]) == len(c.have[m]) {
			continue
		}
		c.have[v.Node] = cloneSet(c.have[m])
		ok = ok && !v.Mode.Waited()
	}
	return ok
}

// step makes one decision and carries it out.
func (c *chaos) step(t *testing.T) {
	in := c.input()
	before := c.copyOf(in)
	d := Decide(in)
	if after := c.copyOf(in); !reflect.DeepEqual(before, after) {
		c.fatal(t, "Decide changed its input")
	}
	if d.Rule == NoRule {
		c.fatal(t, "no rule has decided: %s", d.Why)
	}
	c.judge(t, in, d)
	c.requests = slices.DeleteFunc(c.requests, func(r Request) bool { return slices.Contains(d.Handled, r.ID) })
	switch {
	case d.Record != nil:
		next, err := Decode(d.Record.Encode())
		if err != nil {
			c.fatal(t, "record does not survive its encoding: %v", err)
		}
		next.LastUpdated = c.now
		c.lastRec = c.rec
		c.put(&next)
		if d.Vain.Kind != NoStep {
			c.note(d.Vain, Unclear)
		}
		c.trail = append(c.trail, "  record "+c.brief()+" — "+d.Why)
	case d.Step.Kind != NoStep:
		failure := Failure(0)
		if c.rng.IntN(12) == 0 {
			failure = []Failure{Busy, TimedOut, Unclear}[c.rng.IntN(3)]
		} else {
			uuid := ""
			if d.Step.Kind == Restart {
				uuid = c.nodes[d.Step.Node].uuid
			}
			failure = c.do(d.Step)
			if failure == 0 && (d.Step.Kind == Mark || d.Step.Kind == Nudge) && !c.prepared(d.Step.Node) {
				failure = Aborted
			}
			if failure == 0 && d.Step.Kind == Register {
				c.have[d.Step.Replica] = cloneSet(c.have[d.Step.Node])
			}
			if d.Step.Kind == Restart && c.nodes[d.Step.Node].uuid != uuid {
				c.have[d.Step.Node] = map[int]bool{}
			}
		}
		c.note(d.Step, failure)
		c.now = c.now.Add(2 * time.Millisecond)
		c.trail = append(c.trail, fmt.Sprintf("  %s → %s — %s", d.Step, failure, d.Why))
	default:
		c.now = c.now.Add(d.Wake)
	}
}

// judge checks the promises that one decision can break.
func (c *chaos) judge(t *testing.T, in Input, d Decision) {
	switch {
	case d.Why == "":
		c.fatal(t, "P7: a decision without a reason")
	case d.Record != nil && d.Step.Kind != NoStep:
		c.fatal(t, "P3: a record and a step in one decision")
	case d.Wake <= 0:
		c.fatal(t, "a decision that is never due again")
	}
	if next := d.Record; next != nil {
		c.judgeRecord(t, in, *next)
	}
	if s := d.Step; s.Kind != NoStep {
		c.judgeStep(t, in, s)
	}
}

func (c *chaos) judgeRecord(t *testing.T, in Input, next Record) {
	prev := in.Record
	if prev == nil {
		return
	}
	switch {
	case next.Epoch < prev.Epoch:
		c.fatal(t, "P4: epoch %d after %d", next.Epoch, prev.Epoch)
	case next.Main != prev.Main && next.Epoch == prev.Epoch && next.Stage != Demoting:
		c.fatal(t, "P4: another MAIN in the same epoch")
	case next.Stage == Promoting && prev.Stage != Promoting && next.Epoch == prev.Epoch:
		c.fatal(t, "P4: a promotion without a new epoch")
	}
	for _, p := range next.Promotable {
		if p.Node == next.Main {
			c.fatal(t, "MAIN is its own standby")
		}
		if _, was := prev.Proof(p.Node); !was && !c.waive {
			c.holdsAll(t, p.Node, "P1: recorded as promotable")
		}
	}
	if next.Stage == Demoting && prev.Stage != Demoting {
		c.judgeDemotion(t, in, next)
	}
	for _, b := range next.Rebuilds {
		if _, was := prev.Rebuild(b.Node); was {
			continue
		}
		if _, promotable := prev.Proof(b.Node); promotable || b.Node == prev.Main {
			c.fatal(t, "P6: rebuild of node %d, which is MAIN or promotable", b.Node)
		}
	}
}

// judgeDemotion: a MAIN that lives as recorded steps down after new work was held
// and what had been begun could end, and only for one that has everything.
func (c *chaos) judgeDemotion(t *testing.T, in Input, next Record) {
	prev := in.Record
	human := len(in.Requests) > 0 && in.Requests[0].Ask == AskPromote
	if human || in.Nodes[prev.Main].Process != prev.MainProcess {
		return
	}
	if prev.Stage != Quiescing || prev.Target == NoNode || prev.Target != next.Target {
		c.fatal(t, "MAIN is to step down for %s from stage %s with target %s: new work was not held", next.Target, prev.Stage, prev.Target)
	}
	held := in.Now.Sub(prev.Held)
	if in.Now.Sub(prev.LastUpdated) < settleFor || held > in.Policy.QuiesceFor {
		c.fatal(t, "MAIN is to step down %s after new work was held, %s after that was last written", held, in.Now.Sub(prev.LastUpdated))
	}
	if next.Target != next.Main && !c.waive {
		c.holdsAll(t, next.Target, "P1: MAIN steps down for it")
	}
}

func (c *chaos) judgeStep(t *testing.T, in Input, s Step) {
	rec := in.Record
	if rec == nil {
		c.fatal(t, "P3: a step without a record")
	}
	switch s.Kind {
	case Promote:
		if rec.Stage != Promoting || rec.Main != s.Node {
			c.fatal(t, "P3: promotion of node %d is not recorded", s.Node)
		}
		if !c.waive && rec.Epoch > 1 {
			c.holdsAll(t, s.Node, "P2: promoted")
		}
	case Demote:
		if s.Node == rec.Main && rec.Stage != Demoting {
			c.fatal(t, "P9: a serving MAIN is demoted without a record")
		}
	case Register, Drop:
		if s.Node != rec.Main {
			c.fatal(t, "registration on node %d, which is not MAIN", s.Node)
		}
		if _, promotable := rec.Proof(s.Replica); s.Kind == Drop && promotable {
			c.fatal(t, "P3: node %d is dropped while it is promotable", s.Replica)
		}
		if rec.Stage == Serving {
			c.fatal(t, "the topology of a serving MAIN is changed without a quiesce")
		}
	case Restart:
		_, rebuilding := rec.Rebuild(s.Node)
		if s.Node != rec.Main && !rebuilding {
			c.fatal(t, "P6: node %d is restarted for no recorded reason", s.Node)
		}
	}
}

// holdsAll checks that node n has every acknowledged write.
func (c *chaos) holdsAll(t *testing.T, n Ordinal, what string) {
	for _, w := range c.acked {
		if !c.have[n][w] {
			c.fatal(t, "%s: node %d lacks the acknowledged write %d", what, n, w)
		}
	}
}

func (c *chaos) fatal(t *testing.T, format string, args ...any) {
	t.Helper()
	from := max(0, len(c.trail)-40)
	for _, line := range c.trail[from:] {
		t.Log(line)
	}
	t.Fatalf(format, args...)
}

func (c *chaos) copyOf(in Input) Input {
	in.Attempts = func() Attempts {
		m := Attempts{}
		for k, v := range in.Attempts {
			m[k] = v
		}
		return m
	}()
	if in.Record != nil {
		r := in.Record.clone()
		in.Record = &r
	}
	in.Nodes = slices.Clone(in.Nodes)
	for i := range in.Nodes {
		in.Nodes[i].Replicas = slices.Clone(in.Nodes[i].Replicas)
	}
	return in
}

func cloneSet(m map[int]bool) map[int]bool {
	c := map[int]bool{}
	for k := range m {
		c[k] = true
	}
	return c
}

// play runs one seed: events and decisions in turn, then peace, after which the
// cluster must serve and be protected again.
func play(t *testing.T, seed uint64) {
	n := 1 + int(seed%4)
	c := newChaos(seed, n)
	for range 150 {
		c.trail = append(c.trail, c.event())
		for range c.rng.IntN(6) {
			c.step(t)
		}
	}
	c.peace(t)
}

// peace lets everything live and answers doubts as a human would.
func (c *chaos) peace(t *testing.T) {
	c.trail = append(c.trail, "peace")
	for i, s := range c.nodes {
		s.silent = false
		if !s.up || s.leaving {
			c.bring(Ordinal(i))
		}
		clear(s.lag)
	}
	for range 3000 {
		c.step(t)
		if c.healthy() {
			return
		}
		d := Decide(c.input())
		if d.Record == nil && d.Step.Kind == NoStep && d.Wake >= idle && (c.rec == nil || !c.input().mainLives()) {
			c.choose()
		}
	}
	c.fatal(t, "not healthy after peace: %s; %s", c.brief(), Decide(c.input()).Why)
}

func (in Input) mainLives() bool {
	if in.Record.Stage != Serving && in.Record.Stage != Quiescing {
		return false
	}
	v, _, _ := in.main()
	return v == mainLives
}

// choose is what a human does when the controller refuses: the fullest node.
func (c *chaos) choose() {
	best := Ordinal(0)
	for i := range c.nodes {
		if len(c.have[i]) > len(c.have[best]) {
			best = Ordinal(i)
		}
	}
	c.waive = true
	c.trail = append(c.trail, fmt.Sprintf("human chooses %d", best))
	if c.rec == nil {
		c.requests = []Request{{ID: "a", Ask: AskAdopt, Node: best}}
		return
	}
	c.requests = []Request{{ID: "p", Ask: AskPromote, Node: best, AcceptDataLoss: true}}
}

func (c *chaos) healthy() bool {
	if c.rec == nil || c.rec.Stage != Serving || c.rec.Switchover.Wanted() || c.nodes[c.rec.Main].role != RoleMain {
		return false
	}
	if len(c.nodes) == 1 {
		return true
	}
	rows := c.nodes[c.rec.Main].rows
	for _, r := range rows {
		if !c.row(c.rec.Main, r).Whole() {
			return false
		}
	}
	return len(rows) == len(c.nodes)-1 && len(c.rec.Promotable) == 1
}

// TestPromises plays many seeds: what one shows is shown again by FuzzPromises
// with the same number.
func TestPromises(t *testing.T) {
	seeds := uint64(300)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		if ok := t.Run(fmt.Sprint(seed), func(t *testing.T) { play(t, seed) }); !ok {
			return
		}
	}
}

// FuzzPromises looks for a seed that breaks a promise.
func FuzzPromises(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { play(t, seed) })
}
