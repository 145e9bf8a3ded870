package view

import (
	"fmt"
	"strings"

	"memgraph-controller/internal/api"
)

// Risk is what is at risk, in one sentence.
type Risk struct {
	Level string `json:"level"` // none, reduced, high or unknown
	Text  string `json:"text"`
}

// The levels of a Risk.
const (
	RiskNone    = "none"    // one more fault is survived
	RiskReduced = "reduced" // nothing is lost; less than usual is survived
	RiskHigh    = "high"    // service is interrupted, or the next fault may cost service or data
	RiskUnknown = "unknown" // what would tell could not be read
)

// riskOf says what is at risk, the worst first.
func riskOf(v View) Risk {
	for _, judge := range []func(View) (Risk, bool){noRecord, changing, alarmed, unattended, unprotected, warned} {
		if r, ok := judge(v); ok {
			return r
		}
	}
	standby := v.Record.Promotable[0]
	return Risk{RiskNone, fmt.Sprintf("any one node or controller may fail: no acknowledged write would be lost, and %s would follow %s", standby, v.Record.Main)}
}

func noRecord(v View) (Risk, bool) {
	switch {
	case v.Record != nil:
		return Risk{}, false
	case v.missing(RecordPart):
		return Risk{RiskUnknown, "not known: the record could not be read"}, true
	case v.Decision != "":
		return Risk{RiskHigh, "there is no record yet, so clients are held: " + v.Decision}, true
	}
	return Risk{RiskHigh, "there is no record, so nobody is MAIN and clients are held"}, true
}

func changing(v View) (Risk, bool) {
	switch v.Record.Stage {
	case "demoting":
		return Risk{RiskReduced, fmt.Sprintf("clients are held while %s steps down for %s", v.Record.Main, or(v.Record.Target, "another"))}, true
	case "promoting":
		text := fmt.Sprintf("clients are held until %s serves as MAIN", v.Record.Main)
		if v.Decision != "" {
			text += ": " + v.Decision
		}
		return Risk{RiskHigh, text}, true
	}
	return Risk{}, false
}

func alarmed(v View) (Risk, bool) {
	main := v.main()
	if v.told() && main != nil && !main.Up() {
		text := fmt.Sprintf("MAIN %s does not answer, so clients are held", main.Name)
		if v.Decision != "" {
			text += ": " + v.Decision
		}
		return Risk{RiskHigh, text}, true
	}
	for _, c := range v.Conditions {
		if c.Severity == "alarm" {
			return Risk{RiskHigh, c.Message}, true
		}
	}
	return Risk{}, false
}

// unattended is a cluster whose MAIN nobody would replace.
func unattended(v View) (Risk, bool) {
	switch {
	case v.Record.Paused:
		return Risk{RiskHigh, fmt.Sprintf("decisions are paused: %s serves, but nobody would fail over if it died, until resume", v.Record.Main)}, true
	case v.Leader == "" && !v.missing(LeasePart) && len(v.Controllers) == 0 && !v.missing(PodsPart):
		return Risk{RiskHigh, fmt.Sprintf("no controller runs: clients have no gateway, and if %s died nobody would fail over", v.Record.Main)}, true
	case v.Leader == "" && !v.missing(LeasePart):
		return Risk{RiskHigh, fmt.Sprintf("no controller leads: if %s died nobody would fail over until one does", v.Record.Main)}, true
	}
	return Risk{}, false
}

func unprotected(v View) (Risk, bool) {
	switch {
	case len(v.Record.Promotable) > 0:
		return Risk{}, false
	case len(v.Nodes) == 1:
		return Risk{RiskHigh, fmt.Sprintf("%s is the only node: there is no second copy of the data and nobody to fail over to", v.Record.Main)}, true
	}
	return Risk{RiskHigh, fmt.Sprintf("acknowledged writes are on %s alone, until a replica has the standby seat again", v.Record.Main)}, true
}

// warned is a cluster that goes on as promised, with less to spare.
func warned(v View) (Risk, bool) {
	var why []string
	for _, c := range v.Conditions {
		if c.Severity == "warning" {
			why = append(why, c.Message)
		}
	}
	if len(why) > 0 {
		return Risk{RiskReduced, "nothing is lost, but less than usual is survived: " + strings.Join(why, "; ")}, true
	}
	if !v.told() {
		return Risk{RiskUnknown, fmt.Sprintf("by the record %s would follow %s; whether they are well only the leader knows, and it could not be asked", v.Record.Promotable[0], v.Record.Main)}, true
	}
	var fewer []string
	for _, n := range v.Nodes {
		switch {
		case n.Leaving:
			fewer = append(fewer, n.Name+" was told to stop")
		case n.InSync == no:
			fewer = append(fewer, n.Name+" is not in sync")
		}
	}
	if len(fewer) > 0 {
		return Risk{RiskReduced, fmt.Sprintf("no acknowledged write would be lost, but %s: until that is over there are fewer copies", strings.Join(fewer, ", and "))}, true
	}
	if len(v.Controllers) == 1 {
		return Risk{RiskReduced, "there is one controller: while it is away nobody fails over, and clients have no gateway"}, true
	}
	return Risk{}, false
}

// told reports whether the leader has said how the nodes are.
func (v View) told() bool {
	for _, n := range v.Nodes {
		if n.Contact != unknown {
			return true
		}
	}
	return v.Phase == api.Bootstrap && v.Decision != ""
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
