package gateway

import "sync/atomic"

// signal is raised once, and can be waited for. Whether it was raised is told without a
// look at the channel: that is asked with every message, and a channel is memory of its
// own that no processor has at hand.
type signal struct {
	is   atomic.Bool
	done chan struct{} // closed when it is raised
}

// raise may be called more than once.
func (s *signal) raise() {
	if s.is.CompareAndSwap(false, true) {
		close(s.done)
	}
}

// raised reports whether it was.
func (s *signal) raised() bool { return s.is.Load() }
