package matrix

import (
	"context"
	"errors"
	"fmt"
	"time"

	"memgraph-controller/test/e2e"
)

// Situation is what goes on when a fault strikes.
type Situation string

// The situations. In all but Idle clients write all the time.
const (
	Idle       Situation = "idle"       // nobody writes from before the fault until the release is whole again
	Write      Situation = "write"      // nothing but writes
	Switchover Situation = "switchover" // one was asked for up to 400 ms ago
	Rebuild    Situation = "rebuild"    // one of the ASYNC replica was asked for up to 4 s ago
	Failover   Situation = "failover"   // MAIN was killed, and the record has just named its successor
)

// Situations lists them all.
func Situations() []Situation { return []Situation{Idle, Write, Switchover, Rebuild, Failover} }

// begin brings a situation about. Afterwards the scene says who is who in it.
func (l Situation) begin(ctx context.Context, s *scene) error {
	switch l {
	case Switchover:
		if err := ask(ctx, s.release, "switchover"); err != nil {
			return err
		}
		s.moment(ctx, 400*time.Millisecond) // it takes about 250 ms
	case Rebuild:
		return beginRebuild(ctx, s)
	case Failover:
		return beginFailover(ctx, s)
	}
	return ctx.Err()
}

func beginRebuild(ctx context.Context, s *scene) error {
	request := "rebuild " + ordinal(s.async)
	if err := ask(ctx, s.release, request); err != nil {
		return err
	}
	answer, err := answered(ctx, s.release, request, 10*time.Second)
	if err != nil {
		return err
	}
	if unknownRequest(answer) || refusedRequest(answer) {
		return fmt.Errorf("begin a rebuild of %s: %s", s.async, answer)
	}
	s.moment(ctx, 4*time.Second) // its pod is replaced, and it copies MAIN
	return ctx.Err()
}

// beginFailover kills MAIN. Then the standby plays MAIN's part, and the node that was
// killed is the one that comes back.
func beginFailover(ctx context.Context, s *scene) error {
	if err := s.lab.Kill(ctx, s.release.Namespace, s.main, e2e.Memgraph); err != nil {
		return err
	}
	err := e2e.Until(ctx, 20*time.Second, "the record to name another MAIN than "+s.main, func(ctx context.Context) error {
		for _, status := range s.release.Statuses(ctx) {
			if status.Record != nil && status.Record.Epoch > s.epoch && status.Record.Main != s.main {
				if status.Record.Main != s.standby {
					s.async = s.standby // cannot be by the rules; the verdict will tell
				}
				s.main, s.standby = status.Record.Main, s.main
				return nil
			}
		}
		return errors.New("it does not yet")
	})
	if err != nil && ctx.Err() == nil {
		return &finding{unhealed, "MAIN was killed and nothing followed: " + err.Error()}
	}
	return err
}
