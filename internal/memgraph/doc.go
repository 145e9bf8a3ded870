// Package memgraph is the only room that speaks Bolt to Memgraph.
//
// Nodes asks nodes what they are (Look), takes steps on them (Do) and notices
// at once when their connection breaks (Watch, Confirm). It turns Memgraph's
// columns, words and error texts, as they were recorded from 2.19 to 3.12, into
// the types of package cluster; nobody above it reads a text.
//
// # Promises
//
//   - A look begins with SHOW REPLICATION ROLE and never sends a query that
//     opens a storage transaction: those stall for up to 30 s while MAIN waits
//     for a cut-off replica, although MAIN is well (recorded on 3.6.2).
//   - Nothing is waited for but the node itself: every look and every step has
//     a connection of its own, so neither a dead node nor a step in flight can
//     make a healthy node look dead.
//   - A word it does not know becomes the Unknown of its type, and a list it
//     could not read is never passed on as an empty one (P7).
//   - A step sends one statement, once. If the answer is lost it says so
//     (cluster.TimedOut, cluster.Unclear) or finds out by reading back; it does
//     not send the statement again.
//
// # What it will not do
//
// It decides nothing, keeps no history, and retries nothing but a read whose
// reused connection turned out to be dead.
package memgraph
