package preparation

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A lock of the open file conflicts with POSIX locks also within a process.
func TestDataOfARunningServerIsNotMoved(t *testing.T) {
	n := newNode(t)
	n.record(nil)
	f, err := os.OpenFile(filepath.Join(n.opt.DataDirectory, ".lock"), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	must(t, syscall.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}))
	if err := n.refuses(); !strings.Contains(err, "another server runs on it") {
		t.Errorf("refused with %v", err)
	}
	n.holds("", oldData())
	must(t, f.Close())
	n.run()
	n.holds("", nil)
}
