package view

import "memgraph-controller/internal/plugin/problem"

// Missing is something that could not be read.
type Missing struct {
	What string       `json:"what"`
	Why  string       `json:"why"`
	Need *problem.Act `json:"need,omitempty"` // the right that would have been enough; nil: it is no matter of rights
}

// What may be Missing as a whole.
const (
	RecordPart = "the record"
	LeasePart  = "the lease"
	PodsPart   = "pods"
)

// missing reports whether what could not be read.
func (v View) missing(what string) bool {
	for _, m := range v.Missing {
		if m.What == what {
			return true
		}
	}
	return false
}
