package memgraph

import (
	"context"
	"errors"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
)

// opening is a line that was asked its role, and what came of it.
type opening struct {
	line *line
	role cluster.Role
	err  error
}

// heard reports whether err is the node's own word.
func heard(err error) bool {
	var role roleError
	return said(err) != nil || errors.As(err, &role)
}

// open returns a line that has just answered SHOW REPLICATION ROLE, and the
// answer. An idle line may have died unnoticed: if it breaks, a new one is asked
// at once; if it is mute for half of the time, a new one is asked as well, and
// the first answer counts. So a machine that is gone costs half a look, and a
// node that is merely slow has the whole of it.
func (n *node) open(ctx context.Context) (*line, cluster.Role, error) {
	first, err := n.take()
	if err != nil {
		return nil, cluster.RoleUnknown, err
	}
	asking, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	answers := make(chan opening, 2)
	defer func() { // the one that lost, if any
		cancel()
		wg.Wait()
		close(answers)
		for a := range answers {
			n.give(ctx, a.line)
		}
	}()
	running := 0
	ask := func(l *line) {
		running++
		wg.Go(func() {
			role, err := l.role(asking)
			answers <- opening{l, role, err}
		})
	}
	spare, late := first.reused, halfway(ctx)
	ask(first)
	for {
		select {
		case a := <-answers:
			running--
			if a.err == nil {
				return a.line, a.role, nil
			}
			n.give(ctx, a.line)
			if heard(a.err) || ctx.Err() != nil || (running == 0 && !spare) {
				return nil, cluster.RoleUnknown, a.err
			}
			if spare {
				n.hangUp(ctx) // the others are as old
			}
		case <-late:
			late = nil
		}
		if spare {
			spare = false
			fresh, err := newLine(n.Bolt, n.login)
			if err != nil {
				return nil, cluster.RoleUnknown, err
			}
			ask(fresh)
		}
	}
}

// halfway fires when half of the time ctx has left is over.
func halfway(ctx context.Context) <-chan time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil
	}
	return time.After(time.Until(deadline) / 2)
}
