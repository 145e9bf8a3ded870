package memgraph

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
)

// Credentials are those of a Memgraph user. The zero value authenticates as
// nobody, which Memgraph accepts as long as it has no users.
type Credentials struct{ User, Password string }

// Options adjusts Nodes. The zero value is usable.
type Options struct {
	Version string      // of the controller, for the user agent; "" is "dev"
	TLS     *tls.Config // to the Bolt ports; nil is plain TCP. ServerName is the node's host.
	// Address returns where a node's host:port is reached now, when the platform
	// knows better than DNS; nil: the address itself. It must not block.
	Address func(addr string) string
}

// Nodes is the database as the controller sees it. It is safe for concurrent
// use. Close it when done.
type Nodes struct {
	topology cluster.Topology
	nodes    []*node
	login    login
	words    vocabulary
}

// login is all that is needed to open a session on any node.
type login struct {
	creds   Credentials
	tls     *tls.Config
	agent   string
	address func(string) string // nil: the identity
}

// at returns where addr is reached now.
func (l login) at(addr string) string {
	if l.address == nil {
		return addr
	}
	return l.address(addr)
}

// node keeps the idle lines to one node.
type node struct {
	cluster.Node
	login login
	port  int // of its replication server

	mu     sync.Mutex // guards what follows, never held while waiting for a node
	idle   []*line
	closed bool

	occupies cluster.Usage // as of counted
	counted  time.Time     // when that was last asked
}

// maxIdle is how many lines per node are kept: one for looks, one for steps.
const maxIdle = 2

// New returns Nodes for the topology. It connects to nothing. The error names
// the node whose addresses cannot be used.
func New(t cluster.Topology, c Credentials, o Options, log *slog.Logger) (*Nodes, error) {
	if o.Version == "" {
		o.Version = "dev"
	}
	n := &Nodes{
		topology: t,
		login:    login{creds: c, tls: o.TLS, agent: "memgraph-controller/" + o.Version, address: o.Address},
		words:    vocabulary{log: log, topology: t},
	}
	for _, at := range t {
		if _, _, err := net.SplitHostPort(at.Bolt); err != nil {
			return nil, fmt.Errorf("bolt address of %s: %w", at.Name, err)
		}
		_, service, err := net.SplitHostPort(at.Replication)
		if err != nil {
			return nil, fmt.Errorf("replication address of %s: %w", at.Name, err)
		}
		port, err := strconv.ParseUint(service, 10, 16)
		if err != nil || port == 0 {
			return nil, fmt.Errorf("replication address of %s: port %q is not a number from 1 to 65535", at.Name, service)
		}
		n.nodes = append(n.nodes, &node{Node: at, login: n.login, port: int(port)})
	}
	return n, nil
}

// Close gives up every connection. Looks and steps in flight end by their own
// contexts and release theirs; ctx is not waited on.
func (n *Nodes) Close(ctx context.Context) error {
	for _, node := range n.nodes {
		node.mu.Lock()
		node.closed = true
		node.mu.Unlock()
		node.hangUp(ctx)
	}
	return nil
}

// find returns the node with ordinal o.
func (n *Nodes) find(o cluster.Ordinal) (*node, error) {
	if o < 0 || int(o) >= len(n.nodes) {
		return nil, fmt.Errorf("%s is not one of the %d nodes", o, len(n.nodes))
	}
	return n.nodes[o], nil
}

// take returns an idle line, or a new one that is not connected yet. The
// caller owns it until it gives it back.
func (n *node) take() (*line, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if last := len(n.idle) - 1; last >= 0 {
		l := n.idle[last]
		n.idle = n.idle[:last]
		return l, nil
	}
	return newLine(n.Bolt, n.login)
}

// give takes l back, to be used again or closed.
func (n *node) give(ctx context.Context, l *line) {
	n.mu.Lock()
	keep := !l.broken && !n.closed && len(n.idle) < maxIdle
	if keep {
		l.reused = true
		n.idle = append(n.idle, l)
	}
	n.mu.Unlock()
	if !keep {
		l.close(ctx)
	}
}

// hangUp closes the idle lines: one of their age was found dead.
func (n *node) hangUp(ctx context.Context) {
	n.mu.Lock()
	idle := n.idle
	n.idle = nil
	n.mu.Unlock()
	for _, l := range idle {
		l.close(ctx)
	}
}
