// Package exchange is the conversation that the gateway's bench measures: a Server that
// answers at once, and a Client that checks every byte of what it hears. Both speak Bolt
// 5.2 over plain connections with bytes that were prepared before, so that what is
// measured is what lies between them, not a driver or a database.
//
// # Promises
//
//   - An answer that is not the expected one, byte for byte, is an error.
//   - In a session that has begun neither side allocates for what it says or hears.
//
// The Server answers what the Client asks and little else: it is no Memgraph
// (internal/standin is), keeps nothing and runs no query.
package exchange
