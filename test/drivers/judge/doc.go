// Package judge says what the operations of drivers during an event amount to, and
// whether that is what the gateway promises.
//
// # Words
//
//   - A [Cell] is a driver, an address, a way to run statements, and an event.
//   - An [Op] is one operation of one client: it wrote an id of its own, or it read.
//     A failed one is retriable, unknown (a COMMIT or a statement of its own was sent,
//     and whether it took effect is not known) or final.
//   - A [Line] is what a cell has come to: one line of JSON, one row of the table.
//
// # Promises
//
//   - Every driver is judged by the same rules, and by what it told its application: its
//     own retries are no errors.
//   - An operation is called refused only if nothing of it can have been committed; what
//     is not known for sure is unknown.
//
// It does no I/O and has no clock. It does not judge how long somebody waited: a wait
// that is longer than its bar is told.
package judge
