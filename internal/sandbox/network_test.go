package sandbox

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"memgraph-controller/internal/cluster"
)

// wires is a cutter whose nodes answer only some time after they have started.
type wires struct {
	mu      sync.Mutex
	process cluster.Process
	deaf    bool // the control port is not open yet
	off     bool
}

func (w *wires) cut(context.Context, cluster.Ordinal) error { return w.set(true) }

func (w *wires) heal(context.Context, cluster.Ordinal) error { return w.set(false) }

func (w *wires) set(off bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf {
		return errors.New("connection refused")
	}
	w.off = off
	return nil
}

// become replaces the process; a new one knows of no cut.
func (w *wires) become(id string, deaf bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.process, w.deaf, w.off = cluster.Process{ID: id}, deaf, false
}

func (w *wires) isOff() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.off
}

func TestCutOutlivesTheProcessUntilHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wires{}
		w.become("a", false)
		n := newNetwork(w, 1, func(cluster.Ordinal) cluster.Process {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.process
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.run(ctx)
		}()
		if err := n.cut(ctx, 0); err != nil || !w.isOff() || !n.cutOff()[0] {
			t.Fatalf("cut: %v, off %t, shown %v", err, w.isOff(), n.cutOff())
		}
		w.become("b", true)
		n.nodeChanged()
		time.Sleep(time.Second)
		w.mu.Lock()
		w.deaf = false
		w.mu.Unlock()
		time.Sleep(time.Second)
		if !w.isOff() {
			t.Error("a node that restarted is no longer cut off")
		}
		if err := n.heal(ctx, 0); err != nil || w.isOff() || n.cutOff()[0] {
			t.Errorf("heal: %v, off %t, shown %v", err, w.isOff(), n.cutOff())
		}
		w.become("c", false)
		n.nodeChanged()
		time.Sleep(time.Second)
		if w.isOff() {
			t.Error("a healed node was cut off again when it restarted")
		}
		cancel()
		<-done
	})
}

func TestRealServersAreNotCutButSaidWhy(t *testing.T) {
	n := newNetwork(Server{Memgraph: "/usr/bin/memgraph"}.cutter(nil), 3, nil)
	if err := n.cut(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "needs root; pause it instead") {
		t.Errorf("cut of a real server = %v; want a sentence that says why not", err)
	}
	if n.cutOff()[0] {
		t.Error("a node that could not be cut off is shown as cut off")
	}
}
