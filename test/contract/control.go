//go:build linux

package main

import (
	"context"
	"errors"

	"memgraph-controller/test/contract/judge"
	"memgraph-controller/test/contract/server"
)

// control injects faults through the stand-in's control port.
type control struct{}

var errNoControl = errors.New("the stand-in has no control port yet")

var _ judge.Faults = control{}

func (control) Crash(context.Context, *server.Node, judge.Point) error         { return errNoControl }
func (control) LoseFinalize(context.Context, *server.Node, *server.Node) error { return errNoControl }
func (control) PowerLoss(context.Context, *server.Node) error                  { return errNoControl }
