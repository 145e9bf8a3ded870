package cluster

import (
	"fmt"
	"slices"
)

// leave hands MAIN over while it still lives: it was told to stop. Without a
// promotable node it serves on until it ends, and reigns again when it is back.
func (in Input) leave() (Decision, bool) {
	rec := in.Record
	if !in.Nodes[rec.Main].Leaving || rec.Stage != Serving || !in.rested() {
		return Decision{}, false
	}
	for _, p := range rec.Promotable {
		if !in.following(p.Node) {
			continue
		}
		if in.restarted(p.Node) {
			return record(in.hold(rec.Main, fmt.Sprintf("epoch refresh: %s has restarted within epoch %d and is to follow", in.name(p.Node), rec.Epoch)),
				"%s was told to stop; before %s, which has restarted within the reign, can follow, it takes a fresh epoch", in.name(rec.Main), in.name(p.Node)), true
		}
		return record(in.hold(p.Node, in.name(rec.Main)+" was told to stop"),
			"%s was told to stop; %s holds every acknowledged write and takes over", in.name(rec.Main), in.name(p.Node)), true
	}
	return Decision{}, false
}

// MayStop reports whether node n, which was told to stop, may do so now without anybody
// noticing, and why, or why not: nobody is led to it, and MAIN does not wait for it.
func MayStop(rec *Record, n Ordinal) (may bool, why string) {
	_, promotable := rec.Proof(n)
	switch {
	case n == rec.Main:
		return false, fmt.Sprintf("%s is MAIN (%s)", n, rec.Stage)
	case rec.Stage != Serving:
		return false, fmt.Sprintf("%s is to be MAIN, and does not serve yet (%s)", rec.Main, rec.Stage)
	case n == rec.Seat:
		return false, fmt.Sprintf("%s is MAIN, and %s its standby", rec.Main, n)
	case promotable:
		return false, fmt.Sprintf("%s is MAIN, and waits for %s until %s is proven to hold everything", rec.Main, n, rec.Seat)
	case slices.Contains(rec.Readers, n):
		return false, fmt.Sprintf("%s is MAIN, and %s is read from", rec.Main, n)
	}
	return true, fmt.Sprintf("%s is MAIN", rec.Main)
}

// InSync reports whether node n adds to the cluster's redundancy as it should:
// it is MAIN, or a replica close enough to be read from; and while nobody is
// promotable no replica is, because the next one must not be stopped yet. A standby
// that has restarted within the reign is not, until MAIN has taken a fresh epoch.
func InSync(rec *Record, n Ordinal) bool {
	switch {
	case rec == nil:
		return false
	case n == rec.Main:
		return rec.Stage != Promoting
	case len(rec.Promotable) == 0:
		return false
	}
	if p, promotable := rec.Proof(n); promotable {
		was := rec.joined(n)
		return !was.Known() || !p.Process.Known() || was.ID == p.Process.ID
	}
	return slices.Contains(rec.Readers, n)
}
