package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"memgraph-controller/internal/standin/control"
	"memgraph-controller/internal/standin/faults"
)

var _ control.Target = (*Instance)(nil)

// openControl opens the control port, on loopback only. It is the first to open, so that a node
// that is slow to start can be looked at.
func (in *Instance) openControl() error {
	port := in.opts.ControlPort
	switch {
	case port == 0:
		return nil
	case port < 0:
		port = 0
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(in.ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("open control port: %w", err)
	}
	in.mu.Lock()
	in.controlAddr = ln.Addr()
	in.mu.Unlock()
	srv := &http.Server{Handler: control.NewHandler(in), ReadHeaderTimeout: 5 * time.Second}
	in.run.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			in.log.Error("control port ended", "err", err)
		}
	})
	context.AfterFunc(in.ctx, func() { _ = srv.Close() })
	return nil
}

// State returns what there is to see behind the scenes. During the start most of it is missing.
func (in *Instance) State() control.State {
	s := control.State{Version: in.version.String(), PID: os.Getpid(), Faults: in.faults()}
	if !in.started.Load() {
		return s
	}
	s.UUID, s.Lineage, s.Nodes, s.Hung = in.engine.UUID(), in.engine.Lineage(), in.engine.Nodes(), in.node.Hung()
	// The role may be waited for, but not here: a context that has ended asks without waiting.
	ended, cancel := context.WithCancel(in.ctx)
	cancel()
	if role, err := in.node.Role(ended); err == nil {
		s.Role = string(role)
	}
	return s
}

func (in *Instance) faults() control.Faults {
	f := control.Faults{PromotionDelayMS: in.delay.Load(), LoseFinalize: max(0, in.finalize.Load())}
	if p := in.crashAt.Load(); p != nil {
		f.CrashAt = *p
	}
	for name, link := range in.links {
		if peers := link.Faults(); len(peers) > 0 {
			if f.Links == nil {
				f.Links = map[control.Link]map[string]faults.Fault{}
			}
			f.Links[name] = peers
		}
	}
	return f
}

// SetFaults makes f the faults.
func (in *Instance) SetFaults(f control.Faults) error {
	if err := f.Validate(); err != nil {
		return err
	}
	in.crashAt.Store(nil)
	if f.CrashAt != "" {
		in.crashAt.Store(&f.CrashAt)
	}
	in.delay.Store(f.PromotionDelayMS)
	in.finalize.Store(f.LoseFinalize)
	var failed error
	for name, link := range in.links {
		for peer := range link.Faults() {
			if _, stays := f.Links[name][peer]; !stays {
				failed = errors.Join(failed, link.Set(peer, faults.Fault{}))
			}
		}
		for peer, fault := range f.Links[name] {
			failed = errors.Join(failed, link.Set(peer, fault))
		}
	}
	return failed
}

// SetLink changes the fault of one link and peer.
func (in *Instance) SetLink(link control.Link, peer string, f faults.Fault) error {
	l := in.links[link]
	if l == nil {
		return fmt.Errorf("unknown link %q", link)
	}
	return l.Set(peer, f)
}

// PowerLoss drops what is not on disk and kills the process.
func (in *Instance) PowerLoss(context.Context) {
	if in.started.Load() {
		if err := in.engine.PowerLoss(); err != nil {
			in.log.Error("power loss was incomplete", "err", err)
		}
	}
	in.opts.Kill()
}

// Kill kills the process.
func (in *Instance) Kill() { in.opts.Kill() }

// pass kills the process if it is to die at the point.
func (in *Instance) pass(p control.Point) {
	if at := in.crashAt.Load(); at != nil && *at == p && in.crashAt.CompareAndSwap(at, nil) {
		in.opts.Kill()
	}
}

// loseFinalize reports whether the next second phase gets lost.
func (in *Instance) loseFinalize() bool {
	for {
		n := in.finalize.Load()
		if n <= 0 {
			return false
		}
		if in.finalize.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
