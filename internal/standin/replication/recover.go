package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"memgraph-controller/internal/standin/storage"
)

// batchBytes is how much of the log, or of a snapshot, goes into one request.
const batchBytes = 1 << 20

// recover brings a replica that stands at ldt up to the MAIN: by the log if it reaches back that
// far, otherwise by the newest snapshot and the log after it.
func (c *client) recover(ctx context.Context, ldt uint64) {
	ldt, err := c.transfer(ctx, ldt)
	if err != nil {
		c.log.Debug("recovery of a replica ended early", "replica", c.Name, "err", err)
	}
	// Under the engine lock no commit can slip in between the comparison and the state.
	lockErr := c.engine.WithLock(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.state != Recovery {
			return
		}
		c.heard = standing{ldt: max(c.heard.ldt, ldt)}
		c.state = MaybeBehind
		if err == nil && ldt >= c.engine.LDT() {
			c.state = Ready
		}
	})
	if lockErr != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state = MaybeBehind
	}
}

// transfer returns where the replica stands afterwards.
func (c *client) transfer(ctx context.Context, ldt uint64) (uint64, error) {
	ldt, err := c.sendLog(ctx, ldt)
	if !errors.Is(err, storage.ErrGap) {
		return ldt, err
	}
	list, err := c.engine.Snapshots()
	if err != nil {
		return ldt, err
	}
	if len(list) == 0 {
		return ldt, fmt.Errorf("recover replica %s: %w, and there is no snapshot", c.Name, storage.ErrGap)
	}
	if ldt, err = c.sendSnapshot(ctx, list[0].Path); err != nil {
		return ldt, err
	}
	after, err := c.sendLog(ctx, ldt)
	if errors.Is(err, storage.ErrGap) && ldt >= c.engine.LDT() {
		return ldt, nil // nothing was logged since the snapshot
	}
	return after, err
}

func (c *client) sendLog(ctx context.Context, ldt uint64) (uint64, error) {
	var records []storage.Record
	size := 0
	flush := func() error {
		if len(records) == 0 {
			return nil
		}
		q := c.request(kindLog)
		q.records = records
		answer, err := c.peer.ask(ctx, q, c.timing.Log)
		if err != nil {
			return err
		}
		if !answer.ok {
			return errors.New("the replica refused the log")
		}
		records, size, ldt = nil, 0, answer.ldt
		return nil
	}
	err := c.engine.ReadLog(ldt, func(rec storage.Record) error {
		records = append(records, rec)
		if size += len(rec.Body); size < batchBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return ldt, err
}

func (c *client) sendSnapshot(ctx context.Context, path string) (uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, fmt.Errorf("send snapshot: %w", err)
	}
	defer file.Close()
	if !c.peer.acquire(ctx, 0) {
		return 0, context.Cause(ctx)
	}
	defer c.peer.release()
	chunk := make([]byte, batchBytes)
	for {
		n, err := io.ReadFull(file, chunk)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return 0, fmt.Errorf("send snapshot: %w", err)
		}
		q := c.request(kindSnapshot)
		q.chunk, q.last = chunk[:n], last
		answer, err := c.peer.call(ctx, q, c.timing.Snapshot)
		switch {
		case err != nil:
			return 0, err
		case !answer.ok:
			return 0, errors.New("the replica refused the snapshot")
		case last:
			return answer.ldt, nil
		}
	}
}
