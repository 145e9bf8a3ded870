package app

import (
	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/gateway"
)

// routes turns records into routes. It is used by the watch's goroutine alone.
type routes struct {
	topology cluster.Topology
	uid      string
	base     uint64 // added to the record's epoch, so that routes only ever grow
	last     uint64
}

// of returns the route for a record. A record that was created anew may begin
// with a smaller epoch than the one before it; its route does not.
func (t *routes) of(rec cluster.Record, uid string) gateway.Route {
	if uid != t.uid && uint64(rec.Epoch)+t.base < t.last {
		t.base = t.last
	}
	t.uid = uid
	t.last = t.base + uint64(rec.Epoch)
	r := gateway.Route{Epoch: t.last, Database: rec.UUID}
	if int(rec.Main) < len(t.topology) {
		r.Main = t.topology[rec.Main].Bolt
	}
	switch rec.Stage {
	case cluster.Serving:
		r.State = gateway.Open
	case cluster.Quiescing:
		r.State = gateway.Paused
		if rec.Target != cluster.NoNode {
			r.State = gateway.Draining
		}
	}
	for _, n := range rec.Readers {
		if int(n) < len(t.topology) && !succeeds(rec, n) {
			r.Readers = append(r.Readers, t.topology[n].Bolt)
		}
	}
	return r
}

// succeeds reports whether n is about to be MAIN. It takes no new readers: those that are
// there end what they have begun while new work waits, and go on elsewhere. Once it is MAIN
// they are cut.
func succeeds(rec cluster.Record, n cluster.Ordinal) bool {
	return (rec.Stage == cluster.Quiescing || rec.Stage == cluster.Demoting) && n == rec.Target
}
