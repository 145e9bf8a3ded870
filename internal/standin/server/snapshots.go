package server

import (
	"context"
	"time"

	"memgraph-controller/internal/standin/bolt"
)

// createSnapshot prepares CREATE SNAPSHOT, which a REPLICA refuses before 3.7.2.
func (s *session) createSnapshot() bolt.Result {
	var fields []string
	if s.in.version.since(3, 5) {
		fields = []string{"path"}
	}
	return &lazy{fields: fields, work: func(ctx context.Context) (answer, error) {
		if !s.in.version.since(3, 7, 2) {
			if replica, err := s.in.onReplica(ctx); err != nil || replica {
				if err == nil {
					err = bolt.TransientError(textSnapshot)
				}
				return answer{}, err
			}
		}
		path, err := s.in.engine.CreateSnapshot(ctx)
		if err != nil || fields == nil {
			return answer{}, err
		}
		return answer{rows: [][]any{{path}}}, nil
	}}
}

func (in *Instance) showSnapshots(context.Context) (answer, error) {
	list, err := in.engine.Snapshots()
	var out answer
	for _, s := range list {
		created := s.Created.UTC().Format("2006-01-02T15:04:05.000000-0700")
		out.rows = append(out.rows, []any{s.Path, int64(s.LDT), created, size(s.Size)})
	}
	return out, err
}

func (in *Instance) showNextSnapshot(context.Context) (answer, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.nextSnapshot.IsZero() {
		return answer{}, nil
	}
	at := in.nextSnapshot.UTC().Format("2006-01-02T15:04:05.000000-0700")
	return answer{rows: [][]any{{in.engine.Dir() + "/snapshots", at}}}, nil
}

// takeSnapshots makes snapshots at intervals, if anything was committed since the last.
func (in *Instance) takeSnapshots(ctx context.Context, every time.Duration) {
	timer := time.NewTimer(every)
	defer timer.Stop()
	last := in.engine.LDT()
	for {
		in.mu.Lock()
		in.nextSnapshot = time.Now().Add(every)
		in.mu.Unlock()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		timer.Reset(every)
		if ldt := in.engine.LDT(); ldt != last {
			if _, err := in.engine.CreateSnapshot(ctx); err != nil {
				in.log.Error("periodic snapshot failed", "err", err)
				continue
			}
			last = ldt
		}
	}
}
