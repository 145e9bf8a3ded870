package cluster

import (
	"fmt"
	"time"
)

// verdict is what the sightings say about the recorded MAIN.
type verdict uint8

const (
	mainDoubtful verdict = iota // not enough is known to act on
	mainLives
	mainLost
)

// main judges the recorded MAIN: the verdict, the reason, and for a doubtful
// one how long until time alone may change it.
func (in Input) main() (verdict, string, time.Duration) {
	m := in.Record.Main
	s := in.Nodes[m]
	name := in.name(m)
	switch {
	case s.Gone:
		return mainLost, fmt.Sprintf("the process of MAIN %s has ended", name), 0
	case s.Contact == Refused:
		return mainLost, fmt.Sprintf("MAIN %s refuses connections: its process has ended", name), 0
	case s.Contact == NotProbed:
		return mainDoubtful, fmt.Sprintf("MAIN %s has not been looked at yet", name), 0
	case s.Contact == Answered:
		return in.answeringMain()
	}
	return in.silentMain()
}

// answeringMain tells whether what answers is the process that reigns (P4).
func (in Input) answeringMain() (verdict, string, time.Duration) {
	rec, s, name := in.Record, in.Nodes[in.Record.Main], in.name(in.Record.Main)
	was := rec.MainProcess
	switch {
	case s.Role == RoleReplica:
		return mainLost, fmt.Sprintf("MAIN %s says it is a replica: it has restarted, or was demoted by hand", name), 0
	case s.Role != RoleMain:
		return mainDoubtful, fmt.Sprintf("MAIN %s answers with a role that is neither main nor replica", name), 0
	case was.Known() && s.Process.Known() && was.ID != s.Process.ID:
		return mainLost, fmt.Sprintf("MAIN %s has restarted", name), 0
	case rec.UUID != "" && s.Data.Known && s.Data.UUID != rec.UUID:
		return mainLost, fmt.Sprintf("MAIN %s answers with another database than recorded", name), 0
	}
	return mainLives, "", 0
}

// silentMain weighs a MAIN that does not answer: time first, then what the
// other controllers see. Time is how long MAIN has not answered, and a quarter as long
// since a look was in vain: after a moment in which this controller stood still one such
// look says nothing, and the next one, which begins at once, tells.
func (in Input) silentMain() (verdict, string, time.Duration) {
	m := in.Record.Main
	s, name, silence := in.Nodes[m], in.name(m), in.silence(m)
	if left := max(in.Policy.FailAfter-silence, in.Policy.FailAfter/4-in.Now.Sub(s.Since)); left > 0 {
		return mainDoubtful, fmt.Sprintf("MAIN %s has been silent for less than %s", name, in.Policy.FailAfter), left
	}
	reach, asked := 0, 0
	for _, o := range s.Opinions {
		if o.Contact == NotProbed {
			continue
		}
		asked++
		if o.Contact == Answered {
			reach++
		}
	}
	if 2*reach > asked {
		return mainDoubtful, fmt.Sprintf("MAIN %s does not answer here, but %d of %d other controllers reach it: the network, not MAIN", name, reach, asked), in.Policy.FailAfter
	}
	what := "does not answer"
	if s.Contact == Foreign {
		what = "is answered for by something else (" + s.Fault + ")"
	}
	why := fmt.Sprintf("MAIN %s %s for %s", name, what, in.Policy.FailAfter)
	if asked > 0 {
		why += fmt.Sprintf(", nor for %d of %d other controllers", asked-reach, asked)
	}
	return mainLost, why, 0
}
