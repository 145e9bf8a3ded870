package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios plays the stories of testdata/scenarios. Run with -rewrite to write down
// what is decided now, then read the diff: a changed decision is a changed
// promise.
//
// Commands: cluster N (fresh, settled), nodes N (fresh, undecided); crash, up, leave, silent, speak, wipe,
// restart, reboot, diverge, unregister, write, data, lag, slow, tells, halts, mute, cut, say, set, opinions change the world; policy turns a knob; fail STEP FAILURES makes a
// step fail; record KEY=VALUE… writes a record by hand, forget deletes it; lead starts a new term;
// request asks for something (a second one at once, if nothing was decided since); settle D decides and acts for D and prints all of it; wait D lets time pass
// undecided; status prints record, roles and conditions, readers who is read from.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "cluster" || d.Cmd == "nodes" {
				n, err := strconv.Atoi(d.CmdArgs[0].Key)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				w = newWorld(n)
				if d.Cmd == "cluster" {
					w.settle(5 * time.Second)
					w.out.Reset()
					return w.brief() + "\n"
				}
				return ""
			}
			if err := w.command(d); err != nil {
				d.Fatalf(t, "%v", err)
			}
			out := w.out.String()
			w.out.Reset()
			return out
		})
	})
}

func (w *world) command(d *datadriven.TestData) error {
	var args []string
	for _, a := range d.CmdArgs {
		args = append(args, a.String())
	}
	word := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	n, _ := strconv.Atoi(word(0))
	duration := func() (time.Duration, error) { return time.ParseDuration(word(0)) }
	switch d.Cmd {
	case "crash":
		w.nodes[n].up = false
	case "up":
		w.restart(Ordinal(n))
	case "restart":
		w.restart(Ordinal(n))
	case "reboot":
		w.nodes[n].boot += "'"
		w.restart(Ordinal(n))
	case "wipe":
		w.restart(Ordinal(n))
		w.nodes[n].uuid, w.nodes[n].vertices, w.nodes[n].foreign, w.nodes[n].master = "wiped"+word(0), 0, "", NoNode
	case "leave":
		w.nodes[n].leaving = true
	case "silent":
		w.nodes[n].silent = true
	case "speak":
		w.nodes[n].silent = false
	case "diverge":
		w.nodes[n].foreign = "yes"
	case "unreached": // MAIN does not reach it, though it answers
		w.nodes[n].master = NoNode
	case "reached":
		w.nodes[n].master = w.rec.Main
	case "obeys": // whom an older MAIN takes it to follow
		m, err := strconv.Atoi(word(1))
		if err != nil {
			return err
		}
		w.nodes[n].master = Ordinal(m)
	case "unregister":
		m := w.nodes[w.rec.Main]
		m.rows = slices.DeleteFunc(m.rows, func(r Replica) bool { return r.Node == Ordinal(n) })
	case "write":
		failure := w.do(Step{Kind: Mark, Node: w.rec.Main})
		fmt.Fprintf(&w.out, "%s\n", failure)
	case "say":
		w.nodes[n].role = map[string]Role{"main": RoleMain, "replica": RoleReplica}[word(1)]
	case "data":
		v, err := strconv.ParseInt(word(1), 10, 64)
		if err != nil {
			return err
		}
		w.nodes[n].vertices = v
	case "lag":
		v, err := strconv.ParseInt(word(1), 10, 64)
		if err != nil {
			return err
		}
		for _, s := range w.nodes {
			s.lag[Ordinal(n)] = v
		}
	case "tells": // what any MAIN says of an ASYNC replica: tells N STATUS BEHIND EVERY [heals|self]
		behind, err := strconv.ParseInt(word(2), 10, 64)
		if err != nil {
			return err
		}
		every, err := time.ParseDuration(word(3))
		if err != nil {
			return err
		}
		for _, s := range w.nodes {
			s.tells[Ordinal(n)] = telling{
				status: map[string]Status{"invalid": Invalid, "recovery": Recovering, "replicating": Replicating}[word(1)],
				behind: behind, every: every, since: w.now, heals: word(4) == "heals", self: word(4) == "self",
			}
		}
	case "halts": // from now on its timestamp stays
		for _, s := range w.nodes {
			say := s.tells[Ordinal(n)]
			say.until = w.now
			s.tells[Ordinal(n)] = say
		}
	case "readers":
		fmt.Fprintf(&w.out, "%v\n", w.rec.Readers)
	case "cut": // no MAIN reaches it, whoever has registered it
		w.nodes[n].cut = true
	case "mute":
		w.nodes[n].mute = true
	case "slow":
		by, err := time.ParseDuration(word(1))
		if err != nil {
			return err
		}
		for _, s := range w.nodes {
			s.slow[Ordinal(n)] = by
		}
	case "set":
		return w.set(n, args[1:])
	case "opinions":
		w.opinions[Ordinal(n)] = nil
		for _, a := range args[1:] {
			w.opinions[Ordinal(n)] = append(w.opinions[Ordinal(n)], Opinion{From: "peer", Contact: map[string]Contact{"reach": Answered, "lost": Silent}[a]})
		}
	case "policy":
		switch word(0) {
		case "strict":
			w.policy.Durability = Strict
		case "quiesce-for":
			by, err := time.ParseDuration(word(1))
			if err != nil {
				return err
			}
			w.policy.QuiesceFor = by
		case "max-lag-time":
			by, err := time.ParseDuration(word(1))
			if err != nil {
				return err
			}
			w.policy.MaxLagTime = by
		}
	case "fail":
		var list []Failure
		for _, a := range args[1:] {
			for f := Unclear; f <= TimedOut; f++ {
				if strings.ReplaceAll(f.String(), " ", "-") == a {
					list = append(list, f)
				}
			}
		}
		step := strings.ReplaceAll(strings.ReplaceAll(word(0), "_", " "), "strict sync", "strict_sync")
		w.fail[step] = list
	case "record":
		data := map[string]string{}
		for line := range strings.Lines(d.Input) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			data[k] = v
		}
		rec, err := Decode(data)
		if err != nil {
			return err
		}
		w.rec = &rec
	case "platform":
		w.late = word(0) == "late"
	case "forget":
		w.last, w.rec, w.own = w.rec, nil, word(0) == "own"
	case "lead":
		w.attempts, w.term, w.quiesced, w.sighted = Attempts{}, w.now, time.Time{}, make([]Sighting, len(w.nodes))
	case "request":
		ask := map[string]Ask{"adopt": AskAdopt, "promote": AskPromote, "rebuild": AskRebuild, "pause": AskPause, "resume": AskResume, "switchover": AskSwitchover, "discard": AskDiscard}[word(0)]
		node, err := strconv.Atoi(word(1))
		if err != nil {
			node = int(NoNode)
		}
		w.requests = append(w.requests, Request{ID: strings.Join(args, " "), Ask: ask, Node: Ordinal(node), AcceptDataLoss: word(2) == "accept-data-loss"})
	case "wait":
		by, err := duration()
		if err != nil {
			return err
		}
		w.input()
		w.now = w.now.Add(by)
	case "decide":
		dec := w.decide()
		if dec.Record != nil {
			dec.Record.LastUpdated = w.now
			w.put(dec.Record)
			fmt.Fprintf(&w.out, "record %s\n  %s\n", w.brief(), dec.Why)
			return nil
		}
		fmt.Fprintf(&w.out, "%s\n  %s\n", dec.Step, dec.Why)
	case "settle":
		by, err := duration()
		if err != nil {
			return err
		}
		w.settle(by)
	case "status":
		w.status()
	default:
		return fmt.Errorf("unknown command %q", d.Cmd)
	}
	return nil
}

func (w *world) set(n int, args []string) error {
	s := w.nodes[n]
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "wal":
			s.wal = map[string]Truth{"on": Yes, "off": No}[v]
		case "mode":
			s.mode = v
		case "uuid":
			s.uuid = v
		case "born":
			s.born = map[string]Role{"main": RoleMain, "replica": RoleReplica}[v]
		case "version":
			ver, err := ParseVersion(v)
			if err != nil {
				return err
			}
			s.version = ver
		default:
			return fmt.Errorf("set: unknown %q", k)
		}
	}
	return nil
}

func (w *world) status() {
	in := w.input()
	fmt.Fprintf(&w.out, "record %s\n", w.brief())
	for i := range w.nodes {
		s := w.look(Ordinal(i))
		fmt.Fprintf(&w.out, "node %d %s", i, s.Contact)
		if s.Contact == Answered {
			fmt.Fprintf(&w.out, " %s", s.Role)
		}
		for _, r := range s.Replicas {
			if s.Contact == Answered {
				fmt.Fprintf(&w.out, " %s:%s:%s", short(r.Node), r.Mode, r.Status)
			}
		}
		fmt.Fprintln(&w.out)
	}
	for _, c := range Decide(in).Conditions {
		fmt.Fprintf(&w.out, "%s %s: %s\n", c.Severity, c.Name, c.Message)
	}
}
