package view

import (
	"slices"

	"memgraph-controller/internal/plugin/problem"
)

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

// Unread says why what could not be read, or "".
func (v View) Unread(what string) string {
	for _, m := range v.Missing {
		if m.What == what {
			return m.Why
		}
	}
	return ""
}

// missing reports whether what could not be read.
func (v View) missing(what string) bool {
	return slices.ContainsFunc(v.Missing, func(m Missing) bool { return m.What == what })
}
