// Package gateway is the TCP door of the cluster: one read/write port that
// leads to MAIN and one read-only port that leads to replicas.
//
// Every controller replica runs a Gateway, leader or not. It is told where
// clients may go by Follow, once for each change of the record, and goes on
// with the last Route for as long as nothing more arrives (P9).
//
// # Words
//
//   - A node is one server as one Route vouches for it; sessions belong to a
//     node and end with it.
//   - A guard is an idle connection to MAIN's process. While it stands, MAIN is
//     the process that said it is MAIN.
//   - A client is held when it has arrived and may go nowhere yet.
//
// # Promises (P5)
//
//   - A read/write client is handed over only while the current Route is open
//     and the guard to its Main stands; both are checked again after dialing
//     and before the first byte flows.
//   - When Follow returns, sessions that the new Route does not allow move no
//     further byte in either direction, and while a Route is paused no byte
//     goes from a client to MAIN.
//   - A Route of an older epoch than the current one changes nothing.
//   - What passes is passed whole and in order: a server has always received a
//     prefix of what its client has sent, and the other way round.
//
// The package does not decide who is MAIN, does not keep routes across
// restarts and does not yet understand Bolt: a cut session is closed, whatever
// it was doing.
package gateway
