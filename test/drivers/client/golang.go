package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"memgraph-controller/test/drivers/judge"
)

// patience is longer than a driver tries and a gateway holds, so that the answer is theirs.
const patience = 90 * time.Second

// golang are clients of the Go driver.
type golang struct {
	work sync.WaitGroup
	end  chan struct{}
}

// StartGo puts clients of the Go driver to work. Report is called from many goroutines.
func StartGo(ctx context.Context, specs []Spec, report func(judge.Op)) (Crew, error) {
	g := &golang{end: make(chan struct{})}
	for _, spec := range specs {
		driver, err := neo4j.NewDriverWithContext(spec.URL, neo4j.NoAuth())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open a Go driver for %s: %w", spec.URL, err), g.Stop())
		}
		c := &goClient{Spec: spec, driver: driver, next: spec.FirstID}
		g.work.Go(func() {
			defer func() { _ = driver.Close(context.WithoutCancel(ctx)) }() // nothing is under way that could fail
			c.run(ctx, g.end, report)
		})
	}
	return g, nil
}

// Stop implements Crew.
func (g *golang) Stop() error {
	close(g.end)
	g.work.Wait()
	return nil
}

// goClient is one of them.
type goClient struct {
	Spec
	driver neo4j.DriverWithContext
	next   int64 // the id to write
}

func (c *goClient) run(ctx context.Context, end <-chan struct{}, report func(judge.Op)) {
	tick := time.NewTicker(c.rhythm())
	defer tick.Stop()
	for {
		select {
		case <-end:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		report(c.operate(ctx))
	}
}

// operate does one operation.
func (c *goClient) operate(ctx context.Context) judge.Op {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := judge.Op{Client: c.Number, ID: c.next}
	if c.FirstID != 0 {
		c.next++
	}
	work := &goWork{op: &o}
	access := neo4j.AccessModeRead
	if o.ID != 0 {
		access = neo4j.AccessModeWrite
	}
	o.Begin = time.Now()
	session := c.driver.NewSession(ctx, neo4j.SessionConfig{AccessMode: access})
	err := work.do(ctx, c.Mode, session)
	o.End = time.Now()
	o.Failure = failure(err)
	_ = session.Close(ctx) // the operation's own error says it all
	return o
}

// failure is what an application is told by an error of the Go driver.
func failure(err error) *judge.Failure {
	if err == nil {
		return nil
	}
	f := &judge.Failure{Code: fmt.Sprintf("%T", err), Text: err.Error(), Retriable: neo4j.IsRetryable(err)}
	var server *neo4j.Neo4jError
	var connection *neo4j.ConnectivityError
	switch {
	case errors.As(err, &server):
		f.Code, f.Text = server.Code, server.Msg
	case errors.As(err, &connection):
		f.Code = "ConnectivityError"
	}
	return f
}

// goWork is the work of one operation.
type goWork struct{ op *judge.Op }

// do does it in one of the ways in which applications do.
func (w *goWork) do(ctx context.Context, mode judge.Mode, session neo4j.SessionWithContext) error {
	switch mode {
	case judge.Managed:
		execute := session.ExecuteRead
		if w.op.ID != 0 {
			execute = session.ExecuteWrite
		}
		_, err := execute(ctx, func(tx neo4j.ManagedTransaction) (any, error) { return nil, w.inside(ctx, tx) })
		return err
	case judge.Explicit:
		tx, err := session.BeginTransaction(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Close(ctx) }() // a rollback, if it is open still
		if err := w.inside(ctx, tx); err != nil {
			return err
		}
		return tx.Commit(ctx)
	default:
		w.op.Tries, w.op.Sent = 1, 1
		result, err := session.Run(ctx, w.query(), w.parameters())
		return w.consume(ctx, result, err)
	}
}

// inside does the work inside a transaction; COMMIT follows if it returns nil.
func (w *goWork) inside(ctx context.Context, tx interface {
	Run(context.Context, string, map[string]any) (neo4j.ResultWithContext, error)
},
) error {
	w.op.Tries++
	result, err := tx.Run(ctx, w.query(), w.parameters())
	if err = w.consume(ctx, result, err); err == nil {
		w.op.Sent++
	}
	return err
}

func (w *goWork) consume(ctx context.Context, result neo4j.ResultWithContext, err error) error {
	if err != nil {
		return err
	}
	summary, err := result.Consume(ctx)
	if err == nil {
		w.op.Door = summary.Server().Address()
	}
	return err
}

func (w *goWork) query() string {
	if w.op.ID != 0 {
		return writeQuery
	}
	return readQuery
}

func (w *goWork) parameters() map[string]any {
	if w.op.ID != 0 {
		return map[string]any{"id": w.op.ID}
	}
	return nil
}
