package main

import (
	"context"
	"fmt"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/sandbox/bench"
	"memgraph-controller/test/drivers/judge"
)

// held reads all nodes until they are equal, at most for a while: an ASYNC replica may be
// late, not different. What was read last is returned.
func (m *matrix) held(ctx context.Context) ([]map[int64]int, error) {
	for began := time.Now(); ; pause(ctx, 100*time.Millisecond) {
		held, err := m.place.Held(ctx)
		late := time.Since(began) > equality || ctx.Err() != nil
		switch {
		case err != nil && late:
			return nil, fmt.Errorf("read what the nodes hold: %w", err)
		case err == nil && (late || len(bench.Judge(nil, held).Unequal) == 0):
			return held, nil
		}
	}
}

// judge adds a load to the lines of its cells.
func (m *matrix) judge(lines []*judge.Line, all judge.Load) {
	loads := make([]judge.Load, len(lines))
	for i := range loads {
		loads[i] = all
		loads[i].Ops, loads[i].Held = nil, make([]map[int64]int, len(all.Held))
		for n := range all.Held {
			loads[i].Held[n] = map[int64]int{}
		}
	}
	for _, o := range all.Ops {
		i := m.clients.cell[o.Client]
		loads[i].Ops = append(loads[i].Ops, o)
	}
	for n, ids := range all.Held {
		for id, times := range ids {
			i, ours := m.clients.owner(id)
			if !ours {
				m.sum.Stray++
				m.say("BROKEN: node %d holds id %d, which was removed, or which nobody wrote\n", n, id)
				continue
			}
			loads[i].Held[n][id] = times
		}
	}
	for i, l := range lines {
		l.Add(loads[i])
		if l.Failed() {
			m.say("BROKEN: %s %s:// %s: %v\n", l.Driver, l.URI, l.Mode, l.Broken)
		}
	}
}

// removeQuery removes some of all there is and says how many.
const removeQuery = "MATCH (n) WITH n LIMIT 5000 DELETE n RETURN count(n)"

// empty removes everything, through the gateway.
func empty(ctx context.Context, door string) error {
	driver, err := neo4j.NewDriverWithContext("bolt://"+door, neo4j.NoAuth())
	if err != nil {
		return fmt.Errorf("empty the nodes: open a driver for %s: %w", door, err)
	}
	defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }() // nothing is under way that could fail
	session := driver.NewSession(ctx, neo4j.SessionConfig{})
	defer func() { _ = session.Close(context.WithoutCancel(ctx)) }()
	for {
		removed, err := session.ExecuteWrite(ctx, func(tx neo4j.ManagedTransaction) (any, error) {
			result, err := tx.Run(ctx, removeQuery, nil)
			if err != nil {
				return nil, err
			}
			row, err := result.Single(ctx)
			if err != nil {
				return nil, err
			}
			return row.Values[0], nil
		})
		if err != nil {
			return fmt.Errorf("empty the nodes: %w", err)
		}
		if removed == int64(0) {
			return nil
		}
	}
}
