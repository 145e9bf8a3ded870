package cluster

import (
	"slices"
	"strings"
	"time"
)

// AsideListed is how many copies an Aside names.
const AsideListed = 5

// Aside is what a node said at its start of the data that were moved aside on its
// volume. It is shown and decides nothing. It can be compared; the zero value is
// nothing, or nothing that is known.
type Aside struct {
	Newest [AsideListed]Copy // the newest first; those without a name are none
	More   int               // older copies that are not named
}

// Copy is data that was moved aside.
type Copy struct {
	Name  string // of its directory
	Since time.Time
	Bytes int64
}

// Copies returns the copies that are named, the newest first.
func (a Aside) Copies() []Copy {
	for i, c := range a.Newest {
		if c.Name == "" {
			return a.Newest[:i]
		}
	}
	return a.Newest[:]
}

// Discard asks for the data that were moved aside on a node's volume to be
// removed, at the next start of the node's pod.
type Discard struct {
	Node    Ordinal `json:"node"`
	Process Process `json:"process"` // the one that ran when it was asked for
}

// Discard returns what is asked for of node n, if anything.
func (r Record) Discard(n Ordinal) (Discard, bool) {
	for _, d := range r.Discards {
		if d.Node == n {
			return d, true
		}
	}
	return Discard{}, false
}

// pod returns the part of a process's id that stays while a server restarts within
// its pod; all of it where there are no pods.
func (p Process) pod() string {
	pod, _, _ := strings.Cut(p.ID, "/")
	return pod
}

// discarded reports whether a discard is over: the node runs in another pod, whose
// start has carried it out.
func (in Input) discarded(d Discard) bool {
	p := in.Nodes[d.Node].Process
	return p.Known() && p.pod() != d.Process.pod()
}

// discard writes down that what was moved aside of a node is to be removed. Its
// data in use are not touched, whoever it is.
func (in Input) discard(r Request) Decision {
	rec, name, s := in.Record, in.name(r.Node), in.Nodes[r.Node]
	asked := func(n Ordinal) bool {
		d, ok := rec.Discard(n)
		return ok && !in.discarded(d)
	}
	accepts := func(n Ordinal) bool { return in.Nodes[n].Process.Known() && !asked(n) }
	switch {
	case asked(r.Node):
		return wait("discard refused: it is asked for %s already, and done when its pod starts next: delete the pod to have it now; %s", name, in.would("discard N", accepts))
	case !s.Process.Known():
		return wait("discard refused: %s does not run; ask again when it does, or remove the directories in .aside on its volume; %s", name, in.would("discard N", accepts))
	}
	next := rec.clone()
	next.Discards = append(slices.DeleteFunc(next.Discards, func(d Discard) bool { return d.Node == r.Node }), Discard{Node: r.Node, Process: s.Process})
	return record(next, "what was moved aside of %s is removed when its pod starts next; delete the pod to have it now%s", name, in.butMain(r.Node))
}

// butMain warns of deleting the pod of MAIN.
func (in Input) butMain(n Ordinal) string {
	if n != in.Record.Main {
		return ""
	}
	return ": it is MAIN, so another node becomes MAIN for that and connections end; switchover first, or wait"
}
