// Package bench measures a sandbox while something in it breaks, and counts
// what clients were told against what the nodes hold afterwards.
//
// Writers use the official driver through the gateways. Every attempt to write
// has an id of its own that is tried once, so that each ends in one of three
// ways: acknowledged, refused (the answer says that nothing was applied), or
// unknown. Afterwards every node is read directly. An acknowledged id that a
// node does not have is lost; one that is there twice was applied twice; a
// refused one that is there was a lie.
//
// # What the figures mean
//
// writes_resumed_ms is the time from the fault to the first acknowledgement of
// a write that was begun after it. Where nothing stops (the fault "leader"), it
// is the longest time around the fault that any one writer went without an
// acknowledgement: writers whose gateway lives must notice nothing. Percentiles are
// by nearest rank over the runs.
//
// # What it will not do
//
// It breaks nothing itself and knows neither processes nor leases: Cluster does
// that. It does not retry a write, and it does not forgive: a run after which
// the cluster does not become whole again is a failure.
package bench
