package replication

import (
	"context"
	"sync"
)

// roleLock is Memgraph's lock over role and registrations: commits and questions share it, changes
// try to have it alone and never wait. The zero value is unlocked.
type roleLock struct {
	mu      sync.Mutex
	readers int
	writer  bool
	freed   chan struct{} // closed when the writer leaves; nil without waiters
}

// rlock shares the lock, waiting while somebody has it alone.
func (l *roleLock) rlock(ctx context.Context) error {
	for {
		l.mu.Lock()
		if !l.writer {
			l.readers++
			l.mu.Unlock()
			return nil
		}
		if l.freed == nil {
			l.freed = make(chan struct{})
		}
		freed := l.freed
		l.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *roleLock) runlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers--
}

// tryLock takes the lock alone, or reports that somebody has it.
func (l *roleLock) tryLock() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer || l.readers > 0 {
		return false
	}
	l.writer = true
	return true
}

func (l *roleLock) unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writer = false
	if l.freed != nil {
		close(l.freed)
		l.freed = nil
	}
}
