//go:build linux

package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// Host starts clusters of one program below one directory.
type Host struct {
	Program  Program
	Root     string // directory for data and logs
	Keep     bool   // leave the directories behind
	Ports    *Ports
	Launcher *Launcher
}

// Cluster is a handful of nodes that belong to one case.
type Cluster struct {
	Nodes []*Node
	dir   string
	keep  bool
}

// Cluster prepares nodes with the given names, not yet started. Its directory
// is named for the case.
func (h *Host) Cluster(name string, nodes ...string) (*Cluster, error) {
	dir := filepath.Join(h.Root, name)
	c := &Cluster{dir: dir, keep: h.Keep}
	for _, nn := range nodes {
		n := &Node{Name: nn, Dir: filepath.Join(dir, nn), prog: h.Program, launcher: h.Launcher}
		if err := os.MkdirAll(n.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", nn, err)
		}
		if err := h.ports(n); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", nn, err)
		}
		c.Nodes = append(c.Nodes, n)
	}
	return c, nil
}

func (h *Host) ports(n *Node) error {
	want := []*int{&n.Bolt, &n.Repl}
	var monitoring, metrics int
	if h.Program.StandIn {
		want = append(want, &n.Control)
	} else {
		want = append(want, &monitoring, &metrics)
	}
	for _, p := range want {
		var err error
		if *p, err = h.Ports.Take(); err != nil {
			return err
		}
	}
	if !h.Program.StandIn {
		n.extra = []string{
			"--monitoring-address=127.0.0.1", "--monitoring-port=" + strconv.Itoa(monitoring),
			"--metrics-address=127.0.0.1", "--metrics-port=" + strconv.Itoa(metrics),
		}
	}
	return nil
}

// Start starts all nodes at once and waits for Bolt on each.
func (c *Cluster) Start(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range c.Nodes {
		g.Go(func() error { _, err := n.Start(ctx); return err })
	}
	return g.Wait()
}

// Close kills what runs and removes the directory unless it is to be kept.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Kill())
	}
	if !c.keep {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}
