package sandbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"memgraph-controller/internal/cluster"
	"memgraph-controller/internal/standin/control"
)

// cutter cuts the process that is a node now off from everybody, and lets it
// back.
type cutter interface {
	cut(ctx context.Context, n cluster.Ordinal) error
	heal(ctx context.Context, n cluster.Ordinal) error
}

// errNoCut is the cutter's answer for real servers.
var errNoCut = errors.New("a real Memgraph can only be cut off by a firewall, and that needs root; pause it instead, or cut a stand-in")

// uncuttable are real servers.
type uncuttable struct{}

func (uncuttable) cut(context.Context, cluster.Ordinal) error  { return errNoCut }
func (uncuttable) heal(context.Context, cluster.Ordinal) error { return errNoCut }

// standins are cut off through their control ports, which stay reachable.
type standins []control.Client

func (s standins) cut(ctx context.Context, n cluster.Ordinal) error {
	return s[n].Cut(ctx, control.Links...)
}
func (s standins) heal(ctx context.Context, n cluster.Ordinal) error { return s[n].Heal(ctx) }

// cutter returns how the nodes of this server are cut off.
func (s Server) cutter(places []place) cutter {
	if s.Memgraph != "" {
		return uncuttable{}
	}
	var clients standins
	for _, p := range places {
		clients = append(clients, control.Client{Addr: address(p.control)})
	}
	return clients
}

// standinArgs are the flags that only the stand-in has.
func (s Server) standinArgs(p place) []string {
	args := []string{"--standin-control-port=" + strconv.Itoa(p.control)}
	if s.Version != "" {
		args = append(args, "--standin-version="+s.Version)
	}
	return args
}

// network remembers who is cut off. A cut is a property of the node, as a
// firewall's rule would be: a process that is started again is cut off again.
type network struct {
	cutter  cutter
	process func(cluster.Ordinal) cluster.Process // which runs now; zero if none does
	changed chan struct{}                         // capacity 1: a process may have changed

	mu   sync.Mutex
	off  []bool            // by node: it shall be cut off
	done []cluster.Process // by node: the process that has been
}

func newNetwork(c cutter, size int, process func(cluster.Ordinal) cluster.Process) *network {
	return &network{
		cutter: c, process: process, changed: make(chan struct{}, 1),
		off: make([]bool, size), done: make([]cluster.Process, size),
	}
}

// cutOff returns who is cut off.
func (w *network) cutOff() []bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.off)
}

// cut cuts node n off. One that does not run is cut off when it starts.
func (w *network) cut(ctx context.Context, n cluster.Ordinal) error {
	if _, real := w.cutter.(uncuttable); real {
		return errNoCut
	}
	w.mu.Lock()
	w.off[n], w.done[n] = true, cluster.Process{}
	w.mu.Unlock()
	return w.apply(ctx, n)
}

// heal lets node n back.
func (w *network) heal(ctx context.Context, n cluster.Ordinal) error {
	w.mu.Lock()
	w.off[n] = false
	w.mu.Unlock()
	if p := w.process(n); !p.Known() {
		return nil // its next process is not cut off
	}
	if err := w.cutter.heal(ctx, n); err != nil {
		return fmt.Errorf("heal %s: %w", n, err)
	}
	return nil
}

// apply cuts the present process of node n off if it should be and is not.
func (w *network) apply(ctx context.Context, n cluster.Ordinal) error {
	p := w.process(n)
	w.mu.Lock()
	due := w.off[n] && p.Known() && w.done[n] != p
	w.mu.Unlock()
	if !due {
		return nil
	}
	if err := w.cutter.cut(ctx, n); err != nil {
		return fmt.Errorf("cut %s off: %w", n, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done[n] = p
	return nil
}

// nodeChanged says that a process may have ended or started. It never blocks.
func (w *network) nodeChanged() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run cuts off what is started again and should be cut off, until ctx ends.
func (w *network) run(ctx context.Context) {
	const soon = 10 * time.Millisecond // a process that has just started opens its control port
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-w.changed:
		case <-retry.C:
		case <-ctx.Done():
			return
		}
		for i := range w.cutOff() {
			if err := w.apply(ctx, cluster.Ordinal(i)); err != nil {
				retry.Reset(soon)
			}
		}
	}
}
