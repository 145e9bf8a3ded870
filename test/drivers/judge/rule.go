package judge

import (
	"fmt"
	"time"
)

// Strike is when an event happened: from before it began until it was over.
type Strike struct{ Begin, End time.Time }

// noticed is how long after a crash a client may still send something to the dead: until
// its connection has told it.
const noticed = 250 * time.Millisecond

// rule says which failures of a cell break a promise. It remembers what it was asked.
type rule struct {
	cell    Cell
	strikes []Strike
	spent   map[[2]int]bool // client, strike: what it had in flight has failed
}

// broken says which promise a failed Op breaks, "" if none.
func (r *rule) broken(o Op) string {
	class := o.Class()
	if class == Done {
		return ""
	}
	if r.cell.Event == None {
		return "an error though nothing happened"
	}
	if r.cell.Mode == Explicit {
		if class == Final {
			return "an error that may not be tried again"
		}
		return ""
	}
	switch {
	case r.cell.Event.Planned():
		return "an error in a planned event"
	case r.cell.Mode == Managed && class != Unknown:
		return "an error of a managed transaction that was not its COMMIT's"
	case r.cell.Mode == Managed:
		return ""
	case r.cell.Event == MainCrash:
		return r.inFlight(o)
	case class == Final: // its gateway died: the connection may end, and nothing else
		return "an error that may not be tried again"
	}
	return ""
}

// inFlight says how an Op that failed was not in flight when MAIN crashed, "" if it was.
// A client has one operation in flight at a time.
func (r *rule) inFlight(o Op) string {
	for i, s := range r.strikes {
		if o.End.Before(s.Begin) || o.Begin.After(s.End.Add(noticed)) {
			continue
		}
		key := [2]int{o.Client, i}
		if r.spent[key] {
			return fmt.Sprintf("a second error of one client at crash %d", i+1)
		}
		r.spent[key] = true
		return ""
	}
	return "an error of a statement that was not in flight when MAIN crashed"
}
