package faults

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dropNetAdmin takes CAP_NET_ADMIN from the calling goroutine, which keeps its thread to itself.
func dropNetAdmin() error {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[0].Effective &^= 1 << unix.CAP_NET_ADMIN
	return unix.Capset(&header, &sets[0])
}

// TestCutWithoutRights holds on kernels that let anybody cut and on those that do not.
func TestCutWithoutRights(t *testing.T) {
	for _, f := range []Fault{{Mode: Cut}, {Mode: Cut, Direction: In}, {Mode: Cut, AfterBytes: 1000}} {
		l := NewLink()
		addr := echo(t, l)
		c := dial(t, l, addr)
		done := make(chan error, 1)
		go func() {
			err := dropNetAdmin()
			if err == nil {
				err = l.Set("", f)
			}
			done <- err
		}()
		err := <-done
		if err == nil {
			if f.AfterBytes == 0 {
				if err := ask(c, moment); err == nil {
					t.Errorf("%+v: set, and not cut", f)
				}
			}
			continue
		}
		if !errors.Is(err, ErrNotPermitted) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("%+v: %v; want what is missing", f, err)
		}
		if err := ask(c, 5*time.Second); err != nil || len(l.Faults()) != 0 {
			t.Errorf("%+v: refused, and yet %v, %v", f, err, l.Faults())
		}
	}
}
