// Package bolt knows as much of the Bolt protocol as stands between a driver and a
// server need to know: where messages begin and end, what each of them is, and what
// would be lost if the server went away now. It does no I/O and has no clock.
//
// # Words
//
//   - A Scanner finds the messages in one direction of a stream whose bytes come in
//     pieces of any size. It reads a message no further than its tag, unless it is told
//     to keep it.
//   - A Conversation follows what a client has asked and what the server has answered,
//     and says how the session stands: idle, inside a transaction, or in the midst of
//     something whose outcome would be unknown.
//   - A Value is PackStream: nil, bool, int64, float64, string, []byte, []any,
//     map[string]any and Structure.
//
// # Promises
//
//   - What it keeps of a stream is bounded by what the caller allows; what it allocates
//     is bounded by the length of what it is given; nothing panics.
//   - A Conversation errs on one side: what it does not understand is never called idle
//     and never safe to repeat.
//
// Versions 4.1 to 4.4 and 5.0 to 5.8 are understood, with and without the manifest
// negotiation of 5.7 (Bolt protocol documentation; Memgraph 3.6.2 and 3.12.0 speak 4.1
// to 5.2 and no manifest, recorded). Everything else is for the caller to pass on as it
// is. The package neither encodes queries nor understands Cypher beyond the words by
// which a statement changes its session.
package bolt
