package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"memgraph-controller/internal/app"
	"memgraph-controller/internal/cluster"
)

// patience is how long a person waits for the leader's answer: longer than any
// step of a healthy cluster takes.
const patience = 10 * time.Second

// forget deletes the record, as kubectl would delete the ConfigMap.
func (s *Sandbox) forget() (string, error) {
	if s.objects.Data() == nil {
		return "", errors.New("there is no record to delete")
	}
	s.objects.Put(nil)
	return "deleted the record; the controllers look at the nodes and write it anew", nil
}

// ask hands a request to the controller that leads and returns its answer; a
// refusal is an error.
func (s *Sandbox) ask(ctx context.Context, q cluster.Request) (string, error) {
	leader, name := s.leader()
	if leader == nil {
		return "", errors.New("no controller leads at the moment; ask again in some seconds")
	}
	var answer <-chan string
	q.ID, answer = s.answers.expect(q.Ask.String())
	defer s.answers.give(q.ID, "")
	if err := leader.Request(q); err != nil {
		return "", fmt.Errorf("ask %s to %s %s: %w", name, q.Ask, s.topology.Name(q.Node), err)
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case why := <-answer:
		if strings.HasPrefix(why, q.Ask.String()+" refused") {
			return "", fmt.Errorf("%s: %s", name, why)
		}
		return name + ": " + why, nil
	case <-late.C:
		return "", fmt.Errorf("%s has not answered within %s: it may be in the middle of a step; the answer will be in %s", name, patience, s.dir.file(logName))
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// leader returns the controller that leads and its name, nil if none does.
func (s *Sandbox) leader() (*app.Replica, string) {
	for _, sl := range s.slots {
		if r, _ := sl.alive(); r != nil && r.Status().Leading {
			return r, sl.name
		}
	}
	return nil, ""
}

// answers are what becomes of requests. A loop tells it in its log, when it has
// carried one out or refused it, and nowhere else. The zero value waits for none.
type answers struct {
	mu      sync.Mutex
	count   int
	waiting map[string]chan string // capacity 1
}

// expect returns an ID for a request and the channel that gets the answer.
func (a *answers) expect(what string) (id string, answer <-chan string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	id = fmt.Sprintf("%s-%d", what, a.count)
	c := make(chan string, 1)
	if a.waiting == nil {
		a.waiting = map[string]chan string{}
	}
	a.waiting[id] = c
	return id, c
}

// give hands an answer over and waits for no other.
func (a *answers) give(id, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.waiting[id]; ok {
		c <- why
		delete(a.waiting, id)
	}
}

// heard returns a logger whose answers are heard.
func (a *answers) heard(log *slog.Logger) *slog.Logger {
	return slog.New(ear{log.Handler(), a})
}

// ear is a log handler that listens for answers.
type ear struct {
	slog.Handler
	answers *answers
}

// Enabled implements slog.Handler: answers are heard whatever is logged.
func (e ear) Enabled(ctx context.Context, l slog.Level) bool {
	return l == slog.LevelInfo || e.Handler.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (e ear) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "request answered" {
		var id, why string
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "step":
				id = a.Value.String()
			case "reason":
				why = a.Value.String()
			}
			return true
		})
		e.answers.give(id, why)
	}
	if !e.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return e.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (e ear) WithAttrs(attrs []slog.Attr) slog.Handler {
	return ear{e.Handler.WithAttrs(attrs), e.answers}
}

// WithGroup implements slog.Handler.
func (e ear) WithGroup(name string) slog.Handler { return ear{e.Handler.WithGroup(name), e.answers} }
