// Package cluster decides what a Memgraph cluster must do next.
//
// It is the pure core of the controller. Decide is a function of its Input
// alone: the package opens no sockets, starts no goroutines, reads no clock and
// writes no logs, so every decision can be tested from a text file and replayed
// from what production wrote down.
//
// # Vocabulary
//
// A node is one Memgraph instance, known by its Ordinal and never by its
// address. The Record is the durable truth about who should be MAIN; a reign is
// the time one node is MAIN under one Epoch. The standby seat belongs to the one
// replica without whose confirmation MAIN acknowledges nothing. A node is
// promotable if it holds every acknowledged write and this has been proven; a
// Proof says of which process, on which boot, with which data.
//
// # Promises the decisions keep
//
//   - P1: what clients were told is on every promotable node.
//   - P2: a node is promoted only on a Proof that still fits it, or because a
//     human accepted the loss; never an ASYNC replica by itself.
//   - P3: weakening is recorded before it is done, strengthening after. Any
//     decision can be cut off between any two steps and is finished by the next
//     controller from Record and Observation alone.
//   - P4: every reign is a promotion under a new Epoch; a process that is not
//     the recorded one does not reign.
//   - P6: MAIN and promotable nodes are never rebuilt.
//   - P7: a Decision always carries a reason; doubt is explained, not guessed at.
//
// The numbers are those of ARCHITECTURE.md, which has the ones that other
// packages keep (P5, P8, P9).
//
// # What it will not do
//
// It never remembers: what a term has learned (sightings, attempts) is part of
// the Input, kept by the loop. It never acts: a Decision is either a Record to
// write or one Step to take, never both.
package cluster
