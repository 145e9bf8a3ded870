package cluster

import "fmt"

// Ask says what a human wants. On Kubernetes requests are annotations on the
// record's ConfigMap, so that the API server authenticates and audits them.
type Ask uint8

// The requests.
const (
	AskAdopt   Ask = iota + 1 // bootstrap with Node as MAIN, whatever the others hold
	AskPromote                // promote Node, accepting the loss of writes it does not hold
	AskRebuild                // move Node's data aside and have it copy MAIN anew
	AskPause                  // decide nothing until resumed
	AskResume
)

// String returns the word a human types.
func (a Ask) String() string {
	return word(a, "nothing", "adopt", "promote", "rebuild", "pause", "resume")
}

// Request is one wish of a human.
type Request struct {
	ID             string
	Ask            Ask
	Node           Ordinal // adopt, promote, rebuild
	AcceptDataLoss bool    // promote
}

// requested answers the first request that can be answered now. A request that
// must be refused is answered too, with the reason.
func (in Input) requested() (Decision, bool) {
	for _, r := range in.Requests {
		d := in.answer(r)
		d.Handled = []string{r.ID}
		return d, true
	}
	return Decision{}, false
}

func (in Input) answer(r Request) Decision {
	rec := in.Record
	named := r.Node >= 0 && int(r.Node) < len(in.Nodes)
	switch {
	case r.Ask == AskAdopt || r.Ask == AskPromote || r.Ask == AskRebuild:
		if !named {
			return wait("%s refused: %s is no node of this cluster, which has %d", r.Ask, r.Node, len(in.Nodes))
		}
	case r.Ask != AskPause && r.Ask != AskResume:
		return wait("request %s refused: it asks for nothing that is known", r.ID)
	}
	if rec == nil && r.Ask != AskAdopt {
		return wait("%s refused: there is no record yet", r.Ask)
	}
	switch r.Ask {
	case AskAdopt:
		return in.adopt(r)
	case AskPromote:
		return in.promoteAnyway(r)
	case AskRebuild:
		return in.rebuildAnyway(r)
	}
	next := rec.clone()
	next.Paused, next.Reason = r.Ask == AskPause, r.Ask.String()+" by request"
	return record(next, "%s", next.Reason)
}

func (in Input) adopt(r Request) Decision {
	name := in.name(r.Node)
	switch s := in.Nodes[r.Node]; {
	case in.Record != nil:
		return wait("adopt refused: %s is recorded as MAIN; delete the record first if it is wrong", in.name(in.Record.Main))
	case s.Contact != Answered:
		return wait("adopt refused: %s does not answer (%s)", name, s.Contact)
	case in.unusable(r.Node) != "":
		return wait("adopt refused: %s %s", name, in.unusable(r.Node))
	}
	return in.found(r.Node, "adopted by request")
}

func (in Input) promoteAnyway(r Request) Decision {
	name := in.name(r.Node)
	s := in.Nodes[r.Node]
	switch {
	case in.Record == nil:
		return wait("promote refused: there is no record yet; use adopt")
	case !r.AcceptDataLoss:
		return wait("promote refused: add --accept-data-loss if writes that %s does not hold may be lost", name)
	case in.Record.Main == r.Node && in.Record.Stage == Serving:
		if v, _, _ := in.main(); v == mainLives {
			return wait("promote refused: %s is MAIN and lives", name)
		}
	case s.Contact != Answered:
		return wait("promote refused: %s does not answer (%s)", name, s.Contact)
	case in.unusable(r.Node) != "":
		return wait("promote refused: %s %s", name, in.unusable(r.Node))
	}
	next := in.Record.reign(r.Node, in.Now, fmt.Sprintf("promoted by request, accepting the loss of writes %s does not hold", name))
	next.Heirs = nil
	if s.Role == RoleMain {
		// Recorded as a reign that steps down first, so that the epoch is new.
		next = in.Record.clone()
		next.Main, next.MainProcess, next.UUID = r.Node, s.Process, s.Data.UUID
		next.Stage, next.Target, next.Promotable, next.Seat = Demoting, r.Node, nil, NoNode
		next.Reason = "promoted by request, accepting the loss of writes " + name + " does not hold"
	}
	return record(next, "%s is promoted by request, accepting the loss of writes it does not hold", name)
}

func (in Input) rebuildAnyway(r Request) Decision {
	rec, name := in.Record, in.name(r.Node)
	s := in.Nodes[r.Node]
	_, promotable := rec.Proof(r.Node)
	_, asked := rec.Rebuild(r.Node)
	switch {
	case r.Node == rec.Main:
		return wait("rebuild refused: %s is MAIN", name)
	case promotable:
		return wait("rebuild refused: %s holds every acknowledged write and protects them; nothing is wrong with it", name)
	case rec.Stage != Serving || !s.Process.Known():
		return wait("rebuild refused: it takes a MAIN that serves and a running %s; try again", name)
	case asked:
		return wait("%s is being rebuilt already", name)
	}
	next := rec.clone()
	next.Rebuilds = append(next.Rebuilds, Rebuild{Node: r.Node, Process: s.Process, Reason: "by request"})
	return record(next, "%s is rebuilt by request: its data is moved aside and it copies %s anew", name, in.name(rec.Main))
}
