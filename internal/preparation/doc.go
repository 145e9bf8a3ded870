// Package preparation is the work of the init container of a Memgraph pod, before
// the server starts: it moves the data of the node aside if the record asks for
// that, leaves the controller's program behind for the preStop hook, and tells the
// controller on which boot of its machine the node runs, and what is kept aside.
//
// # Promises
//
//   - Nothing is destroyed (P6): data is moved within its volume, to
//     .aside/<time>-rebuild, and the newest Keep of those stay, within KeepBytes; the
//     newest always does. A human may have them discarded: those that were there
//     when that was asked, once, at the node's next start.
//   - MAIN and the promotable are never moved aside, whatever else the record says
//     (P6).
//   - A move that was begun is finished before the server starts, wherever it was
//     cut off: there is a journal before the first entry is moved, and it becomes
//     the note that the rebuild was carried out by one rename at the end.
//   - A rebuild is carried out once. A second start under the same request, or
//     under an old copy of the record, leaves the new data alone.
//   - What cannot be read or does not make sense is an error, and the pod does not
//     start on a guess (P7). No record means that nothing is asked for.
//
// # What it will not do
//
// It never copies data and never looks into it; whether a rebuild is right is
// decided by whoever writes the record. It talks to nobody.
//
// # Files
//
// In the data directory, beside Memgraph's, which does not look at them:
//
//	.aside/<time>-rebuild/  data that was moved aside
//	.aside/journal          a move that has begun
//	.aside/done             moves carried out, and the process each was asked for
//	.aside/discarded        the processes for which all of the above was discarded
package preparation
