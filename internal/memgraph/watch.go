package memgraph

import (
	"context"
	"time"

	"memgraph-controller/internal/cluster"
)

const (
	// watchLimit bounds one attempt to connect, log in and ask the role.
	watchLimit = 5 * time.Second
	// Between attempts Watch waits firstPause, then twice as long each time.
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// Watch keeps an idle connection to node o, whatever its role, until ctx ends.
// It calls changed at once when the connection breaks, when it comes up, and
// when a node that was mute begins to refuse or the reverse. changed must not
// block. Watch returns nil when ctx has ended, an error only if there is no
// such node.
func (n *Nodes) Watch(ctx context.Context, o cluster.Ordinal, changed func()) error {
	at, err := n.find(o)
	if err != nil {
		return err
	}
	was := cluster.NotProbed
	become := func(is cluster.Contact) {
		if is != was && ctx.Err() == nil {
			changed()
		}
		was = is
	}
	pause := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		become(at.hold(ctx, become))
		if time.Since(began) > lastPause && was == cluster.Silent {
			pause = firstPause // it was up for a while, or took its time to fail
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
	return nil
}

// hold connects once and holds the connection as long as it lasts. It returns
// how the node is then: Refused, or Silent for everything else.
func (n *node) hold(ctx context.Context, become func(cluster.Contact)) cluster.Contact {
	attempt, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	g, _, err := guard(attempt, n.Bolt, n.login, cluster.RoleUnknown)
	switch {
	case err != nil && refused(err):
		return cluster.Refused
	case err != nil:
		return cluster.Silent
	}
	defer func() { _ = g.Close() }()
	become(cluster.Answered)
	select {
	case <-g.Done():
	case <-ctx.Done():
	}
	return cluster.Silent
}
