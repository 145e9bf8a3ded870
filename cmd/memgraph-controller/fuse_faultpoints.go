//go:build faultpoints

package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
)

// fuse ends this process at once, cleaning up nothing, right after a record was
// written or a step was taken. It does not kill itself with a signal: it is process
// 1 of its container, and the kernel spares that one. POST
// /debug/die-at?point=promoting (a stage) or point=promote (a step).
var fuse burner

type burner struct{ point atomic.Pointer[string] }

func (b *burner) handler(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.HandleFunc("POST /debug/die-at", func(w http.ResponseWriter, r *http.Request) {
		point := r.URL.Query().Get("point")
		b.point.Store(&point)
		fmt.Fprintf(w, "dies after the next %s\n", point)
	})
	return mux
}

func (b *burner) reached(point string) {
	if at := b.point.Load(); at != nil && *at == point {
		os.Exit(137) // what a SIGKILL looks like to the kubelet
	}
}
