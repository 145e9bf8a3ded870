//go:build !linux

package tcp

import (
	"syscall"
	"time"
)

// UserTimeout does nothing here.
func UserTimeout(time.Duration) func(network, address string, conn syscall.RawConn) error {
	return nil
}
