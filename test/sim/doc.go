// Package sim plays the controller's real core and loop in virtual time against a
// model of everything around them: Memgraph nodes with their known holes, the links
// between all parties, the API server with record and lease, gateways, and clients
// that remember what they were told.
//
// A seed makes a Plan: a cluster and the faults that strike it, many of them at the
// very boundary of a step or of a write of the record. Run plays a plan and judges
// the promises P1 to P9 of package cluster at every event; at the end everything is
// healed, and the cluster must be whole: one MAIN, every node equal to it, and every
// acknowledged write there. A plan that fails is shrunk and printed as a text that
// can be played again.
//
// The model of Memgraph follows recordings of 3.6.2 and 3.12.0: what is wrong with
// them is wrong here. It is no judge of Memgraph, and it has no Bolt and no files;
// the contract suite and the stand-in are for that. Elections are modelled too, for
// clocks that disagree; package election is tested on its own.
//
// What it will not do: sleep for real, or repeat a run to the last nanosecond. The
// goroutines of the loop are scheduled by the Go runtime; one seed played twice
// meets the same faults, and nearly always the same fate.
package sim
