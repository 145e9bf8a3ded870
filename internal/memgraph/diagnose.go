package memgraph

import (
	"context"
	"errors"
	"fmt"
)

// diagnose says what listens on a Bolt port and does not speak Bolt. It asks
// with a handshake of its own, since the driver keeps what it has seen.
func (n *node) diagnose(ctx context.Context, err error) string {
	w, _, greeting := greet(ctx, n.Bolt, n.login)
	var reply versionError
	switch {
	case greeting == nil:
		_ = w.conn.Close()
		return fmt.Sprintf("speaks Bolt, but not as Memgraph does (%v): check what listens on %s", err, n.Bolt)
	case !errors.As(greeting, &reply):
		return fmt.Sprintf("does not speak Bolt (%v): check what listens on %s", err, n.Bolt)
	case string(reply[:]) == "HTTP":
		return fmt.Sprintf("speaks HTTP, not Bolt: check the port of %s", n.Bolt)
	case reply[0] == 0x15 && reply[1] == 0x03:
		return fmt.Sprintf("wants TLS: turn it on for the controller, or off on %s", n.Bolt)
	case reply == versionError{}:
		return fmt.Sprintf("speaks no version of Bolt that this controller knows: is %s a Memgraph of 2.19 or later?", n.Bolt)
	default:
		return fmt.Sprintf("is not Memgraph (%v): check what listens on %s", reply, n.Bolt)
	}
}
