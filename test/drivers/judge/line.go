package judge

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"memgraph-controller/internal/sandbox/bench"
)

// Line is what a cell has come to. Its first seven keys are those that others read.
type Line struct {
	Cell
	Ops    int     `json:"ops"`
	Errors int     `json:"errors"` // operations that failed for the application
	MaxGap float64 `json:"max_gap_ms"`

	Runs  int  `json:"runs"` // how often the event happened
	Write Part `json:"write"`
	Read  Part `json:"read"`

	Retriable int `json:"retriable"` // errors of which nothing was committed, and which may be tried again
	Unknown   int `json:"unknown"`   // errors of writes that may have been committed
	Final     int `json:"final"`     // other errors
	Repeated  int `json:"repeated"`  // operations whose work the driver ran more than once

	Acked        int `json:"acked"`
	Lost         int `json:"lost"`          // acknowledged, and not on every node
	Dup          int `json:"dup"`           // there more than once
	DupByDriver  int `json:"dup_by_driver"` // of these, such as nobody but the driver could have prevented
	RefusedFound int `json:"refused_found"` // refused for sure, and there
	Unequal      int `json:"unequal"`       // not on all nodes alike

	Codes  map[string]int `json:"codes,omitempty"`  // how often an application saw each
	Broken map[string]int `json:"broken,omitempty"` // promises that were broken, and how often
	// Examples are some of the errors that broke one, with their time.
	Examples []string `json:"examples,omitempty"`
}

// someExamples is how many errors are told.
const someExamples = 5

// Part is what those that write, or those that read, have seen.
type Part struct {
	Ops    int     `json:"ops"`
	Errors int     `json:"errors"`
	MaxGap float64 `json:"max_gap_ms"` // the longest that one client went without a success
	// AtReadDoor counts the successes for which the driver went to the read-only door.
	AtReadDoor int `json:"at_read_door"`
}

// Load is what clients did on one cell from their start to their stop.
type Load struct {
	Ops     []Op
	Strikes []Strike
	Stopped time.Time
	// ReadDoor is where a routing table leads those that read, host:port.
	ReadDoor string
	// Held is what each node holds afterwards of what these clients wrote: how often
	// each id.
	Held []map[int64]int
}

// NewLine returns the line of a cell that has seen nothing yet.
func NewLine(c Cell) *Line {
	return &Line{Cell: c, Codes: map[string]int{}, Broken: map[string]int{}}
}

// Add adds a load.
func (l *Line) Add(load Load) {
	l.Runs += len(load.Strikes)
	rule := rule{cell: l.Cell, strikes: load.Strikes, spent: map[[2]int]bool{}}
	for _, o := range load.Ops {
		l.count(o, load.ReadDoor)
		if why := rule.broken(o); why != "" {
			l.Broken[why+": "+o.Failure.Code]++
			l.example(o)
		}
	}
	for client, gap := range gaps(load) {
		part := &l.Read
		if writes(load.Ops, client) {
			part = &l.Write
		}
		part.MaxGap = max(part.MaxGap, gap)
		l.MaxGap = max(l.MaxGap, gap)
	}
	if l.URI == Neo4j && l.Read.Ops > 0 && l.Read.AtReadDoor == 0 {
		l.Broken["no read was answered at the read-only door"]++
	}
	l.verify(load)
}

func (l *Line) count(o Op, readDoor string) {
	part := &l.Read
	if o.ID != 0 {
		part = &l.Write
	}
	l.Ops++
	part.Ops++
	if o.Tries > 1 {
		l.Repeated++
	}
	switch o.Class() {
	case Done:
		if o.Door == readDoor {
			part.AtReadDoor++
		}
		return
	case Retriable:
		l.Retriable++
	case Unknown:
		l.Unknown++
	case Final:
		l.Final++
	}
	l.Errors++
	part.Errors++
	l.Codes[o.Failure.Code]++
}

func (l *Line) example(o Op) {
	if len(l.Examples) < someExamples {
		what := "read"
		if o.ID != 0 {
			what = fmt.Sprintf("write of id %d", o.ID)
		}
		l.Examples = append(l.Examples, fmt.Sprintf("%s to %s, client %d, %s: %s (%s)",
			o.Begin.UTC().Format(millis), o.End.UTC().Format(millis), o.Client, what, o.Failure.Code, o.Failure.Text))
	}
}

// millis is how logs write the time of day.
const millis = "15:04:05.000"

// verify compares what clients were told with what the nodes hold.
func (l *Line) verify(load Load) {
	var attempts []bench.Attempt
	repeated := map[int64]bool{}
	for _, o := range load.Ops {
		if o.ID != 0 {
			attempts = append(attempts, o.attempt())
			repeated[o.ID] = o.Sent > 1
		}
	}
	v := bench.Judge(attempts, load.Held)
	l.Acked += v.Acked
	l.Lost += len(v.Lost)
	l.Dup += len(v.Dup)
	l.RefusedFound += len(v.Lies)
	l.Unequal += len(v.Unequal)
	for what, n := range map[string]int{
		"acknowledged and not on every node": len(v.Lost),
		"refused and on a node":              len(v.Lies), "not on all nodes alike": len(v.Unequal),
	} {
		if n > 0 {
			l.Broken[what] += n
		}
	}
	for _, id := range v.Dup {
		if repeated[id] && l.driversOwn() {
			l.DupByDriver++
			continue
		}
		l.Broken[duplicate(repeated[id])]++
	}
}

// driversOwn reports whether an id that a driver has written twice is nobody else's
// fault. The JavaScript driver runs a managed transaction again whose connection has ended
// after COMMIT was sent; the Go driver does not. Where the gateway's process dies nobody
// is left to tell the driver that it must not.
func (l *Line) driversOwn() bool {
	return l.Driver == JavaScript && l.Mode == Managed && l.Event == LeaderCrash
}

// duplicate names the promise that an id which is there twice breaks.
func duplicate(repeated bool) string {
	if repeated {
		return "there twice: the driver ran it again after its COMMIT was sent"
	}
	return "there twice, and its driver ran it once"
}

// Failed reports whether a promise was broken.
func (l *Line) Failed() bool { return len(l.Broken) > 0 }

// Late reports whether a client waited longer than it may in a planned event.
func (l *Line) Late() bool {
	return l.Event.Planned() && l.MaxGap > milliseconds(GapBar)
}

// Verdict says in a few words what is to be said of the line.
func (l *Line) Verdict() string {
	if l.Failed() {
		worst := slices.MaxFunc(slices.Sorted(maps.Keys(l.Broken)), func(a, b string) int { return cmp.Compare(l.Broken[a], l.Broken[b]) })
		return fmt.Sprintf("BROKEN: %d× %s", l.Broken[worst], worst)
	}
	verdict := "kept"
	if l.Late() {
		verdict += fmt.Sprintf("; gap over %d ms", GapBar.Milliseconds())
	}
	if l.DupByDriver > 0 {
		verdict += fmt.Sprintf("; %d there twice by the driver's own doing", l.DupByDriver)
	}
	return verdict
}

// gaps returns how long each client went without a success at most, in milliseconds:
// from its first success to its next, and so on, until it was stopped.
func gaps(load Load) map[int]float64 {
	ends := map[int][]time.Time{}
	begins := map[int]time.Time{}
	for _, o := range load.Ops {
		if first, known := begins[o.Client]; !known || o.Begin.Before(first) {
			begins[o.Client] = o.Begin
		}
		if o.Failure == nil {
			ends[o.Client] = append(ends[o.Client], o.End)
		}
	}
	longest := map[int]float64{}
	for client, begin := range begins {
		times := ends[client]
		if len(times) == 0 {
			longest[client] = milliseconds(load.Stopped.Sub(begin))
			continue
		}
		slices.SortFunc(times, time.Time.Compare)
		if last := times[len(times)-1]; last.Before(load.Stopped) {
			times = append(times, load.Stopped)
		}
		for i := 1; i < len(times); i++ {
			longest[client] = max(longest[client], milliseconds(times[i].Sub(times[i-1])))
		}
	}
	return longest
}

func writes(ops []Op, client int) bool {
	return slices.ContainsFunc(ops, func(o Op) bool { return o.Client == client && o.ID != 0 })
}

// milliseconds returns d in milliseconds, to the tenth.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}
