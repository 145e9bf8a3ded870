// Package client is applications that use the official drivers: the Go driver in this
// process, the JavaScript driver in a process of Node.js.
//
// A client writes ids of its own, or reads, at a steady rhythm, one operation at a time,
// each in a session of its own, on a driver with its default settings. An id is written
// by CREATE and asked for once: what is tried again is tried again by the driver. What
// became of each operation is told as it ends.
//
// Both drivers do the same statements in the same way; what differs is in
// test/drivers/js/client.mjs and in this package's golang.go, and nowhere else.
//
// It judges nothing.
package client
