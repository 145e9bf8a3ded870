package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// patience bounds one question to a machine, and its answer.
const patience = 10 * time.Second

// question is one line of JSON; so is the answer.
type question struct {
	Verb      string // "start", "stop" or "status"
	Component string
}

type answer struct {
	Error      string
	Components map[string]int // pid by name, 0: does not run
}

// Stop kills the component (SIGKILL) and keeps it from being started; it
// returns once the process is gone. Stopping what is stopped does nothing.
func Stop(ctx context.Context, control, component string) error {
	_, err := ask(ctx, control, question{Verb: "stop", Component: component})
	return err
}

// Start lets the component run again; it does not wait until it serves.
func Start(ctx context.Context, control, component string) error {
	_, err := ask(ctx, control, question{Verb: "start", Component: component})
	return err
}

// Status returns the process ids of all components, in the machine's own
// numbering; 0 stands for one that does not run.
func Status(ctx context.Context, control string) (map[string]int, error) {
	a, err := ask(ctx, control, question{Verb: "status"})
	return a.Components, err
}

func ask(ctx context.Context, control string, q question) (answer, error) {
	var a answer
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", control)
	if err != nil {
		return a, fmt.Errorf("ask the machine: %w", err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return a, fmt.Errorf("ask the machine to %s %s: %w", q.Verb, q.Component, err)
	}
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return a, fmt.Errorf("ask the machine to %s %s: %w", q.Verb, q.Component, err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// control answers questions on the machine's socket.
type control struct {
	ctx         context.Context // the life of the machine
	listener    net.Listener
	supervisors map[string]*supervisor
}

func listen(ctx context.Context, path string, supervisors map[string]*supervisor) (*control, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("clear control socket: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return &control{ctx: ctx, listener: listener, supervisors: supervisors}, nil
}

// serve answers until ctx ends.
func (c *control) serve() {
	stop := context.AfterFunc(c.ctx, func() { c.listener.Close() })
	defer stop()
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			if c.ctx.Err() != nil {
				return
			}
			continue
		}
		group.Go(func() { c.answer(conn) })
	}
}

func (c *control) answer(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var q question
	if err := json.NewDecoder(conn).Decode(&q); err != nil {
		return
	}
	var a answer
	if err := c.do(q, &a); err != nil {
		a.Error = err.Error()
	}
	_ = json.NewEncoder(conn).Encode(a)
}

func (c *control) do(q question, a *answer) error {
	if q.Verb == "status" {
		a.Components = make(map[string]int, len(c.supervisors))
		for name, s := range c.supervisors {
			a.Components[name] = s.pid()
		}
		return nil
	}
	s := c.supervisors[q.Component]
	if s == nil {
		known := slices.Sorted(maps.Keys(c.supervisors))
		return fmt.Errorf("no component %q: name one of %s", q.Component, strings.Join(known, ", "))
	}
	switch q.Verb {
	case "start":
		s.want(true)
	case "stop":
		if p := s.want(false); p != nil {
			p.wait(c.ctx)
		}
	default:
		return fmt.Errorf("no verb %q: ask to start, stop or status", q.Verb)
	}
	return nil
}
