//go:build linux

package server

import (
	"errors"
	"net"
	"os"
	"strconv"
	"sync"
)

// ErrNoPort reports that no free port was left in the range.
var ErrNoPort = errors.New("no free loopback port left")

// The range lies below Linux's range for outgoing connections, so a port that
// is free now is not taken by somebody's client a moment later.
const (
	firstPort = 20000
	lastPort  = 31999
)

// Ports hands out TCP ports that are free now and never the same one twice, so
// that parallel clusters do not collide, nor a cluster with one just closed.
// Two runs at the same time start at different places. Safe for concurrent use.
type Ports struct {
	mu   sync.Mutex
	next int
	left int
	free func(port int) bool
}

// NewPorts returns an allocator over the whole range.
func NewPorts() *Ports {
	n := lastPort - firstPort + 1
	return &Ports{next: os.Getpid() * 97 % n, left: n, free: isFree}
}

// Take returns one port. It returns ErrNoPort once the range is used up.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := lastPort - firstPort + 1
	for p.left > 0 {
		port := firstPort + p.next
		p.next = (p.next + 1) % n
		p.left--
		if p.free(port) {
			return port, nil
		}
	}
	return 0, ErrNoPort
}

// isFree reports whether port can be bound on every address.
func isFree(port int) bool {
	l, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
