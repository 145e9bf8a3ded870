// Package storage is the stand-in's database: an in-memory graph of labelled nodes with
// snapshot-isolated transactions, a write-ahead log, snapshots and recovery, and the two facts
// replication hangs on, the epoch and the last durable timestamp.
//
// It promises what Memgraph's in-memory transactional storage promises about them:
//
//   - a transaction sees its own writes and the commits before its start, nothing else; of two
//     transactions that write one node, the later fails with ErrSerialization;
//   - a commit is in the operating system's hands before it is visible, so that a killed process
//     loses nothing; it is on disk only every Config.FlushEvery commits, so that a power loss can;
//   - a damaged tail of the log is cut at the next start, a damaged middle is an error;
//   - the epoch is durable only with the first commit or snapshot made in it.
//
// It will not hold relationships, speak to the network, or know what a MAIN is: who may commit
// and who must confirm is decided by its caller, through Shipper.
package storage
