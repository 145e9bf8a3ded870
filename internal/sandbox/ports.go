package sandbox

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// Ports are looked for below the range from which the kernel serves outgoing
// connections: one of those could otherwise take the port of a server that is
// being restarted.
const (
	lastPort     = 32767
	detourOffset = 100 // how far from a taken port the search for another begins
)

// ports gives out loopback ports.
type ports struct {
	given map[int]bool
	moved []string // which doors had to move, for people
}

func newPorts() *ports { return &ports{given: map[int]bool{}} }

// listen opens the preferred port, or another one if it is taken, which people
// are told.
func (p *ports) listen(ctx context.Context, what string, preferred int) (net.Listener, error) {
	l, port, err := p.find(ctx, what, preferred)
	if err == nil && port != preferred {
		p.moved = append(p.moved, fmt.Sprintf("port %d is taken; %s is at %s", preferred, what, address(port)))
	}
	return l, err
}

// reserve finds a port that a child can open, the preferred one if it is free.
func (p *ports) reserve(ctx context.Context, what string, preferred int) (int, error) {
	l, port, err := p.find(ctx, what, preferred)
	if err != nil {
		return 0, err
	}
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("give up port %d for %s: %w", port, what, err)
	}
	return port, nil
}

// find opens the first port that is free.
func (p *ports) find(ctx context.Context, what string, preferred int) (net.Listener, int, error) {
	var failed error
	for _, port := range candidates(preferred) {
		if p.given[port] {
			continue
		}
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp4", address(port))
		if err != nil {
			failed = err
			continue
		}
		p.given[port] = true
		return l, port, nil
	}
	return nil, 0, fmt.Errorf("find a port for %s, from %d on: %w", what, preferred, failed)
}

// exactly takes a port that cannot be another one.
func (p *ports) exactly(ctx context.Context, what string, port int) error {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp4", address(port))
	if err != nil {
		return fmt.Errorf("take port %d for %s, which its data belong to: %w", port, what, err)
	}
	p.given[port] = true
	if err := l.Close(); err != nil {
		return fmt.Errorf("give up port %d for %s: %w", port, what, err)
	}
	return nil
}

// candidates are the ports to try, in order.
func candidates(preferred int) []int {
	list := []int{preferred}
	for port := preferred + detourOffset; port <= lastPort && len(list) < 2000; port++ {
		list = append(list, port)
	}
	return list
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
