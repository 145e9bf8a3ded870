package api

import (
	"fmt"

	"memgraph-controller/internal/cluster"
)

// Ask is something that one may ask of the controllers now.
type Ask struct {
	Request   string `json:"request"` // as the annotation has it
	Does      string `json:"does"`
	Dangerous bool   `json:"dangerous"` // data may be lost by it
}

// asks lists what one may ask for now, with a chance to be granted. It is a human's
// to choose; the leader decides and answers.
func (x explainer) asks() []Ask {
	list := []Ask{}
	rec, s := x.record(), x.v.Snapshot
	switch {
	case !x.v.Heard:
		return list
	case rec == nil:
		return x.adoptable(list)
	case rec.Paused:
		list = append(list, Ask{Request: "resume", Does: "Decisions are made again: a MAIN that dies is replaced."})
	default:
		list = x.movable(*rec, list)
		list = append(list, Ask{Request: "pause", Does: "Nothing is decided until resume: clients are served, and nobody fails over."})
	}
	if s == nil {
		return list
	}
	return x.mendable(*rec, list)
}

// answering lists the nodes that the leader sees answer.
func (x explainer) answering() []cluster.Ordinal {
	var list []cluster.Ordinal
	if s := x.v.Snapshot; s != nil {
		for n := range x.topology {
			if n < len(s.Nodes) && answers(s.Nodes[n]) {
				list = append(list, cluster.Ordinal(n))
			}
		}
	}
	return list
}

func (x explainer) adoptable(list []Ask) []Ask {
	for _, n := range x.answering() {
		list = append(list, Ask{fmt.Sprintf("adopt %d", n), fmt.Sprintf("%s becomes MAIN whatever the others hold.", x.name(n)), true})
	}
	return list
}

// movable lists who may take over from a MAIN that serves.
func (x explainer) movable(r cluster.Record, list []Ask) []Ask {
	s := x.v.Snapshot
	if r.Stage != cluster.Serving || r.Switchover.Wanted() || s != nil && !x.up(r.Main) {
		return list
	}
	if _, proven := r.Proof(r.Seat); proven && (s == nil || x.up(r.Seat)) {
		list = append(list, Ask{Request: "switchover", Does: fmt.Sprintf("%s takes over from %s. New work is held for a moment; nothing is lost.", x.name(r.Seat), x.name(r.Main))})
	}
	for _, n := range x.answering() {
		if row, listed := s.Nodes[r.Main].Replica(n); n != r.Seat && listed && whole(row) {
			list = append(list, Ask{Request: fmt.Sprintf("switchover %d", n), Does: fmt.Sprintf("%s takes the standby seat, then takes over.", x.name(n))})
		}
	}
	return list
}

// up reports whether the leader sees node n answer.
func (x explainer) up(n cluster.Ordinal) bool {
	s := x.v.Snapshot
	return n >= 0 && int(n) < len(s.Nodes) && answers(s.Nodes[n])
}

// mendable lists what a human may do about single nodes.
func (x explainer) mendable(r cluster.Record, list []Ask) []Ask {
	s := x.v.Snapshot
	stranded := !r.Paused && !x.up(r.Main) && s.Err == nil && s.Decision.Record == nil
	for _, n := range x.answering() {
		if n == r.Main {
			continue
		}
		if stranded && s.Nodes[r.Main].Contact != cluster.NotProbed {
			list = append(list, Ask{fmt.Sprintf("promote %d --accept-data-loss", n), fmt.Sprintf("%s becomes MAIN although it may lack acknowledged writes. If %s can come back, wait for it instead.", x.name(n), x.name(r.Main)), true})
		}
		if x.estranged(n) {
			list = append(list, Ask{fmt.Sprintf("rebuild %d", n), fmt.Sprintf("The data of %s are moved aside, and it copies MAIN anew.", x.name(n)), true})
		}
	}
	for n, seen := range s.Nodes {
		if n < len(x.topology) && len(seen.Aside.Copies()) > 0 {
			list = append(list, Ask{fmt.Sprintf("discard %d", n), fmt.Sprintf("What was moved aside of %s is removed for good when its pod starts next.", x.name(cluster.Ordinal(n))), true})
		}
	}
	return list
}

// estranged reports whether the leader says of node n that it does not follow MAIN
// and cannot by itself.
func (x explainer) estranged(n cluster.Ordinal) bool {
	for _, c := range x.v.Snapshot.Decision.Conditions {
		if c.Node == n && (c.Name == "Estranged" || c.Name == "Stranger" || c.Name == "Ahead") {
			return true
		}
	}
	return false
}
