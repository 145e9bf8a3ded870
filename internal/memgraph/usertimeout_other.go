//go:build !linux

package memgraph

import "syscall"

// userTimeout does nothing: without Linux, keepalives alone notice a silent
// peer.
func userTimeout(_, _ string, _ syscall.RawConn) error { return nil }
