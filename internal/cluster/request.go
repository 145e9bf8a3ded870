package cluster

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

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
	AskSwitchover // have Node take over from a MAIN that lives; without a Node, the standby
	AskDiscard    // remove what was moved aside of Node's data, at the next start of its pod
)

// String returns the word a human types.
func (a Ask) String() string {
	return word(a, "nothing", "adopt", "promote", "rebuild", "pause", "resume", "switchover", "discard")
}

// Request is one wish of a human.
type Request struct {
	ID             string
	Ask            Ask
	Node           Ordinal // adopt, promote, rebuild, switchover, discard; NoNode if none is named
	AcceptDataLoss bool    // promote
}

// ParseRequest reads what a human wrote, in the words the controller advises:
// "adopt --main 1", "promote 1 --accept-data-loss", "rebuild 2", "discard 2",
// "switchover", "switchover 1", "pause", "resume". A node is its ordinal, or a name that ends with it.
func ParseRequest(text string) (Request, error) {
	r := Request{ID: text, Node: NoNode}
	if len(text) > requestLength {
		return r, fmt.Errorf("request %.40q… of %d bytes: want at most %d: %s", text, len(text), requestLength, requestForm)
	}
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return r, fmt.Errorf("request %q: want %s", text, requestForm)
	}
	for a := AskAdopt; a <= AskDiscard; a++ {
		if a.String() == words[0] {
			r.Ask = a
		}
	}
	for _, w := range words[1:] {
		node := strings.TrimPrefix(w, "--main=")
		n, err := strconv.Atoi(node[strings.LastIndexByte(node, '-')+1:])
		switch {
		case w == "--accept-data-loss" && r.Ask == AskPromote:
			r.AcceptDataLoss = true
		case w == "--main" && r.Ask == AskAdopt:
		case err == nil && r.Node == NoNode:
			r.Node = Ordinal(n)
		default:
			return r, fmt.Errorf("request %q: %q is not understood: want %s", text, w, requestForm)
		}
	}
	needs := r.Ask == AskAdopt || r.Ask == AskPromote || r.Ask == AskRebuild || r.Ask == AskDiscard
	if r.Ask == 0 || r.Ask != AskSwitchover && needs != (r.Node != NoNode) {
		return r, fmt.Errorf("request %q: want %s", text, requestForm)
	}
	return r, nil
}

const (
	requestForm   = "adopt N, promote N, promote N --accept-data-loss, rebuild N, discard N, switchover, switchover N, pause or resume, with N an ordinal like 1"
	requestLength = 500 // bytes; the longest that says anything is far shorter
)

// requested answers the first request. One that must be refused is answered too,
// with the reason and what would be accepted. One that is granted is written down
// with the record that grants it, so that it is granted once.
func (in Input) requested() (Decision, bool) {
	if len(in.Requests) == 0 {
		return Decision{}, false
	}
	r := in.Requests[0]
	d := in.answer(r)
	d.Handled = []string{r.ID}
	if d.Record != nil {
		d.Record.Request = Accepted{ID: r.ID, At: in.Now.UTC().Truncate(time.Millisecond), Answer: d.Why}
	}
	return d, true
}

func (in Input) answer(r Request) Decision {
	rec := in.Record
	named := r.Node >= 0 && int(r.Node) < len(in.Nodes)
	switch {
	case r.Ask < AskAdopt || r.Ask > AskDiscard:
		return wait("request %s refused: it asks for nothing that is known: want %s", r.ID, requestForm)
	case r.Ask == AskPause || r.Ask == AskResume:
	case !named && (r.Ask != AskSwitchover || r.Node != NoNode):
		return wait("%s refused: %s is no node of this cluster: want one from 0 to %d", r.Ask, r.Node, len(in.Nodes)-1)
	}
	switch {
	case rec == nil && r.Ask != AskAdopt:
		return wait("%s refused: there is no record yet; accepted now: adopt N, with N from 0 to %d", r.Ask, len(in.Nodes)-1)
	case rec != nil && (rec.Main < 0 || int(rec.Main) >= len(in.Nodes)) && (r.Ask == AskSwitchover || r.Ask == AskRebuild):
		return wait("%s refused: %s, which the record names as MAIN, is no node of this cluster; correct masterIndex to one from 0 to %d", r.Ask, rec.Main, len(in.Nodes)-1)
	}
	switch r.Ask {
	case AskAdopt:
		return in.adopt(r)
	case AskPromote:
		return in.promoteAnyway(r)
	case AskRebuild:
		return in.rebuildAnyway(r)
	case AskSwitchover:
		return in.switchTo(r)
	case AskDiscard:
		return in.discard(r)
	case AskPause, AskResume:
	}
	pause := r.Ask == AskPause
	switch {
	case pause && rec.Paused:
		return wait("pause refused: decisions are paused already; accepted now: resume")
	case !pause && !rec.Paused:
		return wait("resume refused: nothing is paused; accepted now: pause")
	}
	next := rec.clone()
	next.Paused = pause
	if next.Stage == Serving { // the reason of what is under way stays
		next.Reason = r.Ask.String() + " by request"
	}
	return record(next, "%s by request", r.Ask)
}

// would lists the nodes for which a request of this kind would be accepted.
func (in Input) would(ask string, accepts func(Ordinal) bool) string {
	var list []string
	for i := range in.Nodes {
		if accepts(Ordinal(i)) {
			list = append(list, strings.Replace(ask, "N", strconv.Itoa(i), 1))
		}
	}
	if len(list) == 0 {
		return "no other node would be accepted now: each must answer, and be fit for it"
	}
	return "accepted now: " + strings.Join(list, ", ")
}

func (in Input) answers(n Ordinal) bool {
	return in.Nodes[n].Contact == Answered && !in.Nodes[n].Gone && in.unusable(n) == ""
}

func (in Input) adopt(r Request) Decision {
	name := in.name(r.Node)
	switch s := in.Nodes[r.Node]; {
	case in.Record != nil:
		return wait("adopt refused: %s is recorded as MAIN; switchover N makes another one MAIN; if the record is wrong, delete it first", in.name(in.Record.Main))
	case in.unusable(r.Node) != "":
		return wait("adopt refused: %s %s; %s", name, in.unusable(r.Node), in.would("adopt N", in.answers))
	case s.Contact != Answered:
		return wait("adopt refused: %s does not answer (%s); %s", name, s.Contact, in.would("adopt N", in.answers))
	}
	return in.found(r.Node, "adopted by request")
}

func (in Input) promoteAnyway(r Request) Decision {
	rec, s, name := in.Record, in.Nodes[r.Node], in.name(r.Node)
	reigns := false
	if rec.Main >= 0 && int(rec.Main) < len(in.Nodes) && (rec.Stage == Serving || rec.Stage == Quiescing) {
		verdict, _, _ := in.main()
		if reigns = verdict == mainLives; verdict == mainLost {
			rec = in.failed().Record
		}
	}
	others := func(n Ordinal) bool { return in.answers(n) && (!reigns || n != rec.Main) }
	switch {
	case reigns && rec.Main == r.Node:
		return wait("promote refused: %s is MAIN already and lives; %s", name, in.would("promote N --accept-data-loss", others))
	case !r.AcceptDataLoss && reigns:
		return wait("promote refused: MAIN %s lives, and switchover %d loses nothing; add --accept-data-loss if writes that %s does not hold may be lost",
			in.name(rec.Main), r.Node, name)
	case !r.AcceptDataLoss:
		return wait("promote refused: add --accept-data-loss if writes that %s does not hold may be lost", name)
	case in.unusable(r.Node) != "":
		return wait("promote refused: %s %s; %s", name, in.unusable(r.Node), in.would("promote N --accept-data-loss", others))
	case !in.answers(r.Node):
		return wait("promote refused: %s does not answer (%s); %s", name, s.Contact, in.would("promote N --accept-data-loss", others))
	case in.changing():
		return wait("promote refused: %s is being made MAIN; ask again if it does not serve in some seconds", in.name(in.next()))
	}
	next := rec.reign(r.Node, in.Now, fmt.Sprintf("promoted by request, accepting the loss of writes %s does not hold", name))
	next.Heirs = nil
	if s.Role == RoleMain {
		// Recorded as a reign that steps down first, so that the epoch is new.
		next = rec.clone()
		next.Main, next.MainProcess, next.UUID = r.Node, s.Process, s.Data.UUID
		next.Stage, next.Target, next.Promotable, next.Seat = Demoting, r.Node, nil, NoNode
		next.Held, next.Switchover = time.Time{}, Switchover{}
		next.Reason = "promoted by request, accepting the loss of writes " + name + " does not hold"
	}
	return record(next, "%s is promoted by request, accepting the loss of writes it does not hold", name)
}

// changing reports whether MAIN changes at this moment and is likely to get there.
func (in Input) changing() bool {
	rec := in.Record
	if rec.Stage != Demoting && rec.Stage != Promoting || in.Now.Sub(rec.LastUpdated).Abs() >= demoteFor {
		return false
	}
	return in.next() >= 0 && int(in.next()) < len(in.Nodes) && in.answers(in.next())
}

// next is who is being made MAIN.
func (in Input) next() Ordinal {
	if in.Record.Stage == Demoting && in.Record.Target != NoNode {
		return in.Record.Target
	}
	return in.Record.Main
}

func (in Input) rebuildAnyway(r Request) Decision {
	rec, name := in.Record, in.name(r.Node)
	s := in.Nodes[r.Node]
	accepts := func(n Ordinal) bool {
		_, promotable := rec.Proof(n)
		_, asked := rec.Rebuild(n)
		return n != rec.Main && !promotable && !asked && in.Nodes[n].Process.Known()
	}
	_, promotable := rec.Proof(r.Node)
	_, asked := rec.Rebuild(r.Node)
	verdict, why, _ := in.main()
	switch {
	case rec.Paused:
		return wait("rebuild refused: decisions are paused by request; request resume first")
	case r.Node == rec.Main:
		return wait("rebuild refused: %s is MAIN; %s", name, in.would("rebuild N", accepts))
	case promotable:
		return wait("rebuild refused: %s holds every acknowledged write and protects them; nothing is wrong with it; %s", name, in.would("rebuild N", accepts))
	case asked:
		return wait("rebuild refused: %s is being rebuilt already; %s", name, in.would("rebuild N", accepts))
	case rec.Stage != Serving || !s.Process.Known():
		return wait("rebuild refused: it takes a MAIN that serves and a running %s; ask again when both are there", name)
	case verdict != mainLives: // the node may hold what MAIN has lost
		return wait("rebuild refused: it takes a MAIN that lives, but %s; ask again when one serves", why)
	}
	next := rec.clone()
	next.Rebuilds = append(next.Rebuilds, Rebuild{Node: r.Node, Process: s.Process, Reason: "by request"})
	next.Reason = fmt.Sprintf("%s is rebuilt by request: its data is moved aside and it copies %s anew", name, in.name(rec.Main))
	return record(next, "%s", next.Reason)
}
