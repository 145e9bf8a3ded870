// Package mutant lists deliberate breakages of the controller's rules. Each of them
// the simulation must find: one that survives shows a rule that nothing checks.
//
// It promises that each fits the sources as they are: its own test fails when a
// source has moved on. It builds and runs nothing; cmd/mutants does.
package mutant

import (
	"fmt"
	"strings"
)

// Mutant replaces a piece of source that occurs once in its file.
type Mutant struct {
	Name string // what is broken, in a few words
	File string // from the root of the repository
	Old  string
	New  string
}

// Apply returns the source with the rule broken.
func (m Mutant) Apply(source string) (string, error) {
	if n := strings.Count(source, m.Old); n != 1 {
		return "", fmt.Errorf("%s: what it replaces occurs %d times in %s, want once: bring the mutant up to date", m.Name, n, m.File)
	}
	return strings.Replace(source, m.Old, m.New, 1), nil
}

const (
	decide    = "internal/cluster/decide.go"
	failover  = "internal/cluster/failover.go"
	keep      = "internal/cluster/keep.go"
	books     = "internal/cluster/books.go"
	strict    = "internal/cluster/strict.go"
	reign     = "internal/cluster/reign.go"
	record    = "internal/cluster/record.go"
	rebuild   = "internal/cluster/rebuild.go"
	topology  = "internal/cluster/topology.go"
	bootstrap = "internal/cluster/bootstrap.go"
	detect    = "internal/cluster/detect.go"
	loop      = "internal/controller/loop.go"
	writing   = "internal/controller/record.go"
	acting    = "internal/controller/step.go"
	objects   = "internal/inmemory/objects.go"
)

// All returns the mutants.
func All() []Mutant {
	return []Mutant{
		// P1 and P2: who may be promoted.
		{"promote-async", failover, "range in.steadiest(rec.Promotable)", "range in.steadiest([]Proof{in.prove(Ordinal(len(in.Nodes) - 1))})"},
		{"promote-other-database", decide, "case s.Data.UUID != p.UUID:", "case false:"},
		{"promote-after-reboot", decide, "case s.Process.Boot == \"\" || s.Process.Boot != p.Process.Boot:", "case false:"},
		{"believe-an-old-name", decide, "return s.Contact == Answered && s.AsOf.Before(s.Steady)", "return false"},
		{"never-weaken", keep, "if doubt == \"\" {\n\t\t\tcontinue", "if true {\n\t\t\tcontinue"},
		{"wiped-heir", reign, "if d.Step.Kind != Register || in.Record == nil {", "if true {"},
		{"heirs-forgotten", failover, "next.Heirs = append([]Proof{in.ownProof()}, rec.Promotable...)", "next.Heirs = nil"},
		{"cured-and-forgotten", reign, "if rec.Stage != Promoting { // it has served", "if false { // it has served"},
		{"platform-not-asked", decide, "return max(askSoon, s.Steady", "return max(0, s.Steady"},
		{"any-database", reign, "Database: own.UUID}", "Database: own.UUID[:0]}"},
		{"gateways-not-told", acting, "if d.Inform && l.Inform != nil {", "if false && d.Inform {"},
		{"own-proof-unchecked", failover, "doubt := in.fit(own)", "doubt := in.fit(own)[:0]"},

		// P3: record before act.
		{"act-before-record", failover, "return record(in.successor(p.Node, why), \"%s; %s holds every acknowledged write and follows%s\"", "return take(Step{Kind: Promote, Node: p.Node, Epoch: rec.Epoch}, \"%s; %s holds every acknowledged write and follows%s\""},
		{"drop-while-promotable", topology, "if _, promotable := rec.Proof(r.Node); promotable {", "if false {"},
		{"drop-on-the-way", topology, "if _, promotable := in.Record.Proof(r.Node); why == \"\" || promotable {", "if why == \"\" {"},

		// P4: reigns and epochs.
		{"same-epoch", record, "next.Main, next.Epoch, next.Stage, next.Target = n, r.Epoch+1, Promoting, NoNode", "next.Main, next.Epoch, next.Stage, next.Target = n, r.Epoch, Promoting, NoNode"},
		{"restarted-main-reigns", detect, "case s.Role == RoleReplica:\n\t\treturn mainLost", "case s.Role == RoleReplica:\n\t\treturn mainLives"},
		{"promote-beside-main", failover, "case s.is(RoleReplica):\n\t\tp, ok", "case true:\n\t\tp, ok"},
		{"two-mains-stay", keep, "if !in.Nodes[n].is(RoleMain) || in.unusable(n) != \"\" || in.stranger(n) {", "if true {"},

		// P6: nothing is destroyed.
		{"rebuild-at-once", rebuild, "return in.refusedTwice(n) || r.Status == Diverged && !r.Ghost", "return r.Status == Diverged || s.is(RoleReplica)"},
		{"no-cure", reign, "if !rec.Stale {\n\t\treturn Decision{}, false", "if true {\n\t\treturn Decision{}, false"},
		{"joined-unseen", books, "if s.Kind != Register || in.Record.joined(s.Replica).Known()", "if true || in.Record.joined(s.Replica).Known()"},
		{"strict-serves-alone", strict, "return in.Policy.Durability == Strict && len(in.Nodes) > 1 &&", "return in.Policy.Durability == Strict && len(in.Nodes) > 9 &&"},
		{"joined-in-a-quiesce-unseen", keep, "if next, ok := in.joins(d.Step); ok {", "if next, ok := in.joins(d.Step); ok && false {"},
		{"joined-forgotten-with-the-record", decide, "return last == nil || e != last.Epoch", "return in.Record == nil || e != last.Epoch"},
		{"no-epoch-refresh", keep, "if rec.Seat == NoNode || !in.restarted(rec.Seat) {", "if true {"},

		// P8: a deposed leader.
		{"no-compare-and-swap", objects, "case now != prev:", "case false:"},
		{"lease-not-asked", writing, "if own || l.Holds == nil {", "if own || l.Holds != nil {"},
		{"step-without-lease", loop, "if !l.Leading() {\n\t\t\t\treturn cluster.Decision{", "if false {\n\t\t\t\treturn cluster.Decision{"},

		// P9: a healthy MAIN's clients.
		{"topology-unheld", keep, "if rec.Stage == Quiescing {\n\t\tif in.held", "if acts {\n\t\treturn d, true\n\t}\n\tif rec.Stage == Quiescing {\n\t\tif in.held"},
		{"one-look-is-enough", detect, "in.Policy.FailAfter/4-in.Now.Sub(s.Since)); left > 0 {", "in.Policy.FailAfter/4-in.Now.Sub(s.Since)); left > 2900*time.Millisecond {"},

		// Healing.
		{"ghosts-stay", topology, "case r.Ghost:\n\t\treturn \"the registration", "case false:\n\t\treturn \"the registration"},
		{"nobody-registers", topology, "for _, n := range in.others(rec.Main) {\n\t\tif _, listed", "for _, n := range in.others(rec.Main)[:0] {\n\t\tif _, listed"},
		{"rebuild-forgotten", rebuild, "return b.Node != n && b.Node != rec.Main }", "return b.Node >= 0 }"},
		{"rebuilt-main-blocks", rebuild, "return b.Node != n && b.Node != rec.Main }", "return b.Node != n }"},
		{"foreign-for-ever", rebuild, "|| in.foreign(n)\n", "\n"},
		{"kept-record-ignored", bootstrap, "if !in.Own || l == nil || l.Main == n || l.Epoch == 0 {", "if true {"},
		{"bootstrap-anyone", bootstrap, "case len(full) == 1:", "case len(full) >= 1:"},
	}
}
