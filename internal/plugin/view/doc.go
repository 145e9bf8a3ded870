// Package view is one cluster as an operator sees it: a value made of what the API
// server and the leader have told, and the texts that are made of that value.
//
// It promises that what could not be read is said to be missing, with the right
// that would be needed, and never shown as if it were well. It has no I/O and no
// clock: the time is in the value.
//
// It does not decide: what the leader would do is told in the leader's own words,
// and what would follow a fault from the record, by the rules that docs/guarantees.md
// states.
package view
