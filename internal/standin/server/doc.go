// Package server is one stand-in: it reads Memgraph's options, answers Memgraph's queries over
// Bolt in Memgraph's words, and ties storage, replication and the fault switches together.
//
// It promises the columns, texts, codes and timings of the release it is told to be, as recorded
// where there is a recording; everything that differs between releases is decided in version.go
// and texts.go. It will not plan, profile, authenticate or encrypt, and knows one database.
package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"memgraph-controller/internal/standin/replication"
)

// Options are Memgraph's flags, and the stand-in's own.
type Options struct {
	BoltAddress string // host the Bolt port is opened on; if it is loopback, replication takes loopback peers only
	BoltPort    int    // 0: any free one
	ServerName  string // agent announced to clients; empty: Memgraph's
	// BoltTLS is spoken at the Bolt port, and nothing else then; nil: no TLS.
	BoltTLS *tls.Config

	DataDirectory     string
	WAL               bool
	FlushEvery        int
	WALFileBytes      int64
	SnapshotInterval  time.Duration // 0: none
	SnapshotOnExit    bool
	SnapshotRetention int
	Recover           bool
	RestoreRole       bool
	Analytical        bool // storage mode at the start
	InitFile          string
	QueryTimeout      time.Duration // 0: none
	MemoryLimit       int64         // bytes, only shown; 0: by the machine

	Version string // release to be; see ParseVersion
	// Community makes it a build without MG_ENTERPRISE.
	Community bool
	// Faults are the Memgraph faults to have, of those the release has; nil: all of them.
	Faults      *[]Fault
	ControlPort int // 0: none; -1: any free one

	// Timing is how long things take; the zero value means Memgraph's own times, with CheckEvery
	// between two checks of a replica (0 or less: never).
	Timing     replication.Timing
	CheckEvery time.Duration
	// Config are the rows of SHOW CONFIG.
	Config []ConfigEntry
	// Kill ends the process as SIGKILL does; required.
	Kill func()
	Log  *slog.Logger // required
}

// ConfigEntry is a row of SHOW CONFIG.
type ConfigEntry struct{ Name, Default, Current, Description string }

// Fault is a fault of Memgraph that can be switched off.
type Fault string

// The faults.
const (
	FalseDivergence Fault = "false-divergence" // a restarted replica, once promoted, refuses all
	HangOnDrop      Fault = "hang-on-drop"     // DROP of a silent replica hangs for ever (before 3.10)
	EmptyHeir       Fault = "empty-heir"       // a wiped replica that is back at once looks ready
)

// ParseFaults reads the names of faults; none mean no faults.
func ParseFaults(names []string) ([]Fault, error) {
	list := []Fault{}
	for _, name := range names {
		switch f := Fault(name); f {
		case FalseDivergence, HangOnDrop, EmptyHeir:
			list = append(list, f)
		default:
			return nil, fmt.Errorf("unknown fault %q", name)
		}
	}
	return list, nil
}
