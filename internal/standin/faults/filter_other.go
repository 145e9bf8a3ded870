//go:build !linux

package faults

import "syscall"

func setFilter(_ syscall.Conn, drop bool) error {
	if drop {
		return ErrUnsupported
	}
	return nil
}

func canFilter() error { return ErrUnsupported }

func setUserTimeout(syscall.Conn, int) error { return nil }
