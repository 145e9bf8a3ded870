// Package gateway is the door of the cluster: one read/write port that leads to MAIN
// and one read-only port that leads to replicas. It follows what clients say in Bolt, so
// that a session outlives the server that it is led to.
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
//   - A visit is a client's stay at one node, a session is its connection there, and its
//     talk is what it has said and been told since it came: what stays from visit to visit.
//   - A session departs when it leaves a server that is still there: as soon as nothing is
//     open in it, before its client's next request.
//   - Limbo is where a client whose transaction has ended with its server is answered
//     until it is done with that.
//
// # Promises (P5)
//
//   - A read/write client is handed over only while the current Route is open
//     and the guard to its Main stands; both are checked again after dialing
//     and before the first byte flows.
//   - When Follow returns, sessions that the new Route does not allow move no
//     further byte in either direction, the goodbye of TLS apart; only what has begun at a
//     replica that is no reader any more, nor MAIN, may end within a second. While a Route
//     is paused no byte goes from a client to MAIN; while it is draining nothing new goes
//     there, and what has begun goes on.
//   - A Route of an older epoch than the current one changes nothing.
//   - What passes is passed whole and in order: a server has always received a
//     prefix of what its client has sent, and the other way round. Bytes are passed on as
//     they came; of a message no more is read than its tag, but for HELLO, LOGON and
//     ROUTE, the first words of a query and the end of a result.
//   - A client is told that something may be tried again only if nothing of it was
//     committed, and moves to another server only if nothing was asked that was not
//     answered to the end.
//   - What is not Bolt, or not a version that internal/bolt understands, is carried as
//     plain TCP, and closed when its server goes.
//
// The package does not decide who is MAIN, does not keep routes across restarts, and
// does not find or renew certificates. docs/gateway.md draws it.
package gateway
