package cluster

import (
	"fmt"
	"strings"
)

// inherit goes on from a record with the three fixed keys alone, whose MAIN has
// restarted since: the upgrade from an earlier controller replaces every pod, and
// nodes are born as replicas. Such a record proves nothing, but it does say whose
// data the cluster's is. It is believed unless another node contradicts it.
func (in Input) inherit(why string) Decision {
	rec, m := in.Record, in.Record.Main
	s, name := in.Nodes[m], in.name(m)
	why = strings.TrimSuffix(why, ": it has restarted, or was demoted by hand")
	switch {
	case s.Contact != Answered || s.Gone:
		return wait("%s; the record is of an earlier controller and proves nobody else: waiting for %s", why, name)
	case in.unusable(m) != "":
		return wait("%s; it %s", why, in.unusable(m))
	case !s.Data.Known || !s.Process.Known():
		return wait("%s; waiting for its data and process to be known", why).within(watchSoon * 20)
	}
	var unseen []string
	for _, n := range in.others(m) {
		o := in.Nodes[n]
		switch {
		case o.Contact != Answered || !o.Data.Known:
			unseen = append(unseen, in.name(n))
		case o.Role == RoleMain && !o.Data.Empty(), s.Data.Empty() && !o.Data.Empty():
			return wait("%s, as the record of an earlier controller names it, is %s with %d vertices, but %s is %s with %d: correct masterIndex, or delete the record to bootstrap",
				name, s.Role, s.Data.Vertices, in.name(n), o.Role, o.Data.Vertices)
		}
	}
	if len(unseen) > 0 && in.Now.Sub(in.Term) < in.Policy.BootstrapTimeout {
		return wait("%s; before it is promoted on the word of an earlier controller, %s should answer too", why, strings.Join(unseen, ", ")).within(watchSoon * 20)
	}
	next := rec.reign(m, in.Now, fmt.Sprintf("%s is MAIN by the record of an earlier controller", name))
	next.UUID, next.Heirs, next.Seat = s.Data.UUID, []Proof{in.prove(m)}, in.firstSeat(m)
	return record(next, "%s; it is MAIN by the record of an earlier controller, and nobody contradicts it: it is promoted", why)
}
