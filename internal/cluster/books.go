package cluster

import "slices"

// bookkeep records who may be read from and who has joined the reign.
func (in Input) bookkeep() (Decision, bool) {
	rec := in.Record
	next := rec.clone()
	next.Readers, next.Joined, next.Databases = in.readers(), in.joinedNow(), in.databases()
	next.Rebuilds = slices.DeleteFunc(next.Rebuilds, in.rebuilt)
	next.Discards = slices.DeleteFunc(next.Discards, in.discarded)
	if !next.MainProcess.Known() { // a record with the three fixed keys alone
		next.MainProcess = in.Nodes[rec.Main].Process
	}
	if next.UUID == "" {
		next.UUID = in.Nodes[rec.Main].Data.UUID
	}
	next.Epoch = max(next.Epoch, 1)
	lost := slices.ContainsFunc(rec.Readers, func(n Ordinal) bool { return !slices.Contains(next.Readers, n) })
	same := slices.Equal(next.Readers, rec.Readers) && slices.Equal(next.Joined, rec.Joined) && slices.Equal(next.Databases, rec.Databases) && len(next.Rebuilds) == len(rec.Rebuilds) &&
		len(next.Discards) == len(rec.Discards) && next.MainProcess == rec.MainProcess && next.UUID == rec.UUID && next.Epoch == rec.Epoch
	if same || !lost && in.Now.Sub(rec.LastUpdated) < rest {
		return Decision{}, false
	}
	why := "no replica can be read from"
	if len(next.Readers) > 0 {
		why = "read from: " + in.list(next.Readers)
	}
	return record(next, "%s", why), true
}

// rebuilt reports whether a rebuild is over: the node answers as a new process, not only
// by MAIN's word, which is seconds old, and follows MAIN again, or has followed it so well that it is MAIN by now.
func (in Input) rebuilt(b Rebuild) bool {
	if b.Node == in.Record.Main {
		return true
	}
	r, ok := in.Nodes[in.Record.Main].Replica(b.Node)
	return ok && r.Whole() && in.Nodes[b.Node].Process.ID != b.Process.ID && in.Nodes[b.Node].is(RoleReplica) && !in.replaced(b.Node)
}

func (in Input) list(nodes []Ordinal) string {
	text := ""
	for i, n := range nodes {
		if i > 0 {
			text += ", "
		}
		text += in.name(n)
	}
	return text
}

// readers returns the replicas that may be read from; one that was told to stop is left
// while it can still end what it has begun. That a replica is called invalid or
// recovering does not count against it while it moves, nor for a short spell. One that
// has nothing of MAIN yet, or copies all of it for the first time, is not read from.
func (in Input) readers() []Ordinal {
	var list []Ordinal
	for _, n := range in.others(in.Record.Main) {
		r, ok := in.Nodes[in.Record.Main].Replica(n)
		s := in.Nodes[n]
		if !ok || r.Ghost || !s.is(RoleReplica) || s.Leaving || in.unusable(n) != "" || in.replaced(n) || in.stale(r) || r.ahead(in.Now) {
			continue
		}
		was := slices.Contains(in.Record.Readers, n)
		spell := in.Now.Sub(r.Since) < followFor || !r.Grew.IsZero() && in.Now.Sub(r.Grew) < 2*followFor
		switch r.Status {
		case Ready, Replicating:
			list = append(list, n)
		case Invalid, Recovering:
			if was && spell && r.TS > 0 || r.Status == Invalid && r.moves(in.Now, oftenFor) {
				list = append(list, n)
			}
		}
	}
	return list
}

// stale reports whether r is too far behind MAIN to be read from.
func (in Input) stale(r Replica) bool {
	limit := in.Policy.MaxLagTime
	return r.Behind < -in.Policy.MaxLag || limit > 0 && r.Lag > limit
}

// databases returns the database_uuids known to be this cluster's, with those of
// MAIN and of the replicas that follow it now.
func (in Input) databases() []string {
	list := slices.Clone(in.Record.Databases)
	add := func(d Data) {
		if d.Known && d.UUID != "" && !slices.Contains(list, d.UUID) {
			list = append(list, d.UUID)
		}
	}
	add(in.Nodes[in.Record.Main].Data)
	for _, r := range in.Nodes[in.Record.Main].Replicas {
		if r.Node != NoNode && r.Whole() && in.Nodes[r.Node].is(RoleReplica) {
			add(in.Nodes[r.Node].Data)
		}
	}
	if over := len(list) - databasesLength; over > 0 {
		list = list[over:]
	}
	return list
}

// joining returns the processes of the nodes that can follow n, whose reign begins:
// what restarts from here on has restarted within it.
func (in Input) joining(n Ordinal) []Process {
	list := make([]Process, len(in.Nodes))
	for _, o := range in.others(n) {
		if in.Nodes[o].is(RoleReplica) {
			list[o] = in.Nodes[o].Process
		}
	}
	return list
}

// joins returns the record to be written before step s, if that registers a node that
// had not joined the reign when it began: its process is known from here on, so that
// its restart before the reign serves is seen.
func (in Input) joins(s Step) (Record, bool) {
	if s.Kind != Register || in.Record.joined(s.Replica).Known() || !in.Nodes[s.Replica].Process.Known() {
		return Record{}, false
	}
	next := in.Record.clone()
	next.Joined = make([]Process, len(in.Nodes))
	copy(next.Joined, in.Record.Joined)
	next.Joined[s.Replica] = in.Nodes[s.Replica].Process
	return next, true
}

// joinedNow returns the processes as they joined this reign, with those added
// that follow MAIN for the first time in it.
func (in Input) joinedNow() []Process {
	list := make([]Process, len(in.Nodes))
	copy(list, in.Record.Joined) // a record without the key, or of fewer nodes, grows
	for _, n := range in.others(in.Record.Main) {
		r, ok := in.Nodes[in.Record.Main].Replica(n)
		if !ok || r.Ghost || list[n].Known() {
			continue
		}
		list[n] = in.Nodes[n].Process
	}
	return list
}
