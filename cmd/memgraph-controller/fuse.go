//go:build !faultpoints

package main

import "net/http"

// fuse does nothing: only images made for tests can be told where to die.
var fuse noFuse

type noFuse struct{}

func (noFuse) handler(h http.Handler) http.Handler { return h }

func (noFuse) reached(string) {}
