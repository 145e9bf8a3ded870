package register

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/internal/sandbox/bench"
)

const (
	patience = 15 * time.Second      // longer than any hold, so that the answer is the cluster's
	rhythm   = 25 * time.Millisecond // between two operations of a client
	each     = 2                     // clients of a register
)

// The statements. A write of a register that is not there matches nothing; the next
// read tells.
const (
	createQuery = "UNWIND $keys AS key CREATE (:Register {key: key, value: 0})"
	writeQuery  = "MATCH (r:Register {key: $key}) SET r.value = $value"
	readQuery   = "MATCH (r:Register {key: $key}) RETURN r.value"
	allQuery    = "MATCH (r:Register) RETURN r.key, r.value"
)

// conflict is the text of a write that lost against another one of the same node
// and was rolled back.
const conflict = "Cannot resolve conflicting transactions"

// classify says what err means for an operation.
func classify(err error) bench.Outcome {
	var server *neo4j.Neo4jError
	if errors.As(err, &server) && strings.Contains(server.Msg, conflict) {
		return bench.Refused
	}
	return bench.Classify(err)
}

// Clients read and write registers until they are stopped.
type Clients struct {
	end    chan struct{}
	work   sync.WaitGroup
	values *atomic.Int64

	mu      sync.Mutex
	history []Operation
}

// Create makes registers with new keys, by the gateway at addr (host:port).
func Create(ctx context.Context, addr string, keys []int64) error {
	driver, err := bench.Open(addr, patience)
	if err != nil {
		return err
	}
	defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }()
	if _, err := run(ctx, driver, neo4j.AccessModeWrite, createQuery, map[string]any{"keys": keys}); err != nil {
		return fmt.Errorf("create registers: %w", err)
	}
	return nil
}

// Start puts two clients to work on each of the registers, by the gateway at addr
// (host:port). Values come from a counter that all clients of these registers share.
func Start(ctx context.Context, addr string, keys []int64, values *atomic.Int64) (*Clients, error) {
	c := &Clients{end: make(chan struct{}), values: values}
	for i := range each * len(keys) {
		driver, err := bench.Open(addr, patience)
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.work.Go(func() {
			defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }()
			c.client(ctx, driver, i, keys[i%len(keys)])
		})
	}
	return c, nil
}

// client writes and reads in turn.
func (c *Clients) client(ctx context.Context, driver neo4j.DriverWithContext, number int, key int64) {
	tick := time.NewTicker(rhythm)
	defer tick.Stop()
	for write := true; ; write = !write {
		select {
		case <-c.end:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		o := Operation{Key: key, Write: write, Client: number}
		if write {
			o.Value = c.values.Add(1)
		}
		deadline, cancel := context.WithTimeout(ctx, patience)
		o = perform(deadline, driver, o)
		cancel()
		c.mu.Lock()
		c.history = append(c.history, o)
		c.mu.Unlock()
	}
}

// perform does the operation once and returns it with what came of it.
func perform(ctx context.Context, driver neo4j.DriverWithContext, o Operation) Operation {
	o.Begin = time.Now()
	var err error
	if o.Write {
		_, err = run(ctx, driver, neo4j.AccessModeWrite, writeQuery, map[string]any{"key": o.Key, "value": o.Value})
	} else {
		var rows []*neo4j.Record
		rows, err = run(ctx, driver, neo4j.AccessModeRead, readQuery, map[string]any{"key": o.Key})
		o.Value = Absent
		if len(rows) > 0 {
			o.Value, _ = rows[0].Values[0].(int64)
		}
	}
	o.End, o.Outcome = time.Now(), classify(err)
	return o
}

// Stop lets every client finish the operation it is at, and returns all of them. It
// may be called again.
func (c *Clients) Stop() []Operation {
	c.mu.Lock()
	select {
	case <-c.end:
	default:
		close(c.end)
	}
	c.mu.Unlock()
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.history)
}

// Read returns the values of all registers that the server at addr (host:port) holds.
func Read(ctx context.Context, addr string) (map[int64]int64, error) {
	driver, err := bench.Open(addr, patience)
	if err != nil {
		return nil, err
	}
	defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }()
	rows, err := run(ctx, driver, neo4j.AccessModeRead, allQuery, nil)
	if err != nil {
		return nil, fmt.Errorf("read the registers of %s: %w", addr, err)
	}
	held := map[int64]int64{}
	for _, row := range rows {
		key, isKey := row.Values[0].(int64)
		value, isValue := row.Values[1].(int64)
		if !isKey || !isValue {
			return nil, fmt.Errorf("read the registers of %s: %v is no key with a value", addr, row.Values)
		}
		if _, twice := held[key]; twice {
			return nil, fmt.Errorf("read the registers of %s: register %d is there twice", addr, key)
		}
		held[key] = value
	}
	return held, nil
}

// Last are reads of the registers with the values that all nodes were found to
// hold between begin and end, for the end of a history.
func Last(held map[int64]int64, keys []int64, begin, end time.Time) []Operation {
	var reads []Operation
	for _, key := range keys {
		value, ok := held[key]
		if !ok {
			value = Absent
		}
		reads = append(reads, Operation{Key: key, Value: value, Begin: begin, End: end, Outcome: bench.Acked})
	}
	return reads
}

// run runs one auto-commit statement, which the driver never retries.
func run(ctx context.Context, driver neo4j.DriverWithContext, mode neo4j.AccessMode, query string, parameters map[string]any) ([]*neo4j.Record, error) {
	session := driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: mode})
	defer func() { _ = session.Close(ctx) }() // the statement's own error says it all
	result, err := session.Run(ctx, query, parameters)
	if err != nil {
		return nil, err
	}
	return result.Collect(ctx)
}
