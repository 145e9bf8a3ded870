// Package bolt serves the Bolt protocol the way Memgraph does, so that the
// official Neo4j drivers can talk to a program that is not Memgraph.
//
// It speaks the versions Memgraph speaks (1, 4.0, 4.1, 4.3 and 5.2, from 3.12
// on also 4.4) and copies its manners: the server name it announces, silence
// after LOGOFF up to 3.11, the answers to ROUTE, IGNORED after a FAILURE until
// RESET (in Bolt 1 also until ACK_FAILURE), a RESET that waits for the running
// query, and a FAILURE with the code "Memgraph.ExecutionException" before it
// hangs up on a message it did not expect. What a query means is the business of a Handler.
//
// # Promises
//
//   - A peer can make a connection end, never the process: messages are bounded
//     (MaxMessage), nesting and the number of values too, and a length that a
//     message merely claims is never allocated.
//   - Rows are sent as they come; memory does not grow with their number.
//   - Serve returns after every goroutine it started has ended.
//   - An idle connection costs no CPU.
//
// # Not done
//
// There is no TLS, no Bolt over WebSocket and no manifest negotiation (a
// newer driver's offer of it is passed over, as Memgraph does). Bolt 1 has no
// messages for explicit transactions; their statements ("BEGIN") are for the
// Handler to understand or not.
// Of the structures only Node is sent, and none is accepted as a parameter.
package bolt
